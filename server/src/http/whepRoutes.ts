import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpContext } from './context.ts';
import { addSdpRoutes } from './sdpRoutes.ts';

/** WHEP: `docs/WHEP.md` says how to use it. */
export function addWhepRoutes(app: OpenAPIHono, http: HttpContext): void {
  addSdpRoutes(app, http, { protocol: 'whep', right: 'watch', endpoint: http.whep });
  // Nothing to see, whoever asks (draft-ietf-wish-whep-03, HTTP usage).
  app.get('/whep/:streamId', (context) => context.body(null, 204));
  app.get('/whep/:streamId/:sessionId', (context) => context.body(null, 204));
}
