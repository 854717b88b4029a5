import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { mergeCatalogues } from '../nodes/mergeCatalogues.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import { addModelSchema, modelEntrySchema, modelListSchema, Refusal } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, membersOnly, needs, takes } from './middleware.ts';

/** A model is some hundred MiB at most. */
const addTimeoutMs = 10 * 60_000;

export function addModelRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { registry } = http;

  const nodes = (): [InferenceNode, ...InferenceNode[]] => {
    const [first, ...others] = registry.inferences;
    if (!first) throw new Refusal('unavailable', 'no inference node answers, and the catalogue is there');
    return [first, ...others];
  };

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models',
      summary: 'The catalogue of Models, and how far the adding of one is',
      middleware: [membersOnly(http)],
      responses: { 200: json(modelListSchema, 'the Models'), ...errors(401, 403, 503) },
    }),
    async (context) => {
      const [first, ...others] = await Promise.allSettled(nodes().map((node) => node.request('models', {})));
      // What the others have only adds to it: one that is just going away must not take the page with it.
      if (first!.status === 'rejected') throw first!.reason;
      const answers = [first!, ...others].flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      return context.json({ ...first!.value, models: mergeCatalogues(answers.map(({ models }) => models)) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models',
      summary: 'Download and verify a catalogued Model on the inference nodes',
      middleware: [needs(http, 'manage'), takes('application/json'), atMost(maxJsonBytes)],
      request: { body: { required: true, content: { 'application/json': { schema: addModelSchema } } } },
      responses: { 201: json(modelEntrySchema, 'the Model'), ...errors(400, 401, 403, 404, 413, 415, 422, 503) },
    }),
    async (context) => {
      const { modelId } = context.req.valid('json');
      const [added] = await Promise.all(nodes().map((node) => node.request('addModel', { modelId }, addTimeoutMs)));
      return context.json(added!.model, 201);
    },
  );
}
