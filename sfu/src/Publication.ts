import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import {
  Refusal,
  type IngestStats,
  type LayerTimeline,
  type MediaKind,
  type ProducerView,
} from '@framelock/server/protocol';
import { IngestMeter } from './IngestMeter.ts';
import { askMediasoup } from './mediasoupRefusal.ts';
import { SimulcastLayers } from './simulcast/SimulcastLayers.ts';
import { BrowserFeed } from './tap/BrowserFeed.ts';
import { DetectionFeed } from './tap/DetectionFeed.ts';
import { FrameTap, type SocketAddress } from './tap/FrameTap.ts';
import type { PeerTransport } from './PeerTransport.ts';
import type { PublishingTransport } from './PublishingTransport.ts';
import type { SfuMetrics } from './metrics.ts';

export interface PublicationOptions {
  publicationId: string;
  streamId: string;
  router: types.Router;
  metrics: SfuMetrics;
}

interface HeldProducer {
  producer: types.Producer;
  /** Unhooks it from its transport. */
  release(): void;
}

interface LayerPlace {
  rid: string;
  /** 0 = the largest picture. */
  order: number;
}

interface Place {
  kind: MediaKind;
  layer?: LayerPlace | undefined;
}

const maxLayers = 4;

interface PublicationEvents {
  producer: [producerId: string];
  /** Of a simulcast: the layer to analyse is another. */
  analysed: [producerId: string];
  timeline: [producerId: string, timeline: LayerTimeline];
  producerClosed: [producerId: string, reason: string];
  ingest: [IngestStats];
  closed: [reason: string];
}

/** One run of a Stream: at most one Producer of each kind from one peer, a DetectionFeed, and a FrameTap when analysed. */
export class Publication extends EventEmitter<PublicationEvents> {
  readonly id: string;
  readonly streamId: string;
  readonly feed: DetectionFeed;
  readonly #router: types.Router;
  readonly #meter = IngestMeter.create({ onStats: (stats) => this.emit('ingest', stats) });
  readonly #producers = new Map<string, HeldProducer>();
  #publisherId: string | undefined;
  /** Those whose Producer the Worker is making. */
  readonly #pending = new Set<Place>();
  /** From the first simulcast layer on. */
  #layers: SimulcastLayers | undefined;
  #tap: FrameTap | undefined;
  /** Where the publisher's own page computes the detections. */
  #browserFeed: BrowserFeed | undefined;
  /** Besides `#tap`, for HLS. */
  readonly #mediaTaps = new Set<FrameTap>();
  /** Counts openTap and closeTap, so that an overtaken openTap knows it. */
  #tapGeneration = 0;
  /** The same of produceDetections and closeDetections. */
  #detectionsGeneration = 0;
  #closed = false;

  private constructor({ publicationId, streamId, router }: PublicationOptions, feed: DetectionFeed) {
    super();
    this.id = publicationId;
    this.streamId = streamId;
    this.#router = router;
    this.feed = feed;
  }

