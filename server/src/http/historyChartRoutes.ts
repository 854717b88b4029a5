import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { activitySeries, heatmapAnswer, propertiesPoint } from '../history/historyViews.ts';
import {
  activityAnswerSchema,
  activityQuerySchema,
  heatmapAnswerSchema,
  heatmapQuerySchema,
  idSchema,
  labelsAnswerSchema,
  labelsQuerySchema,
  propertiesAnswerSchema,
  propertiesQuerySchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { closedRangeOf, rangeOf, watchersOfQuery } from './historyQuery.ts';
import { needsOfStream } from './middleware.ts';

const hourMs = 3_600_000;
const params = z.object({ id: idSchema });

/** History in figures: their cost is bounded, whatever the range; what is estimated says so. */
export function addHistoryChartRoutes(app: OpenAPIHono, http: HttpContext): void {
  addChartsOfStreams(app, http);
  addCounts(app, http);
}

function addChartsOfStreams(app: OpenAPIHono, http: HttpContext): void {
  const { historyQueries } = http;
  const middleware = [needsOfStream(http, 'watch')];

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/properties',
      summary: 'What the picture looked like: brightness, colours, motion, cuts',
      description:
        'One entry a second, or means of several seconds where the range has more than `points`; of more than some ' +
        'thousand seconds, means of up to eight of each entry (`sampled`).',
      middleware,
      request: { params, query: propertiesQuerySchema },
      responses: { 200: json(propertiesAnswerSchema, 'the last hour, or the range'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const query = context.req.valid('query');
      const { from, to } = closedRangeOf(query, hourMs);
      const seconds = (to.getTime() - from.getTime()) / 1000;
      const parts = Math.max(1, Math.min(query.points, Math.ceil(seconds)));
      const streamId = context.req.valid('param').id;
      const { sampled, points } = await historyQueries.properties({ streamId, from, to, points: parts });
      const range = { from: from.toISOString(), to: to.toISOString(), pointSeconds: seconds / parts, sampled };
      return context.json({ ...range, seconds: points.map(propertiesPoint) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/heatmap',
      summary: 'Where objects were, in seconds per cell of the picture',
      description: 'The sum of the newest 1,000 runs of the analysis that touch the range.',
      middleware,
      request: { params, query: heatmapQuerySchema },
      responses: { 200: json(heatmapAnswerSchema, '48 columns x 27 rows, row by row'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { from, to } = rangeOf(context.req.valid('query'));
      const rows = await historyQueries.heatmaps({ streamId: context.req.valid('param').id, from, to });
      return context.json(heatmapAnswer(rows, from, to), 200);
    },
  );
}

function addCounts(app: OpenAPIHono, http: HttpContext): void {
  const { historyQueries } = http;
  const middleware = [watchersOfQuery(http)];

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/history/labels',
      summary: 'Labels of the ObjectTracks that began in a range, most frequent first',
      description:
        'Rare labels are counted; of frequent ones, 12 samples of the range say about how many there are (`exact`: ' +
        'false). Without `streamId` for who may watch all Streams.',
      middleware,
      request: { query: labelsQuerySchema },
      responses: { 200: json(labelsAnswerSchema, 'at most 500 labels'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { streamId, ...range } = context.req.valid('query');
      return context.json({ labels: await historyQueries.labels({ streamId, ...rangeOf(range) }) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/history/activity',
      summary: 'How many ObjectTracks began, by time and label',
      description:
        'The most frequent labels each, the others together. Few are counted; of many, samples of each bucket say about ' +
        'how many there are (`exact`: false). Without `streamId` for who may watch all Streams.',
      middleware,
      request: { query: activityQuerySchema },
      responses: { 200: json(activityAnswerSchema, 'the last day, or the range'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { streamId, label, zoneId, buckets, ...range } = context.req.valid('query');
      const { from, to } = closedRangeOf(range, 24 * hourMs);
      const counts = await historyQueries.activity({ streamId, label, zoneId, from, to }, buckets);
      const bucketSeconds = (to.getTime() - from.getTime()) / 1000 / buckets;
      const answer = { from: from.toISOString(), to: to.toISOString(), bucketSeconds };
      return context.json({ ...answer, ...activitySeries(counts, buckets) }, 200);
    },
  );
}
