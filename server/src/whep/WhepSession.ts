import type { Logger } from 'pino';
import type { Admission } from '../access/Access.ts';
import { newId, newSecret } from '../newId.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type EventData,
  type EventOf,
  parseOrRefuse,
  type PublicationView,
  Refusal,
  type SignalingContract,
} from '../protocol/index.ts';
import type { PatchAnswer } from '../sdp/IceNegotiation.ts';
import type { Offer } from '../sdp/offer.ts';
import { type AnsweredSection, writeAnswer } from '../sdp/writeAnswer.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import { SessionTransport } from '../webrtcHttp/SessionTransport.ts';
import { acceptPlaying, chosenCodecs, type PlayedMedia, type Playing, playingCapabilities } from './acceptPlaying.ts';
import { consumerSchema, detectionsSection, idleSection, playedSection } from './playedSection.ts';

/** A player that finds nothing to play asks again after this, and later with a backoff of its own. */
export const retryAfterS = 5;

export interface WhepSessionOptions {
  live: LiveStream;
  offer: Offer;
  admission: Admission;
  logger: Logger;
  /** Before anything of it is on the sfu. */
  onBegun(session: WhepSession): void;
  onClosed(session: WhepSession): void;
}

/**
 * One player that is not ours: Consumers of the running Publication with the payload types of its offer. It can't
 * renegotiate, so the session ends with the Publication, and with the Producer whose frames the detections are of.
 */
export class WhepSession implements StreamPeer {
  /** Its name on the sfu and in logs. */
  readonly id = newId();
  /** The last part of its URL: who knows it and the bearer may end it, so it is told nobody else. */
  readonly resourceId = newSecret();
  readonly role = 'watch';
  readonly live: LiveStream;
  readonly admission: Admission;
  readonly #options: WhepSessionOptions;
  readonly #logger: Logger;
  readonly #transport: SessionTransport;
  #publicationId: string | undefined;
  #playing: Playing | undefined;
  #answer = '';
  #closed = false;

  private constructor(options: WhepSessionOptions) {
    this.#options = options;
    this.live = options.live;
    this.admission = options.admission;
    this.#logger = options.logger.child({ streamId: options.live.id, peerId: this.id });
    this.#transport = new SessionTransport({
      peerId: this.id,
      offer: options.offer,
      onClosed: (reason) => this.close(reason, 'the transport closed'),
    });
  }

  /** Plays, or refuses and leaves nothing behind. `signal`: whoever asked has gone. */
  static async create(options: WhepSessionOptions, signal: AbortSignal): Promise<WhepSession> {
    const session = new WhepSession(options);
    const onGone = () => session.close('requestAborted', 'the request ended before its answer');
    signal.addEventListener('abort', onGone, { once: true });
    try {
      if (signal.aborted) throw new Refusal('gone', 'the request ended before its answer');
      await session.#play();
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

  /** Where the labels of the detections are, by a relation of RFC 8288 that players may ignore. */
  get links(): string[] {
    if (!this.#playing?.detections) return [];
    return [`</api/v1/streams/${this.live.id}>; rel="describedby"; type="application/json"`];
  }

  async #play(): Promise<void> {
    const { live, offer } = this.#options;
    const { publication } = live;
    if (!publication) {
      throw new Refusal('conflict', 'nothing is published on this Stream just now: ask again in a few seconds', {
        retryAfterS,
      });
    }
    const playing = acceptPlaying(offer, publication);
    this.#playing = playing;
    this.#publicationId = publication.id;
    this.#options.onBegun(this);
    live.join(this);
    const sfu = live.sfu();
    const codecs = playing.media.length > 0 ? { codecs: chosenCodecs(playing.media) } : {};
    const transport = await this.#transport.open(sfu, { streamId: live.id, direction: 'recv', ...codecs });
    const sections: AnsweredSection[] = playing.idle.flatMap(idleSection);
    for (const media of playing.media) sections.push(await this.#consume(sfu, transport.id, media));
    if (playing.detections) {
      const request = { transportId: transport.id, publicationId: publication.id };
      const { dataConsumer } = await this.#transport.ask(() => sfu.request('consumeDetections', request));
      sections.push(detectionsSection(playing.detections, dataConsumer));
    }
    this.#answer = writeAnswer(offer, transport, sections);
    const plays = playing.media.map(({ codec }) => codec.mimeType);
    this.#logger.info({ plays, detections: playing.detections !== undefined }, 'WHEP session began');
  }

  /** Flows from the first key frame after the transport has connected. */
  async #consume(sfu: SfuNode, transportId: string, media: PlayedMedia): Promise<AnsweredSection> {
    const { section, producer } = media;
    // mediasoup writes a mid into every packet, negotiated or not, and libwebrtc believes it: it has to be the offer's.
    if (section.mid.length > 8) throw new Refusal('unsupported', 'a=mid has at most 8 characters here');
    const rtpCapabilities = playingCapabilities(media);
    const request = { transportId, producerId: producer.id, rtpCapabilities, mid: section.mid };
    const { consumer } = await this.#transport.ask(() => sfu.request('consume', request));
    const made = parseOrRefuse(consumerSchema, consumer, 'the Consumer of the sfu');
    await this.#transport.ask(() => sfu.request('resumeConsumer', { consumerId: made.id }));
    return playedSection(media, made, this.live.id);
  }

  patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer> {
    return this.#transport.patch(ifMatch, body);
  }

  /** A plain player hears nothing of this but the end of its session. */
  emit<E extends EventOf<SignalingContract>>(event: E, data: EventData<SignalingContract, E>): void {
    if (event === 'publicationEnded') {
      const { publicationId, reason } = data as EventData<SignalingContract, 'publicationEnded'>;
      if (publicationId === this.#publicationId) this.close(reason, 'the Publication ended');
    }
    if (event === 'publicationChanged') {
      this.#follow((data as EventData<SignalingContract, 'publicationChanged'>).publication);
    }
  }

  /** What it plays is over, or detections would be of other frames than its pictures: it has to play again. */
  #follow({ id, producers, analysedProducerId }: PublicationView): void {
    if (id !== this.#publicationId || !this.#playing) return;
    const { media, detections } = this.#playing;
    if (media.some(({ producer }) => !producers.some((one) => one.id === producer.id))) {
      return this.close('producerClosed', 'a track that it plays was closed');
    }
    const video = media.find(({ section }) => section.kind === 'video');
    if (detections && video && analysedProducerId !== undefined && analysedProducerId !== video.producer.id) {
      this.close('analysedLayerChanged', 'another layer is analysed now');
    }
  }

  /** Asked of publishers only. */
  answers(): Promise<boolean> {
    return Promise.resolve(!this.#closed);
  }

  transportClosed(transportId: string, reason: string): void {
    this.#transport.ended(transportId, reason);
  }

  sfuLost(sfu: SfuNode, reason: string): void {
    if (sfu === this.#transport.sfu) this.close('sfuLost', reason);
  }

  close(code: string, message: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.live.leave(this);
    this.#transport.close();
    if (this.#answer !== '') this.#logger.info({ cause: code }, `WHEP session ended: ${message}`);
    this.#options.onClosed(this);
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      streamId: this.live.id,
      transportId: this.#transport.id ?? null,
      publicationId: this.#publicationId ?? null,
      plays: this.#playing?.media.map(({ producer }) => producer.id) ?? [],
    };
  }
}
