import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { idSchema } from '../protocol/index.ts';
import { errors } from './answers.ts';

const playlist = { 'application/vnd.apple.mpegurl': { schema: z.string() } };
const token = z
  .string()
  .max(512)
  .optional()
  .describe('for players that send no header: answered with a cookie for this Stream, which does from then on');

/** For the document only: `HlsProxy` answers them before Hono is asked. */
export function describeHlsRoutes(app: OpenAPIHono): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/hls/{streamId}/index.m3u8',
    summary: 'Multivariant playlist of what is live on a Stream',
    description: 'Asking for it begins HLS where the Stream has it on demand. Players of any origin, with the token.',
    request: { params: z.object({ streamId: idSchema }), query: z.object({ token }) },
    responses: {
      200: { description: 'the playlist; its first URI is a media playlist', content: playlist },
      ...errors(401, 404),
      503: { description: 'no full Segment yet, or the node is away: try again after `Retry-After` seconds' },
    },
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/hls/{streamId}/{publicationId}/{name}',
    summary: 'A playlist, Segment, Part, sidecar or picture of one Publication, live or recorded',
    description: '`live.m3u8` takes `_HLS_msn`, `_HLS_part` and `_HLS_skip` (RFC 8216bis); media takes ranges.',
    request: {
      params: z.object({ streamId: idSchema, publicationId: idSchema, name: z.string().max(80) }),
      query: z.object({ token }),
    },
    responses: {
      200: { description: 'the file', content: { ...playlist, 'video/mp4': { schema: z.string() } } },
      206: { description: 'a part of it' },
      304: { description: 'not changed' },
      ...errors(401, 404, 503),
    },
  });
}
