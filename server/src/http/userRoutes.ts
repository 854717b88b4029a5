import type { ApiTokenRow, AuditRow, UserFacts } from '@framelock/db';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  auditEntrySchema,
  auditListSchema,
  changeUserSchema,
  createdTokenSchema,
  createTokenSchema,
  createUserSchema,
  grantSchema,
  idSchema,
  Refusal,
  tokenListSchema,
  type TokenView,
  userListSchema,
  type UserView,
  userViewSchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { adminOnly, atMost, maxJsonBytes, takes } from './middleware.ts';

const params = z.object({ id: idSchema });
const takesJson = [takes('application/json'), atMost(maxJsonBytes)] as const;
const body = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
});

/** Users, API tokens and the audit log: for administrators. */
export function addUserRoutes(app: OpenAPIHono, http: HttpContext): void {
  addUsers(app, http);
  addTokens(app, http);
  addAudit(app, http);
}

function addUsers(app: OpenAPIHono, http: HttpContext): void {
  const { accounts, directory } = http;
  const admin = adminOnly(http);

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/users',
      summary: 'Users, oldest first',
      middleware: [admin],
      responses: { 200: json(userListSchema, 'the users'), ...errors(401, 403) },
    }),
    (context) => context.json({ users: directory.users.map(userView) }, 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/users',
      summary: 'Create a user; the first one is an administrator, and ends open access',
      middleware: [admin, ...takesJson],
      request: body(createUserSchema),
      responses: { 201: json(userViewSchema, 'the user'), ...errors(400, 401, 403, 409, 413, 415, 429) },
    }),
    async (context) => {
      const user = await accounts.create(context.req.valid('json'));
      return context.json(userView(user), 201, { Location: `/api/v1/users/${user.id}` });
    },
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: '/api/v1/users/{id}',
      summary: 'Change role and password of a user, or lock them out',
      description: 'What is not named stays as it is. It holds at once, also for what is live.',
      middleware: [admin, ...takesJson],
      request: { params, ...body(changeUserSchema) },
      responses: { 200: json(userViewSchema, 'the user'), ...errors(400, 401, 403, 404, 409, 413, 415, 429) },
    }),
    async (context) => {
      const user = await accounts.change(context.req.valid('param').id, context.req.valid('json'));
      return context.json(userView(user), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/users/{id}',
      summary: 'Delete a user with their sessions; not the last administrator',
      middleware: [admin],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404, 409) },
    }),
    async (context) => {
      await accounts.delete(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );
}

function addTokens(app: OpenAPIHono, http: HttpContext): void {
  const { tokens, directory, streams, callerOf } = http;
  const admin = adminOnly(http);

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/tokens',
      summary: 'API tokens, oldest first, without their secrets',
      middleware: [admin],
      responses: { 200: json(tokenListSchema, 'the tokens'), ...errors(401, 403) },
    }),
    (context) => context.json({ tokens: directory.tokens.map(tokenView) }, 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/tokens',
      summary: 'Create an API token; this answer is the only one that has it',
      middleware: [admin, ...takesJson],
      request: body(createTokenSchema),
      responses: { 201: json(createdTokenSchema, 'the token'), ...errors(400, 401, 403, 404, 409, 413, 415) },
    }),
    async (context) => {
      const { name, grants, expiresInS } = context.req.valid('json');
      for (const { streamId } of grants) if (streamId !== null) await streams.get(streamId);
      const createdBy = callerOf(context).principal!.name;
      const { row, token } = await tokens.create({ name, grants, expiresInS, createdBy });
      return context.json({ ...tokenView(row), token }, 201, { 'Cache-Control': 'no-store' });
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/tokens/{id}',
      summary: 'Revoke an API token; what is live by it ends within a second',
      middleware: [admin],
      request: { params },
      responses: { 204: { description: 'revoked' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      await tokens.revoke(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );
}

const auditQuery = z.object({
  actorId: idSchema.optional().describe('of a user, token or link'),
  action: z.string().max(200).optional().describe('the whole of it'),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  cursor: z.string().max(20).optional().describe('`nextCursor` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

function addAudit(app: OpenAPIHono, http: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/audit',
      summary: 'Who changed what, from where and when; newest first',
      middleware: [adminOnly(http)],
      request: { query: auditQuery },
      responses: { 200: json(auditListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { cursor, limit, from, to, actorId, action } = context.req.valid('query');
      if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
        throw new Refusal('badRequest', 'cursor: take it from the page before');
      }
      const rows = await http.auditStore.list({
        ...{ actorId, action, limit: limit + 1 },
        before: cursor === undefined ? undefined : Number(cursor),
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return context.json({ entries: page.map(auditView), nextCursor: last ? String(last.id) : null }, 200);
    },
  );
}

function userView(user: UserFacts): UserView {
  const { id, name, role, disabled, createdAt, passwordChangedAt } = user;
  const times = { createdAt: createdAt.toISOString(), passwordChangedAt: passwordChangedAt.toISOString() };
  return { id, name, role, disabled, ...times };
}

function tokenView(row: ApiTokenRow): TokenView {
  const grants = z.array(grantSchema).safeParse(row.grants);
  return {
    ...{ id: row.id, name: row.name, grants: grants.data ?? [], createdBy: row.createdBy },
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}

function auditView(row: AuditRow): z.infer<typeof auditEntrySchema> {
  const actorKind = auditEntrySchema.shape.actorKind.catch('nobody').parse(row.actorKind);
  return { ...row, actorKind, at: row.at.toISOString() };
}
