import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { idSchema, Refusal, zoneSettingsSchema, zonesNowSchema } from '../protocol/index.ts';
import { readZoneSettings } from '../zones/readZoneSettings.ts';
import { zoneProblems } from '../zones/zoneProblems.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, needsOfStream, takes } from './middleware.ts';

const params = z.object({ id: idSchema });
/** 32 zones of 32 points and 32 lines take about 60 KiB; less than half of what a signalling message may have. */
export const maxZonesBytes = 120 * 1024;
/** Of which one answer tells. */
const maxProblems = 8;

export function addZoneRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { streams } = http;

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/zones',
      summary: "Zones and lines that are drawn on a Stream's picture, and the scale for speeds",
      middleware: [needsOfStream(http, 'watch')],
      request: { params },
      responses: { 200: json(zoneSettingsSchema, 'what is drawn'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const row = await streams.get(context.req.valid('param').id);
      return context.json(readZoneSettings(row.zones), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/streams/{id}/zones',
      summary: 'Draw zones and lines: takes the place of all that was drawn',
      description:
        'While the Stream is live they count from its next analysed Frame on, and its viewers are told. A zone or line ' +
        'that keeps its id keeps its figures.',
      middleware: [needsOfStream(http, 'manage'), takes('application/json'), atMost(maxZonesBytes)],
      request: { params, body: { required: true, content: { 'application/json': { schema: zoneSettingsSchema } } } },
      responses: { 200: json(zoneSettingsSchema, 'as they are kept'), ...errors(400, 401, 403, 404, 413, 415) },
    }),
    async (context) => {
      const settings = context.req.valid('json');
      await streams.setZones(context.req.valid('param').id, settings);
      return context.json(settings, 200);
    },
    (result) => {
      if (result.success) return;
      const problems = zoneProblems('data' in result ? result.data : undefined, result.error.issues);
      throw new Refusal('badRequest', `not valid: ${problems.slice(0, maxProblems).join('; ')}`);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/zones/live',
      summary: 'The latest figures of zones and lines: who is in them, who crossed',
      description: 'Viewers are sent the same by themselves, as the signalling event `zonesLive`.',
      middleware: [needsOfStream(http, 'watch')],
      request: { params },
      responses: { 200: json(zonesNowSchema, 'the figures'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { id } = await streams.get(context.req.valid('param').id);
      const live = streams.live(id);
      const publicationId = live?.publication?.id ?? null;
      return context.json(
        { publicationId, live: (publicationId !== null && live?.zones.liveOf(publicationId)) || null },
        200,
      );
    },
  );
}