  static async create(options: PublicationOptions): Promise<Publication> {
    return new Publication(options, await DetectionFeed.create(options));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get tap(): FrameTap | undefined {
    return this.#tap;
  }

  get producers(): ProducerView[] {
    return [...this.#producers.values()].map(({ producer }) => this.#viewOf(producer));
  }

  producer(producerId: string): types.Producer {
    const held = this.#producers.get(producerId);
    if (!held) throw new Refusal('notFound', `there is no Producer ${producerId}`);
    return held.producer;
  }

  /** A viewer's channel; of hidden labels nothing travels, where there is room for one more wish of that kind. */
  async consumeDetections(transport: PeerTransport, hiddenLabels: readonly string[]): Promise<types.DataConsumer> {
    const filter = hiddenLabels.length > 0 ? await this.feed.filtered.open(hiddenLabels) : undefined;
    try {
      const dataConsumer = await transport.consumeDetections((filter ?? this.feed).dataProducerId);
      if (filter) dataConsumer.observer.once('close', () => filter.release());
      if (dataConsumer.closed) filter?.release();
      return dataConsumer;
    } catch (error) {
      filter?.release();
      throw error;
    }
  }

  /** A Producer that is refused leaves a Publication without any closed. */
  async produce(
    transport: PublishingTransport,
    kind: MediaKind,
    rtpParameters: unknown,
    layer?: LayerPlace,
  ): Promise<ProducerView> {
    this.#publisherId ??= transport.publisherId;
    if (transport.publisherId !== this.#publisherId)
      throw new Refusal('conflict', 'this Publication belongs to another peer');
    const place: Place = { kind, layer };
    this.#requireFree(place);
    this.#pending.add(place);
    try {
      const producer = await transport.produce(kind, rtpParameters, layer?.rid);
      if (this.#closed || transport.closed) {
        producer.close();
        throw new Refusal('unavailable', 'produce: the Publication ended meanwhile');
      }
      const onTransportClosed = (reason: string): void => this.closeProducer(producer.id, reason);
      transport.once('closed', onTransportClosed);
      this.#producers.set(producer.id, { producer, release: () => transport.off('closed', onTransportClosed) });
      this.#meter.add(producer);
      this.emit('producer', producer.id);
      if (layer) this.#simulcastLayers().add(producer, layer);
      return this.#viewOf(producer);
    } finally {
      this.#pending.delete(place);
      this.#closeIfEmpty('producerRefused');
    }
  }

  /** One Producer of each kind; several videos only as the layers of one simulcast. */
  #requireFree({ kind, layer }: Place): void {
    const taken: Place[] = [...this.#pending, ...this.producers].filter((one) => one.kind === kind);
    const clash = taken.some(
      (one) => !layer || !one.layer || one.layer.rid === layer.rid || one.layer.order === layer.order,
    );
    if (!clash && taken.length < maxLayers) return;
    const what = layer ? `layer ${layer.rid} already, or ${maxLayers} layers` : `Producer of kind ${kind} already`;
    throw new Refusal('conflict', `this Publication has a ${what}`);
  }

  #simulcastLayers(): SimulcastLayers {
    return (this.#layers ??= SimulcastLayers.create({
      onAnalysed: (producerId) => this.emit('analysed', producerId),
      onTimeline: (producerId, timeline) => this.emit('timeline', producerId, timeline),
    }));
  }

