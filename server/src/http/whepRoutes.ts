import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpContext } from './context.ts';
import { addSdpRoutes } from './sdpRoutes.ts';

/** WHEP: `docs/WHEP.md` says how to use it. */
export function addWhepRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { whep: endpoint, access, streams, iceServersFor, whipPostsPerMinute: postsPerMinute } = http;
  addSdpRoutes(app, { protocol: 'whep', endpoint, access, streams, iceServersFor, postsPerMinute });
  // Nothing to see, whoever asks (draft-ietf-wish-whep-03, HTTP usage).
  app.get('/whep/:streamId', (context) => context.body(null, 204));
  app.get('/whep/:streamId/:sessionId', (context) => context.body(null, 204));
}
