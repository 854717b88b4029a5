import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { idSchema, recordingListSchema, recordingViewSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { cursorOf, positionOf, recordingView, requireRecording } from './recordingView.ts';

const params = z.object({ id: idSchema });
const listQuery = z.object({
  streamId: idSchema.optional(),
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** Recordings: the stored Segments and detections of Publications. They are played by their `hlsUrl`. */
export function addRecordingRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { access, callerOf, recordings } = http;

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/recordings',
      summary: 'Recordings, newest first',
      description:
        'Those of deleted Streams included, under their last name. Without `streamId` for who may watch all Streams.',
      request: { query: listQuery },
      responses: { 200: json(recordingListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { streamId, cursor, limit } = context.req.valid('query');
      access.require(callerOf(context), 'watch', streamId);
      const after = cursor === undefined ? undefined : positionOf(cursor);
      const rows = await recordings.list({ streamId, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const views = page.map((row) => recordingView(row, recordings.available(row)));
      return context.json({ recordings: views, nextCursor: last ? cursorOf(last) : null }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/recordings/{id}',
      summary: 'One Recording; its id is that of its Publication',
      request: { params },
      responses: { 200: json(recordingViewSchema, 'the Recording'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const row = await requireRecording(http, callerOf(context), 'watch', context.req.valid('param').id);
      return context.json(recordingView(row, recordings.available(row)), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/recordings/{id}',
      summary: 'Delete a Recording and its files',
      request: { params },
      responses: {
        202: { description: 'nobody sees it any more; its files go when the node that has them is back' },
        204: { description: 'deleted' },
        ...errors(400, 401, 403, 404, 409),
      },
    }),
    async (context) => {
      const { id } = await requireRecording(http, callerOf(context), 'manage', context.req.valid('param').id);
      const when = await recordings.delete(id);
      return context.body(null, when === 'deleted' ? 204 : 202);
    },
  );

  // For the document only: `RecordingDownload` answers it before Hono is asked.
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/recordings/{id}/download.mp4',
    summary: 'A Recording as one MP4 file, whole: it is made while it is sent',
    description: 'The token may come as `?token=`, since a link in a page sends no header.',
    request: { params, query: z.object({ token: z.string().max(512).optional() }) },
    responses: {
      200: { description: 'MP4', content: { 'video/mp4': { schema: z.string().openapi({ format: 'binary' }) } } },
      ...errors(401, 403, 404, 503),
    },
  });
}