  #viewOf({ id, kind, rtpParameters, paused }: types.Producer): ProducerView {
    const layer = this.#layers?.view(id);
    const { mimeType, parameters } = rtpParameters.codecs[0]!;
    const profile = profileOf(parameters);
    return { id, kind, mimeType, ...(profile ? { profile } : {}), paused, ...(layer ? { layer } : {}) };
  }

  async setProducerPaused(producerId: string, paused: boolean): Promise<void> {
    const producer = this.producer(producerId);
    await askMediasoup('setProducerPaused', () => (paused ? producer.pause() : producer.resume()));
  }

  /** The last Producer takes the Publication with it. */
  closeProducer(producerId: string, reason: string): void {
    const held = this.#producers.get(producerId);
    if (!held) return;
    this.#producers.delete(producerId);
    held.release();
    held.producer.close();
    if (this.#tap?.producerId === producerId) this.closeTap(reason);
    this.#closeMediaTaps(reason, producerId);
    this.emit('producerClosed', producerId, reason);
    this.#layers?.remove(producerId);
    this.#closeIfEmpty(reason);
  }

  #closeIfEmpty(reason: string): void {
    if (this.#producers.size === 0 && this.#pending.size === 0) this.close(reason);
  }

  /** Replaces an open FrameTap. */
  async openTap(remote: SocketAddress, listenIp: string): Promise<FrameTap> {
    const producer = this.tapped('video');
    if (!producer) throw new Refusal('notFound', 'this Publication has no video');
    this.closeTap('replaced');
    const generation = this.#tapGeneration;
    const tap = await askMediasoup('openTap', () =>
      FrameTap.create({ publicationId: this.id, router: this.#router, producer, listenIp, remote }),
    );
    if (generation !== this.#tapGeneration || producer.closed) {
      tap.close('overtaken');
      throw new Refusal('conflict', 'openTap: replaced by a newer request');
    }
    this.#tap = tap;
    return tap;
  }

  /** The Producer that taps copy: of a simulcast the analysed layer, so that its timestamps are the detections' own. */
  tapped(kind: MediaKind): types.Producer | undefined {
    if (kind === 'video' && this.#layers?.analysed) return this.#layers.analysed;
    for (const { producer } of this.#producers.values()) if (producer.kind === kind) return producer;
    return undefined;
  }

  /** A copy besides the analysis' own, paused until it is resumed; ends with its Producer. */
  async openMediaTap(kind: MediaKind, remote: SocketAddress, listenIp: string): Promise<FrameTap> {
    const producer = this.tapped(kind);
    if (!producer) throw new Refusal('notFound', `this Publication has no ${kind}`);
    const tap = await askMediasoup('openMediaTap', () =>
      FrameTap.create({ publicationId: this.id, router: this.#router, producer, listenIp, remote }),
    );
    if (producer.closed || this.#closed) {
      tap.close('overtaken');
      throw new Refusal('conflict', `openMediaTap: the ${kind} ended meanwhile`);
    }
    for (const one of this.#mediaTaps) if (one.closed) this.#mediaTaps.delete(one);
    this.#mediaTaps.add(tap);
    return tap;
  }

  #closeMediaTaps(reason: string, producerId?: string): void {
    for (const tap of this.#mediaTaps) {
      if (producerId !== undefined && tap.producerId !== producerId) continue;
      this.#mediaTaps.delete(tap);
      tap.close(reason);
    }
  }

  /** Replaces whoever wrote the DetectionFeed. Answers the id of the page's DataProducer. */
  async produceDetections(transport: PeerTransport, sctpStreamParameters: unknown, revision: number): Promise<string> {
    if (transport.publisherId !== this.#publisherId) {
      throw new Refusal('conflict', 'this Publication belongs to another peer');
    }
    this.closeDetections('replaced');
    const generation = this.#detectionsGeneration;
    const dataProducer = await transport.produceData(sctpStreamParameters);
    try {
      const feed = await BrowserFeed.create({ router: this.#router, feed: this.feed, dataProducer, revision });
      if (this.#closed || transport.closed) {
        feed.close('gone');
        throw new Refusal('unavailable', 'produceDetections: the Publication ended meanwhile');
      }
      if (generation !== this.#detectionsGeneration) {
        feed.close('overtaken');
        throw new Refusal('conflict', 'produceDetections: closed or replaced meanwhile');
      }
      feed.attach();
      this.#browserFeed = feed;
      return dataProducer.id;
    } catch (error) {
      dataProducer.close();
      throw error;
    }
  }

  setDetectionsRevision(revision: number): void {
    if (this.#browserFeed) this.#browserFeed.revision = revision;
  }

  closeDetections(reason: string): void {
    this.#detectionsGeneration++;
    this.#browserFeed?.close(reason);
    this.#browserFeed = undefined;
  }

  async resumeTap(): Promise<void> {
    const tap = this.#tap;
    if (!tap) throw new Refusal('notFound', 'this Publication has no FrameTap');
    await askMediasoup('resumeTap', () => tap.resume());
  }

  closeTap(reason: string): void {
    this.#tapGeneration++;
    this.#tap?.close(reason);
    this.#tap = undefined;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#layers?.close();
    this.closeTap(reason);
    this.#closeMediaTaps(reason);
    for (const [producerId, { producer, release }] of this.#producers) {
      release();
      producer.close();
      this.emit('producerClosed', producerId, reason);
    }
    this.#producers.clear();
    this.#meter.close();
    this.closeDetections(reason);
    this.feed.close(reason);
    this.emit('closed', reason);
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      producers: this.producers,
      feed: this.feed.dump(),
      ...(this.#browserFeed ? { browserFeed: this.#browserFeed.dump() } : {}),
      tap: this.#tap?.dump() ?? null,
      mediaTaps: [...this.#mediaTaps].filter(({ closed }) => !closed).map((tap) => tap.dump()),
      ...(this.#layers ? { simulcast: this.#layers.dump() } : {}),
    };
  }
}

/** H264's or VP9's, which a viewer's decoder has to have. */
function profileOf(parameters: types.RtpCodecParameters['parameters']): string | undefined {
  const profile: unknown = parameters?.['profile-level-id'] ?? parameters?.['profile-id'];
  return profile === undefined ? undefined : String(profile).slice(0, 32);
}
