import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { detectionChannel, Refusal, type MediaKind, type Opaque } from '@framelock/server/protocol';
import { askMediasoup } from './mediasoupRefusal.ts';
import { maxFeedMessageBytes } from './tap/DetectionFeed.ts';
import type { PublishingTransport } from './PublishingTransport.ts';
import {
  checkDtlsParameters,
  checkLayerParameters,
  checkRtpCapabilities,
  checkRtpParameters,
  checkSctpStreamParameters,
  midExtension,
} from './rtpRules.ts';
import type { SfuMetrics } from './metrics.ts';
import type { PayloadTypeRouter } from './PayloadTypeRouter.ts';

export type TransportDirection = 'send' | 'recv';

/** How long a transport may be without its peer, ms. */
export interface TransportTimeouts {
  /** From the first thing asked of it (connect, produce, consume) to ICE and DTLS being connected. */
  connectMs: number;
  /** ICE consent lost (itself after 10 s of silence) until the transport is given up. */
  disconnectedMs: number;
}

export const transportTimeouts: TransportTimeouts = { connectMs: 15_000, disconnectedMs: 20_000 };

export interface PeerTransportOptions {
  router: types.Router;
  /** Where `router` is one of these: brings the Stream's Producers there. */
  payloadTypes?: PayloadTypeRouter;
  webRtcServer: types.WebRtcServer;
  streamId: string;
  peerId: string;
  direction: TransportDirection;
  /** send only: for the detections of a publisher's page. */
  data?: boolean;
  timeouts: TransportTimeouts;
  metrics: SfuMetrics;
}

interface PeerTransportEvents {
  closed: [reason: string];
  consumerClosed: [consumerId: string, reason: string];
  consumerLayers: [consumerId: string, layers: types.ConsumerLayers | undefined];
}

/** RFC 7675 asks for consent every 5 s; 10 s is the least that mediasoup takes. */
const iceConsentTimeoutS = 10;
const maxIncomingBitrateBps = 20_000_000;
/** Where the estimate for SVC viewers begins; the default of 600 kbit/s shows the lowest layer for seconds. */
const initialOutgoingBitrateBps = 10_000_000;
/** Detections are worth nothing late: beyond this the Worker drops them, and `sctpsendbufferfull` counts it. */
const detectionQueueBytes = 128 * 1024;
/**
 * How long a detection may wait for a congested association. mediasoup 3.27.1 takes an absent limit of an unordered
 * channel as 0 (Transport.cpp, `SendMessageOptions`): with `maxRetransmits: 0` alone, whatever cannot leave in the same
 * microsecond is dropped. With a lifetime, retransmissions are still 0 by the same rule.
 */
const detectionLifetimeMs = 500;
/** A key frame costs ten ordinary ones: viewers who ask in a storm get at most four a second. */
const keyFrameRequestDelayMs = 250;
const maxConsumers = 64;
/** A channel of detections that another has taken the place of, ms. */
const replacedAfterMs = 3_000;

