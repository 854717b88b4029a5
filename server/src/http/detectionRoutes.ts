import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { frameCursor, framePosition } from '../history/historyCursors.ts';
import { readDetections } from '../history/storedDetections.ts';
import { detectionPageSchema, detectionQuerySchema, idSchema } from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { rangeOf } from './historyQuery.ts';
import { needsOfStream } from './middleware.ts';

/** Every analysed Frame of a Stream. */
export function addDetectionRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { historyQueries, metrics } = http;
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/detections',
      summary: 'What was detected on every analysed Frame, oldest first',
      description:
        'Exactly what viewers got. With `label` or `minScore` those Frames alone that have such an object, and of them ' +
        'these objects. A page holds what about 4 MB of stored messages give: it can be short of its limit, or empty, ' +
        'and yet have a `nextCursor`; go on until that is null.',
      middleware: [needsOfStream(http, 'watch')],
      request: { params: z.object({ id: idSchema }), query: detectionQuerySchema },
      responses: { 200: json(detectionPageSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { cursor, limit, from, to, label, minScore } = context.req.valid('query');
      const scope = { streamId: context.req.valid('param').id, label, minScore, ...rangeOf({ from, to }) };
      const { frames, next, spoiled } = await readDetections(historyQueries, scope, framePosition(cursor), limit);
      if (spoiled > 0) metrics.historySpoiledBatches.inc(spoiled);
      return context.json({ detections: frames, nextCursor: next ? frameCursor(next) : null }, 200);
    },
  );
}
