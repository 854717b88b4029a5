import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { tracedAnswer } from '../protocol/tracing/index.ts';

/** The API, WHIP and WHEP; not pages, health and metrics, which say nothing about what the product does. */
const worthIt = /^\/(?:api\/v1|whip|whep)\//;

/** A span for each request, in the trace that its caller tells of (W3C Trace Context). */
export const traceRequests: MiddlewareHandler = async (context, next) => {
  const { method, path } = context.req;
  if (!worthIt.test(path)) return next();
  const attributes = { 'http.request.method': method };
  await tracedAnswer(`${method} ${path}`, attributes, context.req.header('traceparent'), async (span) => {
    await next();
    // Of the handler that answered: ids are no names.
    const route = routePath(context, -1);
    span.updateName(`${method} ${route}`);
    span.setAttributes({ 'http.route': route, 'http.response.status_code': context.res.status });
    if (context.res.status >= 500) span.setStatus({ code: 2 });
  });
};
