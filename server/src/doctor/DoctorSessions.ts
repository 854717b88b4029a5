import type { Logger } from 'pino';
import { newId, newSecret } from '../newId.ts';
import { leastFull, type SfuNode } from '../nodes/NodeRegistry.ts';
import { Refusal } from '../protocol/index.ts';
import { parseOffer } from '../sdp/parseOffer.ts';
import { readRouterCapabilities } from '../sdp/producerParameters.ts';
import { writeAnswer } from '../sdp/writeAnswer.ts';
import { SessionTransport } from '../webrtcHttp/SessionTransport.ts';
import { acceptPublishing, answeredSections, checkPublishing } from '../whip/acceptPublishing.ts';

const lifetimeMs = 30_000;
const maxSessions = 8;

export interface DoctorSessionsOptions {
  sfuNodes(): SfuNode[];
  logger: Logger;
  lifetimeMs?: number;
}

/** One: media arrives and is thrown away. */
interface DoctorSession {
  /** For TURN credentials, and the transport's owner on the sfu. */
  id: string;
  resourceId: string;
  answer: string;
  transport: SessionTransport;
  timer: ReturnType<typeof setTimeout>;
}

/**
 * Test sessions of the browser's check: an offer as for WHIP, for no Stream. A transport on an sfu node takes the
 * picture, so that its transport-cc feedback tells the browser what the uplink carries; nobody analyses or watches it.
 * The answer has all candidates: the page tries UDP or TCP alone by leaving the others out.
 */
export class DoctorSessions {
  readonly #options: DoctorSessionsOptions;
  readonly #sessions = new Map<string, DoctorSession>();
  #opening = 0;
  #closed = false;

  constructor(options: DoctorSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Opens one that ends by itself after 30 s; a refusal leaves nothing behind. */
  async open(offerText: string, signal: AbortSignal): Promise<DoctorSession> {
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    if (this.#sessions.size + this.#opening >= maxSessions) {
      throw new Refusal('rateLimited', 'too many connection checks run just now: try again in half a minute');
    }
    const offer = parseOffer(offerText);
    const sections = checkPublishing(offer);
    const sfu = leastFull(this.#options.sfuNodes());
    if (!sfu) throw new Refusal('unavailable', 'no sfu node answers: try again shortly');
    const id = newId();
    const resourceId = newSecret();
    const transport = new SessionTransport({ peerId: id, offer, onClosed: () => this.#end(resourceId) });
    this.#opening++;
    try {
      const { rtpCapabilities } = await transport.ask(() => sfu.request('routerRtpCapabilities', {}));
      const accepted = acceptPublishing(sections, readRouterCapabilities(rtpCapabilities));
      const made = await transport.open(sfu, { streamId: `doctor-${id}`, direction: 'send' });
      for (const { section, producers } of accepted) {
        if (section.kind === 'application') continue;
        const { kind } = section;
        for (const { rtpParameters, layer } of producers) {
          const request = { transportId: made.id, publicationId: `doctor-${id}`, kind, rtpParameters };
          await transport.ask(() => sfu.request('produce', { ...request, ...(layer ? { layer } : {}) }));
        }
      }
      if (signal.aborted || this.#closed) throw new Refusal('gone', 'the request ended before its answer');
      const answer = writeAnswer(offer, made, answeredSections(accepted));
      const timer = setTimeout(() => this.#end(resourceId), this.#options.lifetimeMs ?? lifetimeMs);
      const session = { id, resourceId, answer, transport, timer };
      this.#sessions.set(resourceId, session);
      this.#options.logger.info({ peerId: id, sfuNodeId: sfu.id }, 'connection check began');
      return session;
    } catch (error) {
      transport.close();
      throw error;
    } finally {
      this.#opening--;
    }
  }

  /** What sfu nodes tell of transports. */
  transportClosed(event: { peerId: string; transportId: string; reason: string }): void {
    for (const { id, transport } of this.#sessions.values()) {
      if (id === event.peerId) transport.ended(event.transportId, event.reason);
    }
  }

  /** By who knows its URL. One that has ended is no error: it ends by itself as well. */
  end(resourceId: string): void {
    this.#end(resourceId);
  }

  #end(resourceId: string): void {
    const session = this.#sessions.get(resourceId);
    if (!session) return;
    this.#sessions.delete(resourceId);
    clearTimeout(session.timer);
    session.transport.close();
    this.#options.logger.info({ peerId: session.id }, 'connection check ended');
  }

  close(): void {
    this.#closed = true;
    for (const resourceId of [...this.#sessions.keys()]) this.#end(resourceId);
  }
}