/** One direction of one peer: a WebRtcTransport on its Worker's WebRtcServer, and the Consumers on it. */
export class PeerTransport extends EventEmitter<PeerTransportEvents> implements PublishingTransport {
  readonly streamId: string;
  readonly peerId: string;
  readonly direction: TransportDirection;
  readonly #transport: types.WebRtcTransport;
  readonly #payloadTypes: PayloadTypeRouter | undefined;
  readonly #timeouts: TransportTimeouts;
  readonly #metrics: SfuMetrics;
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #dataConsumers = new Map<string, types.DataConsumer>();
  #hasLayers = false;
  #readsMid = false;
  #connectTimer: NodeJS.Timeout | undefined;
  #disconnectedTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: PeerTransportOptions, transport: types.WebRtcTransport) {
    super();
    this.streamId = options.streamId;
    this.peerId = options.peerId;
    this.direction = options.direction;
    this.#transport = transport;
    this.#payloadTypes = options.payloadTypes;
    this.#timeouts = options.timeouts;
    this.#metrics = options.metrics;
    transport.on('icestatechange', (state) => this.#onIceState(state));
    transport.on('dtlsstatechange', (state) => this.#onDtlsState(state));
  }

  static async create(options: PeerTransportOptions): Promise<PeerTransport> {
    const { router, webRtcServer, direction, data = false } = options;
    const transport = await router.createWebRtcTransport({
      webRtcServer,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      iceConsentTimeout: iceConsentTimeoutS,
      initialAvailableOutgoingBitrate: initialOutgoingBitrateBps,
      // Data flows to viewers, and from publishers that compute detections themselves.
      enableSctp: direction === 'recv' || data,
      maxSendMessageSize: maxFeedMessageBytes,
      maxReceiveMessageSize: 16 * 1024,
      sctpSendBufferSize: 2 * detectionQueueBytes,
      sctpPerStreamSendQueueLimit: detectionQueueBytes,
    });
    try {
      if (direction === 'send') await transport.setMaxIncomingBitrate(maxIncomingBitrateBps);
    } catch (error) {
      transport.close();
      throw error;
    }
    return new PeerTransport(options, transport);
  }

  get id(): string {
    return this.#transport.id;
  }

  get publisherId(): string {
    return this.peerId;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get counts(): { consumers: number; dataConsumers: number } {
    return { consumers: this.#consumers.size, dataConsumers: this.#dataConsumers.size };
  }

  /** mediasoup-client's TransportOptions. */
  get parameters(): Opaque {
    const { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters } = this.#transport;
    return { id, iceParameters, iceCandidates, dtlsParameters, ...(sctpParameters ? { sctpParameters } : {}) };
  }

  async connect(dtlsParameters: unknown): Promise<void> {
    const valid = checkDtlsParameters(dtlsParameters);
    this.#expectConnection();
    await askMediasoup('connectTransport', () => this.#transport.connect({ dtlsParameters: valid }));
  }

  /** Bytes of the transport as a whole: STUN, DTLS and media. */
  async state(): Promise<{ iceState: string; dtlsState: string; bytesReceived: number }> {
    const stats = await askMediasoup('transportState', () => this.#transport.getStats());
    const { iceState, dtlsState } = this.#transport;
    return { iceState, dtlsState, bytesReceived: stats[0]?.bytesReceived ?? 0 };
  }

  async restartIce(): Promise<Opaque> {
    return { ...(await askMediasoup('restartIce', () => this.#transport.restartIce())) };
  }

  /** `rid`: of the simulcast layer that this Producer is. */
  async produce(kind: MediaKind, rtpParameters: unknown, rid?: string): Promise<types.Producer> {
    if (this.direction !== 'send') throw new Refusal('badRequest', 'only a send transport takes Producers');
    const valid =
      rid === undefined ? checkRtpParameters(kind, rtpParameters) : checkLayerParameters(kind, rtpParameters, rid);
    const hasLayers = this.#hasLayers || rid !== undefined;
    const readsMid = this.#readsMid || valid.headerExtensions!.some(({ uri }) => uri === midExtension);
    // Of a packet with a mid the Worker does not look at the rid, and nothing of the layers would arrive.
    if (hasLayers && readsMid) {
      throw new Refusal(
        'badRequest',
        'beside simulcast layers a Producer is told apart by its ssrc: leave the mid out',
      );
    }
    [this.#hasLayers, this.#readsMid] = [hasLayers, readsMid];
    this.#expectConnection();
    const options = {
      kind,
      rtpParameters: valid,
      ...(kind === 'video' ? { keyFrameRequestDelay: keyFrameRequestDelayMs } : {}),
    };
    return askMediasoup('produce', () => this.#transport.produce(options));
  }

  /** Paused until resumeConsumer(). Layers are told by event, for SVC Producers. */
  async consume(producer: types.Producer, rtpCapabilities: unknown, mid?: string): Promise<types.Consumer> {
    if (this.direction !== 'recv') throw new Refusal('badRequest', 'only a recv transport takes Consumers');
    if (this.#consumers.size >= maxConsumers)
      throw new Refusal('rateLimited', `at most ${maxConsumers} Consumers each`);
    const valid = checkRtpCapabilities(rtpCapabilities);
    this.#expectConnection();
    const consumer = await askMediasoup('consume', async () => {
      const near = this.#payloadTypes ? await this.#payloadTypes.producer(producer) : producer;
      return this.#transport.consume({
        producerId: near.id,
        rtpCapabilities: valid,
        ...(mid === undefined ? {} : { mid }),
        paused: true,
        enableRtx: producer.kind === 'video',
      });
    });
    if (this.#closed) throw new Refusal('unavailable', 'consume: the transport closed meanwhile');
    this.#consumers.set(consumer.id, consumer);
    consumer.on('producerclose', () => this.#consumerGone(consumer.id, 'producerClosed'));
    consumer.on('layerschange', (layers) => this.emit('consumerLayers', consumer.id, layers));
    // It may have closed while the Worker answered, before there was anyone to hear of it.
    if (consumer.closed) {
      this.#consumers.delete(consumer.id);
      throw new Refusal('gone', 'consume: the Producer ended meanwhile');
    }
    return consumer;
  }

  /** One at a time: the one before goes on for a while, until its viewer has opened this one. */
  async consumeDetections(dataProducerId: string): Promise<types.DataConsumer> {
    if (this.direction !== 'recv') throw new Refusal('badRequest', 'only a recv transport takes detections');
    if (this.#dataConsumers.size >= maxConsumers) throw new Refusal('rateLimited', `at most ${maxConsumers} each`);
    this.#expectConnection();
    const dataConsumer = await askMediasoup('consumeDetections', async () => {
      const nearId = this.#payloadTypes ? (await this.#payloadTypes.dataProducer(dataProducerId)).id : dataProducerId;
      const options = { ordered: false, maxPacketLifeTime: detectionLifetimeMs };
      return this.#transport.consumeData({ dataProducerId: nearId, ...options });
    });
    if (this.#closed) throw new Refusal('unavailable', 'consumeDetections: the transport closed meanwhile');
    // Looked up only now: of two that were asked for together, too, the last one stays.
    const before = [...this.#dataConsumers.values()];
    if (before.length > 0) setTimeout(() => before.forEach((one) => one.close()), replacedAfterMs).unref();
    this.#dataConsumers.set(dataConsumer.id, dataConsumer);
    dataConsumer.observer.once('close', () => this.#dataConsumers.delete(dataConsumer.id));
    dataConsumer.on('sctpsendbufferfull', () => this.#metrics.framesDropped.inc({ stage: 'dataChannel' }));
    return dataConsumer;
  }

  /** A publisher's own detections; label and protocol are ours to say. */
  async produceData(sctpStreamParameters: unknown): Promise<types.DataProducer> {
    if (this.direction !== 'send') throw new Refusal('badRequest', 'only a send transport takes detections');
    if (!this.#transport.sctpParameters) throw new Refusal('badRequest', 'this transport was made without data');
    const valid = checkSctpStreamParameters(sctpStreamParameters);
    this.#expectConnection();
    return askMediasoup('produceDetections', () =>
      this.#transport.produceData({ sctpStreamParameters: valid, ...detectionChannel }),
    );
  }

  /** Lets a Consumer flow from a key frame on. */
  async resumeConsumer(consumerId: string): Promise<void> {
    const consumer = this.#consumer(consumerId);
    // mediasoup asks for a key frame itself when a paused Consumer resumes.
    if (consumer.paused) await askMediasoup('resumeConsumer', () => consumer.resume());
    else await askMediasoup('resumeConsumer', () => consumer.requestKeyFrame());
  }

  closeConsumer(consumerId: string): void {
    this.#consumer(consumerId).close();
    this.#consumerGone(consumerId, 'requested');
  }

  async setPreferredLayers(consumerId: string, layers: types.ConsumerLayers): Promise<void> {
    const consumer = this.#consumer(consumerId);
    if (consumer.type === 'simple') throw new Refusal('unsupported', 'this video has one layer only');
    await askMediasoup('setPreferredLayers', () => consumer.setPreferredLayers(layers));
  }

  async requestKeyFrame(consumerId: string): Promise<void> {
    const consumer = this.#consumer(consumerId);
    if (consumer.kind !== 'video') throw new Refusal('badRequest', 'audio has no key frames');
    await askMediasoup('requestKeyFrame', () => consumer.requestKeyFrame());
  }

  #consumer(consumerId: string): types.Consumer {
    const consumer = this.#consumers.get(consumerId);
    if (!consumer) throw new Refusal('notFound', `there is no Consumer ${consumerId}`);
    return consumer;
  }

  #consumerGone(consumerId: string, reason: string): void {
    if (this.#consumers.delete(consumerId) && !this.#closed) this.emit('consumerClosed', consumerId, reason);
  }

  /** A viewer of an idle Stream may hold a transport for hours unused; once used it has to connect. */
  #expectConnection(): void {
    if (this.#connectTimer || this.#closed || this.#transport.dtlsState === 'connected') return;
    this.#connectTimer = setTimeout(() => this.close('neverConnected'), this.#timeouts.connectMs);
  }

  #onIceState(state: types.IceState): void {
    clearTimeout(this.#disconnectedTimer);
    if (state === 'closed') this.close('iceClosed');
    if (state !== 'disconnected') return;
    this.#disconnectedTimer = setTimeout(() => this.close('iceDisconnected'), this.#timeouts.disconnectedMs);
  }

  #onDtlsState(state: types.DtlsState): void {
    if (state === 'connected') clearTimeout(this.#connectTimer);
    if (state === 'failed') this.close('dtlsFailed');
    if (state === 'closed') this.close('dtlsClosed');
  }

  /** Ends its Producers and Consumers with it; those hear of it through `closed`. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#disconnectedTimer);
    this.#transport.close();
    this.#consumers.clear();
    this.#dataConsumers.clear();
    this.#metrics.transportsClosed.inc({ reason });
    this.emit('closed', reason);
  }

  dump(): Record<string, unknown> {
    const { iceState, dtlsState, sctpState } = this.#transport;
    return {
      id: this.id,
      peerId: this.peerId,
      direction: this.direction,
      iceState,
      dtlsState,
      ...(sctpState ? { sctpState } : {}),
      consumers: [...this.#consumers.values()].map(({ id, producerId, type, paused, producerPaused }) => {
        return { id, producerId, type, paused, producerPaused };
      }),
      dataConsumers: [...this.#dataConsumers.keys()],
    };
  }
}
