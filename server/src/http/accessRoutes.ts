import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { isSameOrigin, sessionCookie } from '../access/Access.ts';
import { sessionForS } from '../access/Accounts.ts';
import type { Principal } from '../access/Principal.ts';
import {
  accessViewSchema,
  type CallerView,
  changePasswordSchema,
  idSchema,
  loginSchema,
  Refusal,
  sessionListSchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import { nameForAudit } from './auditChanges.ts';
import type { HttpContext } from './context.ts';
import { isSecure } from './isSecure.ts';
import { atMost, maxJsonBytes, takes } from './middleware.ts';

const params = z.object({ id: idSchema });
const takesJson = [takes('application/json'), atMost(maxJsonBytes)] as const;

/** Who am I, signing in and out, and one's own password and sessions. */
export function addAccessRoutes(app: OpenAPIHono, http: HttpContext): void {
  addLoginRoutes(app, http);
  addSessionRoutes(app, http);
}

function addLoginRoutes(
  app: OpenAPIHono,
  { access, accounts, directory, callerOf, addressOf, tls }: HttpContext,
): void {
  const view = (principal: Principal | undefined) => ({
    access: access.open ? ('open' as const) : ('restricted' as const),
    login: directory.hasUsers,
    caller: principal ? callerView(principal) : null,
    tls: tls() ?? null,
  });

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/access',
      summary: 'Who asks, and how to be let in; for anybody',
      description: '`open`: a loopback bind and no user yet. Whoever reaches it is an administrator then.',
      security: [],
      responses: { 200: json(accessViewSchema, 'who asks'), ...errors(403, 429) },
    }),
    (context) => context.json(view(callerOf(context).principal), 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/login',
      summary: 'Sign in with name and password; answers with a session cookie',
      description: 'Requests with the cookie that change something need the header `X-Framelock: 1` as well.',
      security: [],
      middleware: [...takesJson],
      request: { body: { required: true, content: { 'application/json': { schema: loginSchema } } } },
      responses: { 200: json(accessViewSchema, 'signed in'), ...errors(400, 401, 403, 413, 415, 429) },
    }),
    async (context) => {
      // Else a page of another site could sign somebody in under a name of its own.
      if (!isSameOrigin({ host: context.req.header('host'), origin: context.req.header('origin') })) {
        throw new Refusal('forbidden', 'pages of another origin may not sign in here');
      }
      nameForAudit(context, context.req.valid('json').name);
      const from = { address: addressOf(context), agent: context.req.header('user-agent') ?? '' };
      const { cookie } = await accounts.login(context.req.valid('json'), from);
      setCookie(context, sessionCookie, cookie, { ...attributes(context), maxAge: sessionForS });
      return context.json(view(directory.ofSession(cookie)), 200);
    },
  );
}

function addSessionRoutes(app: OpenAPIHono, { access, accounts, directory, callerOf }: HttpContext): void {
  /** Of a browser that is signed in; a token has neither password nor session. */
  const signedIn = (context: Context) => {
    const caller = callerOf(context);
    const { principal, address } = caller;
    if (principal?.kind !== 'user') throw access.refusal(caller, 'a sign-in with a password');
    return { userId: principal.id!, sessionId: principal.ref.slice('fls:'.length), address };
  };

  const signedInOnly: MiddlewareHandler = async (context, next) => {
    signedIn(context);
    await next();
  };

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/logout',
      summary: 'End the session that this request comes with',
      responses: { 204: { description: 'signed out' }, ...errors(401, 403) },
    }),
    async (context) => {
      const { sessionId } = signedIn(context);
      await accounts.endSession(sessionId);
      deleteCookie(context, sessionCookie, attributes(context));
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/password',
      summary: "Change one's own password; ends one's other sessions",
      middleware: [signedInOnly, ...takesJson],
      request: { body: { required: true, content: { 'application/json': { schema: changePasswordSchema } } } },
      responses: { 204: { description: 'changed' }, ...errors(400, 401, 403, 413, 415, 429) },
    }),
    async (context) => {
      await accounts.changePassword(signedIn(context), context.req.valid('json'));
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/sessions',
      summary: "Sessions, newest first: one's own, to administrators all",
      responses: { 200: json(sessionListSchema, 'the sessions'), ...errors(401, 403) },
    }),
    (context) => {
      const { principal } = requireSessions(context);
      const sessions = directory.sessions.filter(({ userId }) => principal.admin || userId === principal.id);
      return context.json(
        {
          sessions: sessions.map((session) => ({
            ...{ id: session.id, userId: session.userId, userName: directory.user(session.userId)?.name ?? '' },
            ...{ address: session.address, agent: session.agent, current: principal.ref === `fls:${session.id}` },
            createdAt: session.createdAt.toISOString(),
            lastUsedAt: session.lastUsedAt.toISOString(),
            expiresAt: session.expiresAt.toISOString(),
          })),
        },
        200,
      );
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/sessions/{id}',
      summary: "End a session: one's own, as administrator any; what is live by it ends too",
      request: { params },
      responses: { 204: { description: 'ended' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { principal } = requireSessions(context);
      const { id } = context.req.valid('param');
      const session = directory.sessions.find((one) => one.id === id);
      if (!session || (!principal.admin && session.userId !== principal.id)) {
        throw new Refusal('notFound', 'there is no such session');
      }
      await accounts.endSession(id);
      return context.body(null, 204);
    },
  );

  function requireSessions(context: Context): { principal: Principal } {
    const caller = callerOf(context);
    if (caller.principal?.kind !== 'user' && !caller.principal?.admin) throw access.refusal(caller, 'a sign-in');
    return { principal: caller.principal! };
  }
}

function callerView({ kind, id, name, admin, grants }: Principal): CallerView {
  return { kind, id, name, admin, grants: [...grants] };
}

/** Strict: pages are public, and what they ask for afterwards comes from our own site. */
function attributes(context: Context) {
  const { incoming } = context.env as { incoming?: Parameters<typeof isSecure>[0] };
  const secure = incoming !== undefined && isSecure(incoming);
  return { path: '/', httpOnly: true, sameSite: 'Strict' as const, secure };
}
