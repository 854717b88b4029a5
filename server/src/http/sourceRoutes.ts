import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { idSchema, Refusal, sourceSpecSchema, sourceViewSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needs, takes } from './middleware.ts';

const params = z.object({ id: idSchema });

/** What feeds a Stream other than a browser or WHIP. */
export function addSourceRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { sources } = http;
  // Of all Streams: a Source reads the server's files and looks around in its network.
  const admin = needs(http, 'manage');

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/streams/{id}/source',
      summary: 'Feed a Stream from a test pattern, a file, RTMP, RTSP or SRT',
      description:
        'Takes the place of the Source that the Stream has. It is kept: a server that starts again runs it again. ' +
        'How it goes on is told by `source` of the Stream.',
      middleware: [admin, takes('application/json'), atMost(maxJsonBytes)],
      request: {
        params,
        body: { required: true, content: { 'application/json': { schema: sourceSpecSchema } } },
      },
      responses: {
        200: json(sourceViewSchema, 'it took the place of another Source'),
        201: json(sourceViewSchema, 'the Source'),
        ...errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
      },
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      const { created } = await sources.set(id, context.req.valid('json'));
      const view = sources.viewOf(id);
      if (!view) throw new Refusal('conflict', 'the Source was removed meanwhile');
      return created ? context.json(view, 201) : context.json(view, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/streams/{id}/source',
      summary: "Remove a Stream's Source; answers when its FFmpeg has ended",
      middleware: [admin],
      request: { params },
      responses: { 204: { description: 'removed' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      await sources.remove(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );
}
