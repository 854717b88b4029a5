import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  changeTargetSchema,
  createTargetSchema,
  deliveryListSchema,
  deliveryQuerySchema,
  eventDeliverySchema,
  idSchema,
  targetAnswerSchema,
  targetListSchema,
  targetTestSchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { KeyedBuckets } from './KeyedBuckets.ts';
import { atMost, limited, maxJsonBytes, needs, takes } from './middleware.ts';

const params = z.object({ id: idSchema });
const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
});
/** Tests of one address: each is a request to somewhere else. */
const tests = { capacity: 20, perSecond: 0.5 };

/** Where events go, and what became of each. For who manages all Streams. */
export function addTargetRoutes(app: OpenAPIHono, http: HttpContext): void {
  addTargets(app, http);
  addDeliveries(app, http);
}

function addTargets(app: OpenAPIHono, http: HttpContext): void {
  const manager = needs(http, 'manage');
  const buckets = new KeyedBuckets(tests);

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/targets',
      summary: 'Webhooks and brokers that events go to; without secrets',
      middleware: [manager],
      responses: { 200: json(targetListSchema, 'the targets'), ...errors(401, 403) },
    }),
    async (context) => context.json({ targets: await http.events.targets.list() }, 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/targets',
      summary: 'Add a webhook or an MQTT broker',
      description:
        'The answer to a webhook has the secret that it is signed with (Standard Webhooks), and no later one.',
      middleware: [manager, takes('application/json'), atMost(maxJsonBytes)],
      request: { body: body(createTargetSchema) },
      responses: { 201: json(targetAnswerSchema, 'the target'), ...errors(400, 401, 403, 409, 413, 415) },
    }),
    async (context) => context.json(await http.events.targets.add(context.req.valid('json')), 201),
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: '/api/v1/targets/{id}',
      summary: 'Change a target, switch it on or off, or give it a new secret',
      description: 'What is not named stays as it is. What waits is sent to where the target then is.',
      middleware: [manager, takes('application/json'), atMost(maxJsonBytes)],
      request: { params, body: body(changeTargetSchema) },
      responses: { 200: json(targetAnswerSchema, 'the target'), ...errors(400, 401, 403, 404, 413, 415) },
    }),
    async (context) =>
      context.json(await http.events.targets.change(context.req.valid('param').id, context.req.valid('json')), 200),
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/targets/{id}',
      summary: 'Delete a target with all its deliveries; rules forget it',
      middleware: [manager],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      await http.events.targets.delete(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/targets/{id}/test',
      summary: 'Send a test event at once, without retries, and say what came of it',
      middleware: [manager, limited(buckets, http.addressOf)],
      request: { params },
      responses: { 200: json(targetTestSchema, 'what came of it'), ...errors(400, 401, 403, 404, 429) },
    }),
    async (context) => context.json(await http.events.targets.test(context.req.valid('param').id), 200),
  );
}

function addDeliveries(app: OpenAPIHono, http: HttpContext): void {
  const manager = needs(http, 'manage');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/deliveries',
      summary: 'Deliveries, newest first: waiting, delivered, and dead ones, which failed at every attempt',
      middleware: [manager],
      request: { query: deliveryQuerySchema },
      responses: { 200: json(deliveryListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => context.json(await http.events.targets.deliveries(context.req.valid('query')), 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/deliveries/{id}/retry',
      summary: 'Send a dead delivery again, with all its attempts; a waiting one at once',
      middleware: [manager],
      request: { params },
      responses: { 200: json(eventDeliverySchema, 'it waits'), ...errors(400, 401, 403, 404, 409) },
    }),
    async (context) => context.json(await http.events.targets.retry(context.req.valid('param').id), 200),
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/deliveries/{id}',
      summary: 'Throw a delivery away; one that waits is not sent',
      middleware: [manager],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      await http.events.targets.deleteDelivery(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );
}
