import type { Logger } from 'pino';
import type { SdpEndpoint, SdpPost } from '../http/sdpRoutes.ts';
import type { EventHandlers, SfuControlContract } from '../protocol/index.ts';
import { parseOffer } from '../sdp/parseOffer.ts';
import type { Streams } from '../streams/Streams.ts';
import { SdpSessions } from '../webrtcHttp/SdpSessions.ts';
import { WhepSession } from './WhepSession.ts';

/** Players come in crowds when a Stream begins; each handshake holds a transport on the sfu. */
const maxHandshakes = 64;

export interface WhepEndpointOptions {
  streams: Streams;
  logger: Logger;
  maxSessions: number;
}

/** All WHEP sessions of this server. */
export class WhepEndpoint implements SdpEndpoint {
  readonly #options: WhepEndpointOptions;
  readonly #sessions: SdpSessions<WhepSession>;

  constructor(options: WhepEndpointOptions) {
    this.#options = options;
    const { maxSessions } = options;
    this.#sessions = new SdpSessions({ protocol: 'WHEP', maxSessions, maxHandshakes });
  }

  /** Handshakes included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Plays, or refuses and leaves nothing behind. */
  async open({ row, offer: text, admission, signal }: SdpPost): Promise<WhepSession> {
    const { streams, logger } = this.#options;
    const offer = parseOffer(text);
    return this.#sessions.open(row.id, async (hooks) => {
      const live = streams.open(row);
      try {
        return await WhepSession.create({ live, offer, admission, logger, ...hooks }, signal);
      } finally {
        live.closeIfEmpty();
      }
    });
  }

  session(streamId: string, resourceId: string): WhepSession {
    return this.#sessions.session(streamId, resourceId);
  }

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
    return { whepSessions: this.#sessions.all.map((session) => session.dump()) };
  }
}
