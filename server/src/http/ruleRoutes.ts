import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { changeRuleSchema, createRuleSchema, idSchema, ruleListSchema, ruleSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needs, takes } from './middleware.ts';

const params = z.object({ id: idSchema });
const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
});

/** When something is said to somebody. For who manages all Streams: targets belong to none. */
export function addRuleRoutes(app: OpenAPIHono, http: HttpContext): void {
  const manager = needs(http, 'manage');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/rules',
      summary: 'All rules, oldest first, with how often they fired',
      middleware: [manager],
      responses: { 200: json(ruleListSchema, 'the rules'), ...errors(401, 403) },
    }),
    async (context) => context.json({ rules: await http.events.rules.list() }, 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/rules',
      summary: 'Make a rule; it counts from the next moment on',
      middleware: [manager, takes('application/json'), atMost(maxJsonBytes)],
      request: { body: body(createRuleSchema) },
      responses: { 201: json(ruleSchema, 'the rule'), ...errors(400, 401, 403, 409, 413, 415) },
    }),
    async (context) => context.json(await http.events.rules.add(context.req.valid('json')), 201),
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: '/api/v1/rules/{id}',
      summary: 'Change a rule, or switch it on or off',
      description: 'What is not named stays as it is. A rule that changed forgets what it was waiting for.',
      middleware: [manager, takes('application/json'), atMost(maxJsonBytes)],
      request: { params, body: body(changeRuleSchema) },
      responses: { 200: json(ruleSchema, 'the rule'), ...errors(400, 401, 403, 404, 413, 415) },
    }),
    async (context) =>
      context.json(await http.events.rules.change(context.req.valid('param').id, context.req.valid('json')), 200),
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/rules/{id}',
      summary: 'Delete a rule; what it fired is delivered nevertheless',
      middleware: [manager],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      await http.events.rules.delete(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );
}
