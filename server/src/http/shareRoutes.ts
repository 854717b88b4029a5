import type { ShareLinkRow } from '@framelock/db';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  createShareSchema,
  idSchema,
  rotatedKeySchema,
  shareListSchema,
  type ShareView,
  shareViewSchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needsOfStream, takes } from './middleware.ts';
import { originOfRequest } from './streamView.ts';

const params = z.object({ id: idSchema });

/** Whom else a Stream is for: links for guests, and the key for publishers. For who may manage it. */
export function addShareRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { tokens, directory, streams, sources, callerOf } = http;
  const manager = needsOfStream(http, 'manage');

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/streams/{id}/key',
      summary: 'Give a Stream a new key; the one before is none from then on',
      description: 'Who publishes with it is sent away; a Source that waits for an encoder begins again.',
      middleware: [manager],
      request: { params },
      responses: { 200: json(rotatedKeySchema, 'the new key'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      const { streamKey } = await streams.rotateKey(id);
      await directory.reload();
      await sources.keyRotated(id);
      return context.json({ streamKey }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/shares',
      summary: 'Share links of a Stream, oldest first; for a week also those that ended',
      middleware: [manager],
      request: { params },
      responses: { 200: json(shareListSchema, 'the links'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { id } = await streams.get(context.req.valid('param').id);
      const base = originOfRequest(context);
      const shares = directory.shares.filter(({ streamId }) => streamId === id);
      return context.json({ shares: shares.map((row) => shareView(row, directory.shareToken(row), base)) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/streams/{id}/shares',
      summary: 'Make a link with which anybody may watch this Stream until it ends',
      middleware: [manager, takes('application/json'), atMost(maxJsonBytes)],
      request: { params, body: { required: true, content: { 'application/json': { schema: createShareSchema } } } },
      responses: { 201: json(shareViewSchema, 'the link'), ...errors(400, 401, 403, 404, 409, 413, 415) },
    }),
    async (context) => {
      const { id: streamId } = await streams.get(context.req.valid('param').id);
      const createdBy = callerOf(context).principal!.name;
      const { row, token } = await tokens.share({ streamId, createdBy, ...context.req.valid('json') });
      return context.json(shareView(row, token, originOfRequest(context)), 201);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/streams/{id}/shares/{shareId}',
      summary: 'Revoke a share link; who watches by it is sent away',
      middleware: [manager],
      request: { params: params.extend({ shareId: idSchema }) },
      responses: { 204: { description: 'revoked' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { id, shareId } = context.req.valid('param');
      await tokens.revokeShare(id, shareId);
      return context.body(null, 204);
    },
  );
}

function shareView(row: ShareLinkRow, token: string, base: string): ShareView {
  const { id, streamId, name, createdBy, createdAt, expiresAt } = row;
  return {
    ...{ id, streamId, name, createdBy, token },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    url: `${base}/watch/${streamId}#token=${token}`,
  };
}
