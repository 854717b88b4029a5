import type { StreamRow } from '@framelock/db';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Admission } from '../access/Access.ts';
import { idSchema, Refusal, type Right } from '../protocol/index.ts';
import type { PatchAnswer } from '../sdp/IceNegotiation.ts';
import { maxSdpBytes } from '../sdp/offer.ts';
import type { HttpContext } from './context.ts';
import { crossOrigin } from './crossOrigin.ts';
import { iceServerLinks } from './iceServerLinks.ts';
import { KeyedBuckets } from './KeyedBuckets.ts';
import { atMost, limited, takes } from './middleware.ts';

const sdp = 'application/sdp';
const fragment = 'application/trickle-ice-sdpfrag';
/** PATCH and DELETE of one address: a hall of publishers behind one address trickles now and then. */
const sessionRequests = { capacity: 300, perSecond: 20 };

export interface SdpPost {
  row: StreamRow;
  offer: string;
  takeover: boolean;
  /** Why it was let in. */
  admission: Admission;
  /** Aborted when whoever asked has gone. */
  signal: AbortSignal;
}

/** What WHIP and WHEP have in common: an offer by POST makes a session with a URL of its own. */
export interface SdpEndpoint {
  open(post: SdpPost): Promise<SdpSession>;
  session(streamId: string, resourceId: string): SdpSession;
  end(streamId: string, resourceId: string): void;
}

export interface SdpSession {
  /** For TURN credentials. */
  readonly id: string;
  readonly resourceId: string;
  readonly answer: string;
  readonly etag: string;
  /** Values of `Link` besides those of the ICE servers. */
  readonly links?: string[];
  patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer>;
  close(code: string, message: string): void;
}

export interface SdpRoutesOptions {
  protocol: 'whip' | 'whep';
  /** What it takes besides the stream key. */
  right: Right;
  endpoint: SdpEndpoint;
}

/** `POST /whip/:streamId` and the session that it makes, to RFC 9725; WHEP is the same with the media the other way. */
export function addSdpRoutes(app: OpenAPIHono, http: HttpContext, options: SdpRoutesOptions): void {
  const { protocol, right, endpoint } = options;
  const { access, callerOf, addressOf, streams, iceServersFor, whipPostsPerMinute: postsPerMinute } = http;
  const endpointPath = `/${protocol}/:streamId` as const;
  const sessionPath = `/${protocol}/:streamId/:sessionId` as const;
  const posts = new KeyedBuckets({ capacity: postsPerMinute, perSecond: postsPerMinute / 60 });
  const requests = new KeyedBuckets(sessionRequests);
  app.use(`/${protocol}/*`, crossOrigin);

  app.post(
    endpointPath,
    limited(posts, addressOf),
    async (context, next) => {
      await authorised(context);
      await next();
    },
    takes(sdp),
    atMost(maxSdpBytes),
    async (context) => {
      mustAccept(context, sdp);
      const { signal } = context.req.raw;
      const offer = await textOf(context);
      // Once more, for the body may have taken its time.
      const { row, admission } = await authorised(context);
      const takeover = context.req.query('takeover') === '1';
      const session = await endpoint.open({ row, offer, takeover, admission, signal });
      if (signal.aborted) session.close('requestAborted', 'the request ended before its answer');
      const links = [...iceServerLinks(iceServersFor(session.id)), ...(session.links ?? [])];
      for (const link of links) context.header('Link', link, { append: true });
      return context.body(session.answer, 201, {
        'Content-Type': sdp,
        Location: `/${protocol}/${row.id}/${session.resourceId}`,
        ETag: session.etag,
        'Accept-Patch': fragment,
      });
    },
  );
  app.options(endpointPath, (context) => context.body(null, 200, { Allow: 'POST, OPTIONS', 'Accept-Post': sdp }));

  app.patch(
    sessionPath,
    limited(requests, addressOf),
    async (context, next) => {
      await authorised(context);
      await next();
    },
    takes(fragment),
    atMost(maxSdpBytes),
    async (context) => {
      const session = endpoint.session(...sessionOf(context));
      const answer = await session.patch(context.req.header('if-match'), await textOf(context));
      if (answer.status === 204) return context.body(null, 204);
      return context.body(answer.fragment, 200, { 'Content-Type': fragment, ETag: session.etag });
    },
  );
  app.delete(sessionPath, limited(requests, addressOf), async (context) => {
    await authorised(context);
    endpoint.end(...sessionOf(context));
    return context.body(null, 200);
  });
  app.options(sessionPath, (context) =>
    context.body(null, 200, { Allow: 'PATCH, DELETE, OPTIONS', 'Accept-Patch': fragment }),
  );

  /** Who may not, learns not whether there is such a Stream. */
  async function authorised(context: Context): Promise<{ row: StreamRow; admission: Admission }> {
    const id = idSchema.safeParse(context.req.param('streamId'));
    const row = id.success ? await streams.find(id.data) : undefined;
    const admission = access.requireBearer(callerOf(context), right, id.data ?? '', row?.streamKey);
    if (!row) throw new Refusal('notFound', 'there is no such Stream: look at the URL again');
    return { row, admission };
  }
}

const sessionOf = ({ req }: Context) => [req.param('streamId') ?? '', req.param('sessionId') ?? ''] as const;

/** Of an Accept header that has no place for what we answer with. */
function mustAccept(context: Context, mediaType: string): void {
  const accept = context.req.header('accept');
  if (accept === undefined) return;
  const ranges = accept.split(',').map((range) => range.split(';', 1)[0]!.trim().toLowerCase());
  if (![mediaType, 'application/*', '*/*'].some((one) => ranges.includes(one))) {
    throw new Refusal('notAcceptable', `the answer is ${mediaType}: accept it`);
  }
}

async function textOf(context: Context): Promise<string> {
  const { req } = context;
  if (req.header('content-length') === undefined && req.header('transfer-encoding') === undefined) {
    throw new Refusal('lengthRequired', 'the request has no body: say its Content-Length and send it');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await req.arrayBuffer());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Refusal('badRequest', 'the body is not UTF-8');
  }
}
