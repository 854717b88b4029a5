import type { StreamRow } from '@framelock/db';
import type { Logger } from 'pino';
import { type EventHandlers, Refusal, type SfuControlContract } from '../protocol/index.ts';
import { parseOffer } from '../sdp/parseOffer.ts';
import type { Streams } from '../streams/Streams.ts';
import { KeyedBuckets } from '../http/KeyedBuckets.ts';
import { WhipSession } from './WhipSession.ts';

/** Handshakes of one Stream at once; each holds a transport on the sfu. */
const maxHandshakes = 4;
/** Ended sessions that are remembered, so that a DELETE after the end is no error: OBS ends DTLS first. */
const maxEnded = 1_000;

export interface WhipEndpointOptions {
  streams: Streams;
  logger: Logger;
  maxSessions: number;
  /** POSTs for one Stream a minute; as many at once. */
  postsPerMinute: number;
}

export interface WhipPost {
  row: StreamRow;
  /** SDP. */
  offer: string;
  takeover: boolean;
  /** Aborted when whoever asked has gone. */
  signal: AbortSignal;
}

/** All WHIP sessions of this server. */
export class WhipEndpoint {
  readonly #options: WhipEndpointOptions;
  readonly #sessions = new Map<string, WhipSession>();
  /** By their id on the sfu, from before there is an answer. */
  readonly #peers = new Map<string, WhipSession>();
  readonly #handshakes = new Map<string, number>();
  /** resourceId -> streamId, oldest first. */
  readonly #ended = new Map<string, string>();
  readonly #posts: KeyedBuckets;
  #closed = false;

  constructor(options: WhipEndpointOptions) {
    this.#options = options;
    this.#posts = new KeyedBuckets({ capacity: options.postsPerMinute, perSecond: options.postsPerMinute / 60 });
  }

  /** Handshakes included. */
  get sessions(): number {
    return this.#peers.size;
  }

  /** Publishes, or refuses and leaves nothing behind. */
  async open({ row, offer: text, takeover, signal }: WhipPost): Promise<WhipSession> {
    const { streams, logger, maxSessions } = this.#options;
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    if (!this.#posts.take(row.id)) {
      throw new Refusal('rateLimited', 'this Stream was published too often within a minute: wait a little');
    }
    const offer = parseOffer(text);
    const handshakes = this.#handshakes.get(row.id) ?? 0;
    if (handshakes >= maxHandshakes) throw new Refusal('rateLimited', 'this Stream has too many handshakes at once');
    if (this.#peers.size >= maxSessions) {
      throw new Refusal('unavailable', `this server has its ${maxSessions} WHIP sessions: try again later`);
    }
    this.#handshakes.set(row.id, handshakes + 1);
    try {
      const onClosed = (session: WhipSession) => this.#forget(session);
      const onBegun = (session: WhipSession) => this.#peers.set(session.id, session);
      const options = { live: streams.open(row), offer, takeover, logger, onBegun, onClosed };
      const session = await WhipSession.create(options, signal);
      this.#sessions.set(session.resourceId, session);
      return session;
    } finally {
      const left = (this.#handshakes.get(row.id) ?? 1) - 1;
      if (left === 0) this.#handshakes.delete(row.id);
      else this.#handshakes.set(row.id, left);
    }
  }

  #forget(session: WhipSession): void {
    this.#peers.delete(session.id);
    if (!this.#sessions.delete(session.resourceId)) return;
    this.#ended.set(session.resourceId, session.live.id);
    if (this.#ended.size > maxEnded) this.#ended.delete(this.#ended.keys().next().value!);
  }

  session(streamId: string, resourceId: string): WhipSession {
    const session = this.#sessions.get(resourceId);
    if (session?.live.id !== streamId) throw new Refusal('notFound', 'there is no such WHIP session: publish again');
    return session;
  }

  /** Also of one that has ended: the wish is fulfilled. */
  end(streamId: string, resourceId: string): void {
    if (this.#ended.get(resourceId) === streamId) return;
    this.session(streamId, resourceId).close('deleted', 'its publisher ended it');
  }

  /** Something of a session ended on the sfu by itself. */
  get peerEvents(): Pick<EventHandlers<SfuControlContract>, 'transportClosed'> {
    return {
      transportClosed: ({ peerId, transportId, reason }) =>
        this.#peers.get(peerId)?.transportClosed(transportId, reason),
    };
  }

  close(reason: string): void {
    this.#closed = true;
    for (const session of [...this.#peers.values()]) session.close('serverStopped', reason);
  }

  dump(): Record<string, unknown> {
    return { whipSessions: [...this.#peers.values()].map((session) => session.dump()) };
  }
}
