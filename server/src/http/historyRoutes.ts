import { createHash } from 'node:crypto';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { TrackScope } from '@framelock/db';
import { eventCursor, eventPosition, trackCursor, trackPosition } from '../history/historyCursors.ts';
import { eventsCsv, readPages, tracksCsv } from '../history/historyCsv.ts';
import { eventViews, trackView } from '../history/historyViews.ts';
import {
  eventFilterSchema,
  eventListSchema,
  eventQuerySchema,
  idSchema,
  Refusal,
  type TrackFilter,
  trackFilterSchema,
  trackListSchema,
  trackQuerySchema,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { addHistoryChartRoutes } from './historyChartRoutes.ts';
import { addDetectionRoutes } from './detectionRoutes.ts';
import { attachment, csvAnswer, pageOf, rangeOf, watchersOfQuery } from './historyQuery.ts';
import { textStream } from './textStream.ts';

const binary = z.string().openapi({ format: 'binary' });

/** What was seen, when and where. Rows outlive their Stream, so it need not exist. */
export function addHistoryRoutes(app: OpenAPIHono, http: HttpContext): void {
  addTracks(app, http);
  addThumbnail(app, http);
  addEvents(app, http);
  addDetectionRoutes(app, http);
  addHistoryChartRoutes(app, http);
}

function addTracks(app: OpenAPIHono, http: HttpContext): void {
  const { historyQueries } = http;
  const middleware = [watchersOfQuery(http)];

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/tracks',
      summary: 'ObjectTracks, newest first by when they began',
      description:
        'All that is named has to hold; of a range, they touch it. Without `streamId` for who may watch all Streams. One ' +
        'that goes on is there with what is known so far.',
      middleware,
      request: { query: trackQuerySchema },
      responses: { 200: json(trackListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { cursor, limit, ...filter } = context.req.valid('query');
      const rows = await historyQueries.tracks(scopeOf(filter), trackPosition(cursor), limit + 1);
      const { page, nextCursor } = pageOf(rows, limit, trackCursor);
      return context.json({ tracks: page.map((row) => trackView(row, Date.now())), nextCursor }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/tracks.csv',
      summary: 'All of them as a table, one line each (RFC 4180, UTF-8)',
      description: 'Zones are separated by spaces.',
      middleware,
      request: { query: trackFilterSchema },
      responses: { 200: csvAnswer('one line an ObjectTrack'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const filter = context.req.valid('query');
      const scope = scopeOf(filter);
      const rows = await readPages(
        (after: Awaited<ReturnType<typeof historyQueries.tracks>>[number] | undefined, limit) =>
          historyQueries.tracks(scope, after, limit),
      );
      const views = mapped(rows, (row) => trackView(row, Date.now()));
      return context.body(textStream(tracksCsv(views)), 200, attachment('tracks', filter.streamId));
    },
  );
}

function addThumbnail(app: OpenAPIHono, { access, callerOf, historyQueries }: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/tracks/{runId}/{trackId}/thumbnail.jpg',
      summary: 'The object on its best Frame',
      request: {
        params: z.object({ runId: idSchema, trackId: z.coerce.number().int().positive().max(0x7fffffff) }),
        headers: z.object({ 'if-none-match': z.string().optional() }),
      },
      responses: {
        200: { description: 'JPEG', content: { 'image/jpeg': { schema: binary } } },
        304: { description: 'the one that the caller has is the one' },
        ...errors(400, 401, 403, 404),
      },
    }),
    async (context) => {
      const { runId, trackId } = context.req.valid('param');
      const caller = callerOf(context);
      const found = caller.principal ? await historyQueries.thumbnail(runId, trackId) : undefined;
      access.require(caller, 'watch', found?.streamId);
      if (!found?.jpeg) throw new Refusal('notFound', 'there is no such ObjectTrack, or no picture of it');
      // A better Frame may come for as long as it is there: asked again after a while, and answered by its tag alone.
      const tag = `"${createHash('sha256').update(found.jpeg).digest('base64url').slice(0, 22)}"`;
      const headers = { 'Cache-Control': 'private, max-age=60', ETag: tag };
      if (context.req.valid('header')['if-none-match'] === tag) return context.body(null, 304, headers);
      return context.body(Uint8Array.from(found.jpeg), 200, { ...headers, 'Content-Type': 'image/jpeg' });
    },
  );
}

function addEvents(app: OpenAPIHono, http: HttpContext): void {
  const { historyQueries } = http;
  const middleware = [watchersOfQuery(http)];

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/events',
      summary: 'Events, newest first',
      description: 'All that is named has to hold. Without `streamId` for who may watch all Streams.',
      middleware,
      request: { query: eventQuerySchema },
      responses: { 200: json(eventListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { cursor, limit, from, to, ...filter } = context.req.valid('query');
      const scope = { ...filter, ...rangeOf({ from, to }) };
      const rows = await historyQueries.events(scope, eventPosition(cursor), limit + 1);
      const { page, nextCursor } = pageOf(rows, limit, eventCursor);
      return context.json({ events: page.flatMap(eventViews), nextCursor }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/events.csv',
      summary: 'All of them as a table, one line each (RFC 4180, UTF-8)',
      description: 'What belongs to the kind is JSON in the last column.',
      middleware,
      request: { query: eventFilterSchema },
      responses: { 200: csvAnswer('one line an event'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { from, to, ...filter } = context.req.valid('query');
      const scope = { ...filter, ...rangeOf({ from, to }) };
      const rows = await readPages(
        (after: Awaited<ReturnType<typeof historyQueries.events>>[number] | undefined, limit) =>
          historyQueries.events(scope, after, limit),
      );
      const body = textStream(eventsCsv(mapped(rows, eventViews)));
      return context.body(body, 200, attachment('events', filter.streamId));
    },
  );
}

function scopeOf({ from, to, ...filter }: TrackFilter): TrackScope {
  if (filter.trackId !== undefined && filter.runId === undefined) {
    throw new Refusal('badRequest', '`trackId` is unique inside a run alone: say `runId` too');
  }
  return { ...filter, ...rangeOf({ from, to }) };
}

async function* mapped<A, B>(pages: AsyncGenerator<A[]>, view: (one: A) => B | B[]): AsyncGenerator<B[]> {
  for await (const page of pages) yield page.flatMap(view);
}
