import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { hostNameOf, isLoopbackName } from '../access/loopback.ts';
import { doctorReportSchema, idSchema, Refusal } from '../protocol/index.ts';
import { maxSdpBytes } from '../sdp/offer.ts';
import { errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { iceServerLinks } from './iceServerLinks.ts';
import { KeyedBuckets } from './KeyedBuckets.ts';
import { atMost, limited, takes } from './middleware.ts';
import { originOfRequest } from './streamView.ts';

export function addDoctorRoutes(app: OpenAPIHono, { access, callerOf, doctor, streams }: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/doctor',
      summary: 'What keeps people from publishing and watching, and what to do about it',
      description: 'With `streamId` also how that Stream arrives; its stream key will do as token then.',
      request: { query: z.object({ streamId: idSchema.optional() }) },
      responses: { 200: json(doctorReportSchema, 'the findings'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { streamId } = context.req.valid('query');
      const caller = callerOf(context);
      if (streamId === undefined) access.require(caller, 'manage');
      else {
        // Who may not see it learns not whether there is one.
        const row = await streams.find(streamId);
        if (!access.may(caller, 'watch', streamId)) access.requirePublisher(caller, streamId, row?.streamKey);
        if (!row) throw new Refusal('notFound', 'there is no such Stream');
      }
      const host = context.req.header('host');
      const origin = originOfRequest(context);
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
  const { access, callerOf, streams, doctorSessions, iceServersFor } = http;
  const requests = limited(new KeyedBuckets(sessionRequests), http.addressOf);

  /** Who may publish any Stream, or has the key of any. */
  const publishersOnly: MiddlewareHandler = async (context, next) => {
    const caller = callerOf(context);
    const grants = caller.principal?.grants ?? [];
    if (!grants.some(({ right }) => right !== 'watch')) {
      const rows = caller.principal || caller.token === undefined ? [] : await streams.list();
      if (!rows.some(({ streamKey }) => access.isKey(caller, streamKey))) {
        throw access.refusal(caller, 'the right to publish a Stream, or the key of one');
      }
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
      request: { body: { required: true, content: { [sdp]: { schema: z.string() } } } },
      responses: {
        201: { description: 'the answer', content: { [sdp]: { schema: z.string() } } },
        ...errors(400, 401, 403, 413, 415, 422, 429, 503),
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
      responses: { 204: { description: 'ended' }, ...errors(400, 401, 403, 429) },
    }),
    (context) => {
      doctorSessions.end(context.req.valid('param').sessionId);
      return context.body(null, 204);
    },
  );
}
