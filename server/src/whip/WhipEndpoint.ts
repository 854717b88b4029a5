import type { Logger } from 'pino';
import type { SdpEndpoint, SdpPost } from '../http/sdpRoutes.ts';
import { type EventHandlers, Refusal, type SfuControlContract } from '../protocol/index.ts';
import { parseOffer } from '../sdp/parseOffer.ts';
import type { Streams } from '../streams/Streams.ts';
import { SdpSessions } from '../webrtcHttp/SdpSessions.ts';
import { KeyedBuckets } from '../http/KeyedBuckets.ts';
import { WhipRefusals } from './WhipRefusals.ts';
import { WhipSession } from './WhipSession.ts';

/** Handshakes of one Stream at once; each holds a transport on the sfu. */
const maxHandshakes = 4;

export interface WhipEndpointOptions {
  streams: Streams;
  logger: Logger;
  maxSessions: number;
  /** POSTs for one Stream a minute; as many at once. */
  postsPerMinute: number;
}

/** All WHIP sessions of this server. */
export class WhipEndpoint implements SdpEndpoint {
  readonly refusals = new WhipRefusals();
  readonly #options: WhipEndpointOptions;
  readonly #sessions: SdpSessions<WhipSession>;
  readonly #posts: KeyedBuckets;

  constructor(options: WhipEndpointOptions) {
    this.#options = options;
    const { maxSessions, postsPerMinute } = options;
    this.#sessions = new SdpSessions({ protocol: 'WHIP', maxSessions, maxHandshakes });
    this.#posts = new KeyedBuckets({ capacity: postsPerMinute, perSecond: postsPerMinute / 60 });
  }

  /** Handshakes included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Publishes, or refuses and leaves nothing behind. */
  async open(post: SdpPost): Promise<WhipSession> {
    const streamId = post.row.id;
    try {
      const session = await this.#open(post);
      this.refusals.forget(streamId);
      return session;
    } catch (error) {
      if (!post.signal.aborted) this.refusals.note(streamId, error);
      throw error;
    }
  }

  async #open({ row, offer: text, takeover, admission, signal }: SdpPost): Promise<WhipSession> {
    const { streams, logger } = this.#options;
    if (!this.#posts.take(row.id)) {
      throw new Refusal('rateLimited', 'this Stream was published too often within a minute: wait a little');
    }
    const offer = parseOffer(text);
    return this.#sessions.open(row.id, (hooks) =>
      WhipSession.create({ live: streams.open(row), offer, takeover, admission, logger, ...hooks }, signal),
    );
  }

  session(streamId: string, resourceId: string): WhipSession {
    return this.#sessions.session(streamId, resourceId);
  }

  /** Also of one that has ended: the wish is fulfilled. */
  end(streamId: string, resourceId: string): void {
    this.#sessions.end(streamId, resourceId);
  }

  /** Something of a session ended on the sfu by itself. */
  get peerEvents(): Pick<EventHandlers<SfuControlContract>, 'transportClosed'> {
    return {
      transportClosed: ({ peerId, transportId, reason }) =>
        this.#sessions.peer(peerId)?.transportClosed(transportId, reason),
    };
  }

  close(reason: string): void {
    this.#sessions.close(reason);
  }

  dump(): Record<string, unknown> {
    return { whipSessions: this.#sessions.all.map((session) => session.dump()) };
  }
}
