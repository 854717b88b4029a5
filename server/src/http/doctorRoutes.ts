import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bearerOf, unauthorized } from '../access/Access.ts';
import { hostNameOf, isLoopbackName } from '../access/loopback.ts';
import { doctorReportSchema, idSchema } from '../protocol/index.ts';
import { maxSdpBytes } from '../sdp/offer.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { iceServerLinks } from './iceServerLinks.ts';
import { KeyedBuckets } from './KeyedBuckets.ts';
import { atMost, limited, takes } from './middleware.ts';
import { originOf } from './streamView.ts';

export function addDoctorRoutes(app: OpenAPIHono, { access, doctor, streams }: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/doctor',
      summary: 'What keeps people from publishing and watching, and what to do about it',
      description: 'With `streamId` also how that Stream arrives; its stream key will do as token then.',
      request: { query: z.object({ streamId: idSchema.optional() }) },
      responses: { 200: json(doctorReportSchema, 'the findings'), ...errors(400, 401, 404) },
    }),
    async (context) => {
      const { streamId } = context.req.valid('query');
      const token = bearerOf(context.req.header('authorization'));
      if (!access.isAdmin(token)) {
        // Who may not see it learns not whether there is one.
        const row = streamId === undefined ? undefined : await streams.get(streamId).catch(() => undefined);
        access.requirePublisher(token, row?.streamKey ?? '');
      } else if (streamId !== undefined) {
        await streams.get(streamId);
      }
      const host = context.req.header('host');
      const origin = originOf(host, context.req.header('x-forwarded-proto'));
      const secureOrigin = origin.startsWith('https:') || isLoopbackName(hostNameOf(host ?? '') ?? '');
      return context.json(await doctor.examine({ ...(streamId === undefined ? {} : { streamId }), secureOrigin }), 200);
    },
  );
}

const sdp = 'application/sdp';
/** Of one address; a check makes a few connections, and a wrong token is compared with the key of every Stream. */
const sessionRequests = { capacity: 60, perSecond: 1 };

/** `POST /api/v1/doctor/session`: an offer as for WHIP, answered with a transport whose media is thrown away. */
export function addDoctorSessionRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { access, streams, doctorSessions, iceServersFor } = http;
  const requests = limited(new KeyedBuckets(sessionRequests));

  /** Administrators, and who has the key of any Stream: they may publish anyway. */
  const publishersOnly: MiddlewareHandler = async (context, next) => {
    const token = bearerOf(context.req.header('authorization'));
    if (!access.isAdmin(token)) {
      const rows = token === undefined ? [] : await streams.list();
      if (!rows.some(({ streamKey }) => access.mayPublish(token, streamKey))) throw unauthorized(token);
    }
    await next();
  };

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/doctor/session',
      summary: 'A test connection for the check of the publish page; ends by itself after 30 s',
      description: 'Body and answer are SDP, as for WHIP. DELETE of `Location` ends it.',
      middleware: [requests, publishersOnly, takes(sdp), atMost(maxSdpBytes)],
      request: {},
      responses: {
        201: { description: 'the answer', content: { [sdp]: { schema: z.string() } } },
        ...errors(400, 401, 413, 415, 422, 429, 503),
      },
    }),
    async (context) => {
      const { signal } = context.req.raw;
      const session = await doctorSessions.open(await context.req.text(), signal);
      for (const link of iceServerLinks(iceServersFor(session.id))) context.header('Link', link, { append: true });
      const location = `/api/v1/doctor/session/${session.resourceId}`;
      return context.body(session.answer, 201, { 'Content-Type': sdp, Location: location });
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/doctor/session/{sessionId}',
      summary: 'End a test connection',
      middleware: [requests, publishersOnly],
      request: { params: z.object({ sessionId: z.string().min(1).max(100) }) },
      responses: { 204: { description: 'ended' }, ...errors(400, 401, 429) },
    }),
    (context) => {
      doctorSessions.end(context.req.valid('param').sessionId);
      return context.body(null, 204);
    },
  );
}
