import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { idSchema } from '../../protocol/index.ts';
import { errors } from '../answers.ts';

const sdp = 'application/sdp';
const fragment = 'application/trickle-ice-sdpfrag';
const params = z.object({ streamId: idSchema });
const sessionParams = params.extend({ sessionId: z.string().min(1).max(100) });
const textBody = (type: string) => ({ required: true, content: { [type]: { schema: z.string() } } });
const text = (type: string, description: string) => ({ description, content: { [type]: { schema: z.string() } } });

/** For the document only: `sdpRoutes.ts` answers them, by no schema but that of SDP. */
export function describeSdpRoutes(app: OpenAPIHono, protocol: 'whip' | 'whep'): void {
  const { openAPIRegistry: registry } = app;
  const endpoint = `/${protocol}/{streamId}`;
  const session = `${endpoint}/{sessionId}`;
  const isWhip = protocol === 'whip';
  registry.registerPath({
    method: 'post',
    path: endpoint,
    summary: isWhip ? 'Publish to a Stream: the body is an SDP offer' : 'Play a Stream: the body is an SDP offer',
    description:
      'The answer is SDP; `Location` is the session, `ETag` its ICE session, `Link` the ICE servers. ' +
      (isWhip ? '`takeover=1` takes the place of who publishes now.' : 'Detections come by data channel 0.'),
    request: {
      params,
      ...(isWhip ? { query: z.object({ takeover: z.enum(['0', '1']).optional() }) } : {}),
      body: textBody(sdp),
    },
    responses: { 201: text(sdp, 'the answer'), ...errors(400, 401, 403, 404, 406, 409, 411, 413, 415, 422, 429, 503) },
  });
  registry.registerPath({
    method: 'patch',
    path: session,
    summary: 'Trickle ICE candidates, or restart ICE',
    description: '`If-Match` names the ICE session; `*` restarts it (RFC 9725 section 4.3).',
    request: {
      params: sessionParams,
      headers: z.object({ 'if-match': z.string().optional() }),
      body: textBody(fragment),
    },
    responses: {
      200: text(fragment, 'ICE was restarted: the new credentials'),
      204: { description: 'taken' },
      ...errors(400, 401, 403, 404, 411, 412, 413, 415, 422, 428, 429, 503),
    },
  });
  registry.registerPath({
    method: 'delete',
    path: session,
    summary: 'End the session',
    request: { params: sessionParams },
    responses: { 200: { description: 'ended' }, ...errors(401, 403, 404, 429) },
  });
  for (const [path, parameters] of [
    [endpoint, params],
    [session, sessionParams],
  ] as const) {
    registry.registerPath({
      method: 'options',
      path,
      summary: 'What this takes, also for pages of another origin',
      request: { params: parameters },
      responses: {
        200: { description: '`Allow`, `Accept-Post`, `Accept-Patch`' },
        204: { description: 'a preflight' },
      },
    });
    if (isWhip) continue;
    registry.registerPath({
      method: 'get',
      path,
      summary: 'Nothing to see, whoever asks (draft-ietf-wish-whep-03)',
      request: { params: parameters },
      responses: { 204: { description: 'nothing' } },
    });
  }
}

/** This document and its page. */
export function describeDocs(app: OpenAPIHono): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This document',
    responses: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: z.looseObject({}) } } } },
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/docs',
    summary: 'This document as a page',
    responses: { 200: text('text/html', 'the page') },
  });
}
