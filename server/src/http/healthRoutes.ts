import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { heartbeatAnswerSchema, nodeHeartbeatSchema, readinessSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needs, nodesOnly, takes } from './middleware.ts';

/** Health, metrics, and the door at which nodes announce themselves. */
export function addHealthRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { registry, metrics, readiness } = http;
  app.openapi(
    createRoute({
      method: 'get',
      path: '/healthz',
      summary: 'Whether the server process is well',
      responses: { 200: json(z.object({ status: z.literal('ok') }), 'well') },
    }),
    (context) => context.json({ status: 'ok' as const }, 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/readyz',
      summary: 'Whether database, sfu and inference answer',
      responses: {
        200: json(readinessSchema, 'all answer'),
        503: json(readinessSchema, '`missing` names who does not'),
      },
    }),
    async (context) => {
      const answer = await readiness();
      return answer.ready ? context.json(answer, 200) : context.json(answer, 503);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics',
      summary: 'Prometheus metrics of the server process',
      middleware: [needs(http, 'watch')],
      responses: {
        200: { description: 'text format', content: { 'text/plain': { schema: z.string() } } },
        ...errors(401, 403),
      },
    }),
    async (context) =>
      context.text(await metrics.registry.metrics(), 200, { 'Content-Type': metrics.registry.contentType }),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/internal/nodes/heartbeat',
      hide: true,
      // The secret comes first: who lacks it learns nothing of what a heartbeat looks like.
      middleware: [nodesOnly(http), takes('application/json'), atMost(maxJsonBytes)],
      request: { body: { required: true, content: { 'application/json': { schema: nodeHeartbeatSchema } } } },
      responses: { 200: json(heartbeatAnswerSchema, 'heard'), ...errors(400, 401, 413, 415) },
    }),
    async (context) => {
      await registry.heartbeat(context.req.valid('json'));
      return context.json({ serverTimeMs: Date.now() }, 200);
    },
  );
}
