import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpContext } from './context.ts';
import { addSdpRoutes } from './sdpRoutes.ts';

/** WHIP: `docs/WHIP.md` says how to use it. */
export function addWhipRoutes(app: OpenAPIHono, http: HttpContext): void {
  addSdpRoutes(app, http, { protocol: 'whip', right: 'publish', endpoint: http.whip });
}
