import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { HttpContext } from './context.ts';

/** Not worth a line each: they come by the second, change nothing that lasts, or are told elsewhere. */
const unaudited = [/^\/api\/v1\/streams\/[^/]+\/poster$/, /^\/api\/v1\/doctor\//, /^\/whep\//];

/**
 * Everything that changes something by HTTP is in the audit log: who, what, to what, from where, and how it ended. What was
 * let in is stored before it is answered; what was refused is stored when there is time.
 */
export const auditChanges =
  ({ access, audit, callerOf, streams }: HttpContext): MiddlewareHandler =>
  async (context, next) => {
    const { method, path } = context.req;
    const isChange = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
    const isAudited = isChange && /^\/(?:api\/v1|whip)\//.test(path) && !unaudited.some((one) => one.test(path));
    if (!isAudited) return next();
    // Before the answer: a sign-out or a deletion is done by somebody who is nobody afterwards.
    const caller = identified(() => callerOf(context));
    await next();
    const { status } = context.res;
    // Refused without any sign of who it was: that is counted, and can't fill the log.
    if (!caller.principal && status >= 400 && !path.endsWith('/login')) return;
    const streamId = /^\/(?:api\/v1\/streams|whip)\/([^/]+)/.exec(path)?.[1];
    const row = !caller.principal && streamId !== undefined ? await streams.find(streamId) : undefined;
    const byKey = row && access.isKey(caller, row.streamKey);
    const stored = audit.record({
      caller,
      ...(byKey ? { actor: { kind: 'streamKey', name: `key of ${row.name}` } } : {}),
      ...(auditedName(context) === undefined ? {} : { actor: { kind: 'nobody', name: auditedName(context)! } }),
      action: `${method} ${routeOf(context)}`,
      target: targetOf(context),
      status,
    });
    if (status < 400) await stored;
  };

/** What a route says of who it was, where the request itself does not: the name that somebody signs in with. */
const names = new WeakMap<object, string>();
export function nameForAudit(context: Context, name: string): void {
  names.set(context.req, name);
}
const auditedName = (context: Context): string | undefined => names.get(context.req);

function identified(read: () => ReturnType<HttpContext['callerOf']>): ReturnType<HttpContext['callerOf']> {
  try {
    return read();
  } catch {
    return { token: undefined, principal: undefined, address: '' }; // refused by the route in a moment
  }
}

/** As the OpenAPI document writes it. */
function routeOf(context: Context): string {
  const handler = matchedRoutes(context)
    .filter(({ path, method }) => method !== 'ALL' && !path.includes('*'))
    .at(-1);
  return (handler?.path ?? context.req.path).replace(/:(\w+)/g, '{$1}');
}

function targetOf(context: Context): string | undefined {
  const values = Object.values(context.req.param() as Record<string, string>);
  return values.length > 0 ? values.join(' ') : undefined;
}
