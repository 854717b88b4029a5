import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { systemViewSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { needs } from './middleware.ts';

export function addSystemRoutes(app: OpenAPIHono, http: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/system',
      summary: 'Nodes, stages, queues, drops and faults, with the last five minutes',
      middleware: [needs(http, 'watch')],
      responses: { 200: json(systemViewSchema, 'the state of the product'), ...errors(401, 403) },
    }),
    async (context) => context.json(await http.system.view(), 200),
  );
}
