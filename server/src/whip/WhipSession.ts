import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Admission } from '../access/Access.ts';
import { newId, newSecret } from '../newId.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { type EventData, type EventOf, Refusal, type SignalingContract } from '../protocol/index.ts';
import type { PatchAnswer } from '../sdp/IceNegotiation.ts';
import type { Offer } from '../sdp/offer.ts';
import { readRouterCapabilities } from '../sdp/producerParameters.ts';
import { writeAnswer } from '../sdp/writeAnswer.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import { SessionTransport } from '../webrtcHttp/SessionTransport.ts';
import { acceptPublishing, answeredSections, checkPublishing } from './acceptPublishing.ts';

/** How often a publisher's transport is looked at for a sign of life. */
const signOfLifeEveryMs = 150;

export interface WhipSessionOptions {
  live: LiveStream;
  offer: Offer;
  admission: Admission;
  logger: Logger;
  /** End an earlier publisher that is alive. */
  takeover: boolean;
  /** From here on the sfu may tell of it. */
  onBegun(session: WhipSession): void;
  onClosed(session: WhipSession): void;
}

/** One WHIP publisher: its transport on the sfu and the Publication that it makes. */
export class WhipSession implements StreamPeer {
  /** Its name on the sfu and in logs. */
  readonly id = newId();
  /** The last part of its URL: who knows it and the bearer may end it, so it is told nobody else. */
  readonly resourceId = newSecret();
  readonly role = 'publish';
  readonly publishedBy = 'whip';
  readonly live: LiveStream;
  readonly admission: Admission;
  readonly #options: WhipSessionOptions;
  readonly #logger: Logger;
  readonly #transport: SessionTransport;
  #publicationId: string | undefined;
  #answer = '';
  #closed = false;

  private constructor(options: WhipSessionOptions) {
    this.#options = options;
    this.live = options.live;
    this.admission = options.admission;
    this.#logger = options.logger.child({ streamId: options.live.id, peerId: this.id });
    this.#transport = new SessionTransport({
      peerId: this.id,
      offer: options.offer,
      // It never connected, its ICE is gone, or its Worker died.
      onClosed: (reason) => this.close(reason, 'the transport closed'),
    });
  }

  /** Publishes, or refuses and leaves nothing behind. `signal`: whoever asked has gone. */
  static async create(options: WhipSessionOptions, signal: AbortSignal): Promise<WhipSession> {
    const session = new WhipSession(options);
    const onGone = () => session.close('requestAborted', 'the request ended before its answer');
    signal.addEventListener('abort', onGone, { once: true });
    try {
      options.onBegun(session);
      if (signal.aborted) throw new Refusal('gone', 'the request ended before its answer');
      await session.#publish();
      return session;
    } catch (error) {
      session.close('refused', 'the offer was refused');
      throw error;
    } finally {
      signal.removeEventListener('abort', onGone);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  get answer(): string {
    return this.#answer;
  }

  get etag(): string {
    return this.#transport.etag;
  }

  async #publish(): Promise<void> {
    const { live, offer, takeover } = this.#options;
    live.join(this);
    const sections = checkPublishing(offer);
    const sfu = live.sfu();
    const { rtpCapabilities } = await this.#transport.ask(() => sfu.request('routerRtpCapabilities', {}));
    const accepted = acceptPublishing(sections, readRouterCapabilities(rtpCapabilities));
    await this.#transport.ask(() => live.claimPublisher(this, { takeover }).catch(sayHowToTakeOver));
    // The one before us may have been on another node, and so was the choice of ours.
    if (live.sfu() !== sfu) throw new Refusal('unavailable', 'the sfu node changed meanwhile: try again');
    const transport = await this.#transport.open(sfu, { streamId: live.id, direction: 'send' });
    // In the order of the offer, and the largest layer first.
    for (const { section, producers } of accepted) {
      for (const { rtpParameters, layer } of producers) {
        if (section.kind === 'application') continue;
        const args = [this, sfu, transport.id, section.kind, rtpParameters, layer] as const;
        this.#publicationId = (await this.#transport.ask(() => live.produce(...args))).publicationId;
      }
    }
    this.#answer = writeAnswer(offer, transport, answeredSections(accepted));
    const codecs = accepted.map(({ codecs: [codec], producers }) => `${codec!.mimeType} x ${producers.length}`);
    this.#logger.info({ codecs }, 'WHIP session began');
  }

  patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer> {
    return this.#transport.patch(ifMatch, body);
  }

  /** Nothing that happens to a Stream is told to a publisher by HTTP; the end of its Publication ends it too. */
  emit<E extends EventOf<SignalingContract>>(event: E, data: EventData<SignalingContract, E>): void {
    if (event !== 'publicationEnded') return;
    const { publicationId, reason } = data as EventData<SignalingContract, 'publicationEnded'>;
    if (publicationId === this.#publicationId) this.close(reason, 'the Publication ended');
  }

  /**
   * There is no socket to ping, but who publishes sends all the time: audio 50 packets a second, and consent checks. ICE
   * alone needs 10 s to see that a network is gone, and a reconnecting encoder must not wait so long.
   */
  async answers(withinMs: number): Promise<boolean> {
    const endsAtMs = performance.now() + withinMs;
    const first = await this.#bytesReceived();
    while (!this.#closed && performance.now() < endsAtMs) {
      await sleep(signOfLifeEveryMs);
      const bytes = await this.#bytesReceived();
      if (bytes !== undefined && first !== undefined && bytes > first) return !this.#closed;
    }
    return false;
  }

  /** Of a transport that is gone, or that no sfu tells of: nothing. */
  async #bytesReceived(): Promise<number | undefined> {
    const { sfu, id: transportId } = this.#transport;
    if (!sfu || transportId === undefined) return 0;
    try {
      return (await sfu.request('transportState', { transportId })).bytesReceived;
    } catch {
      return undefined;
    }
  }

  transportClosed(transportId: string, reason: string): void {
    this.#transport.ended(transportId, reason);
  }

  sfuLost(sfu: SfuNode, reason: string): void {
    if (sfu === this.#transport.sfu) this.close('sfuLost', reason);
  }

  /** Ends its Publication with it. */
  close(code: string, message: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.live.leave(this);
    this.live.closeIfEmpty();
    this.#transport.close();
    if (this.#answer !== '') this.#logger.info({ cause: code }, `WHIP session ended: ${message}`);
    this.#options.onClosed(this);
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      streamId: this.live.id,
      transportId: this.#transport.id ?? null,
      publicationId: this.#publicationId ?? null,
    };
  }
}

function sayHowToTakeOver(error: unknown): never {
  if (!(error instanceof Refusal) || error.code !== 'conflict') throw error;
  throw new Refusal('conflict', `${error.message}, or end it by publishing to this URL with ?takeover=1`);
}
