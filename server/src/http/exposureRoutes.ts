import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import {
  appearancesCsv,
  appearancesJson,
  appearanceView,
  readAppearances,
  summaryCsv,
} from '../exposure/exposureFiles.ts';
import { exposureSummary, scopeOf } from '../exposure/exposureSummary.ts';
import {
  appearanceListSchema,
  type ExposureQuery,
  exposureQuerySchema,
  exposureSummarySchema,
  idSchema,
  Refusal,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { needs } from './middleware.ts';
import { cursorOf, positionOf } from './recordingView.ts';
import { textStream } from './textStream.ts';

const csvType = 'text/csv; charset=utf-8; header=present';
const brandQuery = exposureQuerySchema.extend({ brandId: idSchema.optional() });
const listQuery = brandQuery.extend({
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const csv = (description: string) => ({ description, content: { 'text/csv': { schema: z.string() } } });
const binary = z.string().openapi({ format: 'binary' });

/** What brands were on screen, when, for how long and where. Rows outlive their Stream, so it need not exist. */
export function addExposureRoutes(app: OpenAPIHono, http: HttpContext): void {
  addSummary(app, http);
  addAppearances(app, http);
  addPictures(app, http);
}

function addSummary(app: OpenAPIHono, http: HttpContext): void {
  const { exposure } = http;
  const middleware = [watchersOnly(http)];
  const request = { query: exposureQuerySchema };
  const answerOf = (query: ExposureQuery) => exposureSummary(exposure, checked(query), Date.now());

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/exposure',
      summary: 'The exposure report of a Stream or a Publication: brands, longest on screen first',
      description:
        'Needs `streamId` or `publicationId`; without `from` and `to` it is about all that was looked at. Appearances ' +
        'that reach beyond the range are clipped: their totals (seconds, shares, scores, heatmap) count by the part of ' +
        'their time that is within, `largestShare` as it is. `seconds` is the union: marks of one brand at once count ' +
        'once; `meanShare` and `meanScore` are means over Appearances, weighted by their seconds.',
      middleware,
      request,
      responses: { 200: json(exposureSummarySchema, 'the report'), ...errors(400, 401, 403) },
    }),
    async (context) => context.json(await answerOf(context.req.valid('query')), 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/exposure.json',
      summary: 'The same as a file',
      middleware,
      request,
      responses: { 200: json(exposureSummarySchema, 'the report'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const answer = await answerOf(context.req.valid('query'));
      return context.json(answer, 200, attachment('exposure', context.req.valid('query'), 'json'));
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/exposure.csv',
      summary: 'The same as a table, one line a brand (RFC 4180, UTF-8)',
      middleware,
      request,
      responses: { 200: csv('one line a brand'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const query = context.req.valid('query');
      const table = summaryCsv(await answerOf(query));
      return context.body(table, 200, { ...attachment('exposure', query, 'csv'), 'Content-Type': csvType });
    },
  );
}

function addAppearances(app: OpenAPIHono, http: HttpContext): void {
  const { exposure } = http;
  const middleware = [watchersOnly(http)];
  const pagesOf = (query: z.output<typeof brandQuery>) =>
    readAppearances(exposure, scopeOf(checked(query)), { brandId: query.brandId, nowMs: Date.now() });

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/appearances',
      summary: 'Appearances of brands, newest first',
      description: 'Whole ones, also where they reach beyond the range. Needs `streamId` or `publicationId`.',
      middleware,
      request: { query: listQuery },
      responses: { 200: json(appearanceListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { brandId, cursor, limit, ...query } = context.req.valid('query');
      const after = cursor === undefined ? undefined : positionOf(cursor);
      const rows = await exposure.list(scopeOf(checked(query)), { brandId, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const appearances = page.map((row) => appearanceView(row, Date.now()));
      return context.json({ appearances, nextCursor: last ? cursorOf(last) : null }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/appearances.json',
      summary: 'All of them as a file: `{appearances: […]}`',
      middleware,
      request: { query: brandQuery },
      responses: {
        200: json(appearanceListSchema.pick({ appearances: true }), 'all of them'),
        ...errors(400, 401, 403),
      },
    }),
    async (context) => {
      const query = context.req.valid('query');
      const body = textStream(appearancesJson(await pagesOf(query)));
      const headers = { ...attachment('appearances', query, 'json'), 'Content-Type': 'application/json' };
      return context.body(body, 200, headers) as never;
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/appearances.csv',
      summary: 'All of them as a table, one line each (RFC 4180, UTF-8)',
      middleware,
      request: { query: brandQuery },
      responses: { 200: csv('one line an Appearance'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const query = context.req.valid('query');
      const body = textStream(appearancesCsv(await pagesOf(query)));
      return context.body(body, 200, { ...attachment('appearances', query, 'csv'), 'Content-Type': csvType });
    },
  );
}

function addPictures(app: OpenAPIHono, http: HttpContext): void {
  const { exposure } = http;
  for (const which of ['first', 'last'] as const) {
    app.openapi(
      createRoute({
        method: 'get',
        path: `/api/v1/appearances/{id}/${which}.jpg`,
        summary: `The mark as it was seen ${which}`,
        middleware: [needs(http, 'watch')],
        request: { params: z.object({ id: idSchema }) },
        responses: {
          200: { description: 'JPEG, no side over 160 pixels', content: { 'image/jpeg': { schema: binary } } },
          ...errors(400, 401, 403, 404),
        },
      }),
      async (context) => {
        const jpeg = await exposure.picture(context.req.valid('param').id, which);
        if (!jpeg) throw new Refusal('notFound', 'there is no such Appearance, or no picture of it');
        // The first one stays as it is; the last one changes for as long as the mark is there.
        const seconds = which === 'first' ? 86_400 : 2;
        const headers = { 'Content-Type': 'image/jpeg', 'Cache-Control': `private, max-age=${seconds}` };
        return context.body(Uint8Array.from(jpeg), 200, headers);
      },
    );
  }
}

/** By the Stream that the query names; a Publication alone says not whose it is, so that is for who may watch all. */
const watchersOnly =
  ({ access, callerOf }: HttpContext): MiddlewareHandler =>
  async (context, next) => {
    const { streamId, publicationId } = context.req.query();
    access.require(callerOf(context), 'watch', publicationId === undefined ? streamId : undefined);
    await next();
  };

function checked<Q extends ExposureQuery>(query: Q): Q {
  if (query.streamId === undefined && query.publicationId === undefined) {
    throw new Refusal('badRequest', 'the report is about a Stream or a Publication: say streamId or publicationId');
  }
  if (query.from !== undefined && query.to !== undefined && Date.parse(query.from) >= Date.parse(query.to)) {
    throw new Refusal('badRequest', '`from` is to be before `to`');
  }
  return query;
}

const attachment = (what: string, query: ExposureQuery, ending: string) => ({
  'Content-Disposition': `attachment; filename="${what}-${query.publicationId ?? query.streamId}.${ending}"`,
});
