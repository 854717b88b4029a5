import type { PublicationStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { AnalysisScheduler } from '../analysis/AnalysisScheduler.ts';
import { StreamAnalysis } from '../analysis/StreamAnalysis.ts';
import type { Metrics } from '../Metrics.ts';
import { newId } from '../newId.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type AnalysisView,
  type EventData,
  type EventOf,
  type IngestStats,
  type LayerTimeline,
  type MediaKind,
  type ModelDescription,
  type Opaque,
  type PublicationView,
  type PublisherReport,
  type ProducerView,
  Refusal,
  type SignalingContract,
  type StreamSettings,
  type ZoneSettings,
} from '../protocol/index.ts';
import { StreamZones } from '../zones/StreamZones.ts';
import { HlsState } from './HlsState.ts';
import { Publication } from './Publication.ts';
import type { StreamPeer } from './StreamPeer.ts';

/** An earlier publisher whose socket does not answer within this has lost its network: the new one takes over. */
const takeoverPingMs = 1_000;
/** Joins and leaves within this are told together: a thousand viewers joining must not send a million messages. */
const viewersEveryMs = 250;

export interface LiveStreamOptions {
  id: string;
  name: string;
  modelId: string | null;
  settings: StreamSettings;
  zones: ZoneSettings;
  serverId: string;
  logger: Logger;
  metrics: Metrics;
  publications: PublicationStore;
  analyses: AnalysisScheduler;
  hlsPlayers(publicationId: string): number;
  pickSfu(): SfuNode | undefined;
  /** Neither a peer nor a Publication is left. */
  onEmpty(): void;
  onPublicationStarted(publicationId: string): void;
  onPublicationEnded(publicationId: string, reason: string): void;
  /** A picture of the present Publication, of which no browser uploads one. */
  onPoster(jpeg: Uint8Array<ArrayBuffer>): void;
}

/** A Stream while somebody publishes or watches it. */
export class LiveStream {
  readonly id: string;
  name: string;
  readonly hls: HlsState;
  readonly zones: StreamZones;
  readonly analysis: StreamAnalysis;
  readonly #options: LiveStreamOptions;
  readonly #logger: Logger;
  readonly #peers = new Map<string, StreamPeer>();
  #sfu: SfuNode | undefined;
  #publication: Publication | undefined;
  #publisher: StreamPeer | undefined;
  #viewersTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.id = options.id;
    this.name = options.name;
    this.#logger = options.logger.child({ streamId: options.id });
    this.hls = new HlsState({
      settings: options.settings,
      logger: this.#logger,
      players: (publicationId) => options.hlsPlayers(publicationId),
      onView: (view) => this.#emit('delivery', view),
    });
    this.zones = new StreamZones(options.zones, {
      onChanged: () => this.analysis.zonesChanged(),
      tell: (event, data) => this.#emit(event, data, 'watch'),
    });
    this.analysis = new StreamAnalysis({
      ...{ streamId: this.id, modelId: options.modelId, analyses: options.analyses },
      zones: () => this.zones.settings,
      onZonesLive: (publicationId, live) => this.zones.received(publicationId, live),
      onPoster: (jpeg) => options.onPoster(jpeg),
      current: () => ({ publication: this.#publication, publisher: this.#publisher }),
      onView: (publicationId, analysis) => this.#emit('analysis', { publicationId, analysis }),
      onDescription: (publicationId, description) => {
        this.hls.describe(description);
        this.#emit('modelDescription', { publicationId, description });
      },
    });
  }

  static create(options: LiveStreamOptions): LiveStream {
    return new LiveStream(options);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get peers(): StreamPeer[] {
    return [...this.#peers.values()];
  }

  get viewers(): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.role === 'watch') count++;
    return count;
  }

  get publication(): PublicationView | null {
    return this.#publication?.announced ? this.#publication.view() : null;
  }

  get analysisView(): AnalysisView {
    return this.analysis.view;
  }

  /** What its publisher measured last; only browsers do. */
  get publisherReport(): PublisherReport | undefined {
    return this.#publication?.publisherReport;
  }

  get modelDescription(): ModelDescription | null {
    return this.analysis.description;
  }

  /** The node that carries the running Publication of this id, or any running one. */
  publishedOn(publicationId?: string): SfuNode | undefined {
    const publication = this.#publication;
    return publicationId === undefined || publication?.id === publicationId ? publication?.sfu : undefined;
  }

  /** The node that carries this Stream: the Publication's, else the one of the peers that wait, else the idlest. */
  sfu(): SfuNode {
    const chosen = this.#publication?.sfu ?? (this.#sfu?.open ? this.#sfu : this.#options.pickSfu());
    if (!chosen?.open) throw new Refusal('unavailable', 'no sfu node answers: try again shortly');
    this.#sfu = chosen;
    return chosen;
  }

  join(peer: StreamPeer): void {
    if (this.#closed) throw new Refusal('gone', 'the Stream was deleted');
    this.#peers.set(peer.id, peer);
    if (peer.role === 'watch') this.#tellViewers();
  }

  leave(peer: StreamPeer): void {
    if (!this.#peers.delete(peer.id)) return;
    if (this.#publisher === peer) this.#end('publisherLeft');
    this.analysis.forget(peer);
    if (peer.role === 'watch') this.#tellViewers();
    this.closeIfEmpty();
  }

  /** Refuses while another publisher is alive, unless told to take over; ends the Publication of one that is not. */
  async claimPublisher(peer: StreamPeer, { takeover = false } = {}): Promise<void> {
    for (;;) {
      const earlier = this.#publisher;
      if (!earlier || earlier === peer) return;
      if (takeover) {
        this.#logger.warn({ peerId: peer.id, earlierPeerId: earlier.id }, 'publisher taken over on request');
        this.#end('takenOver');
        earlier.close('takenOver', 'another publisher took over');
        return;
      }
      if (!earlier.closed && (await earlier.answers(takeoverPingMs))) {
        throw new Refusal('conflict', 'this Stream is being published already: stop that publisher first');
      }
      if (this.#publisher !== earlier) continue; // somebody else was quicker
      this.#end('takenOver');
      earlier.close('takenOver', 'another publisher took over, since this one did not answer');
    }
  }

  /** Sends the publisher away, on a person's wish; false where nobody publishes. */
  stopPublisher(): boolean {
    const publisher = this.#publisher;
    if (!publisher) return false;
    this.#end('stopped');
    publisher.close('stopped', 'publishing was stopped from another page');
    return true;
  }

  /** `layer`: one of the layers of a simulcast, each of which is a Producer of its own. */
  async produce(
    peer: StreamPeer,
    sfu: SfuNode,
    transportId: string,
    kind: MediaKind,
    rtpParameters: Opaque,
    layer?: { rid: string; order: number },
  ) {
    while (this.#publisher && this.#publisher !== peer) await this.claimPublisher(peer);
    if (peer.closed || this.#closed) throw new Refusal('gone', 'the peer has left');
    const publication = (this.#publication ??= new Publication({
      id: newId(),
      sfu,
      publishedBy: peer.publishedBy ?? 'browser',
    }));
    this.#publisher = peer;
    if (publication.sfu !== sfu) throw new Refusal('gone', 'the Publication is on another node: join again');
    const release = publication.reserve(kind, layer?.rid);
    if (!release) throw new Refusal('conflict', `this Publication has its ${kind} already`);
    const publicationId = publication.id;
    try {
      const { producer } = await sfu.request('produce', {
        ...{ transportId, publicationId, kind, rtpParameters },
        ...(layer ? { layer } : {}),
      });
      if (this.#publication !== publication) {
        void sfu.requestIfOpen('closePublication', { publicationId, reason: 'gone' });
        throw new Refusal('gone', 'the Publication ended meanwhile');
      }
      publication.add(producer);
      release();
      this.#tellPublication(publication);
      // Of several layers the sfu says which is analysed; the first begins it.
      if (kind === 'video' && !(layer && this.analysis.wanted)) this.analysis.start(publication);
      return { producerId: producer.id, publicationId };
    } catch (error) {
      release();
      if (this.#publication === publication && publication.empty) this.#end('produceRefused');
      throw error;
    }
  }

  /** Whether another than `peer` publishes just now. */
  publishedByAnother(peer: StreamPeer | undefined): boolean {
    return this.#publisher !== undefined && this.#publisher !== peer;
  }

  /**
   * Takes a Publication that the sfu made by itself, with all its Producers: a Source's. The caller has asked
   * `claimPublisher` before; refuses where somebody else was quicker.
   */
  adopt(peer: StreamPeer, sfu: SfuNode, made: { publicationId: string; producers: readonly ProducerView[] }): void {
    if (peer.closed || this.#closed) throw new Refusal('gone', 'the Source was closed');
    if (this.publishedByAnother(peer)) throw new Refusal('conflict', 'another publisher has this Stream');
    if (this.#publication) this.#end('replaced');
    const { publicationId: id, producers } = made;
    const publication = new Publication({ id, sfu, publishedBy: peer.publishedBy ?? 'browser' });
    for (const producer of producers) publication.add(producer);
    this.#publication = publication;
    this.#publisher = peer;
    this.#tellPublication(publication);
    if (publication.video) this.analysis.start(publication);
  }

  #tellPublication(publication: Publication): void {
    const view = publication.view();
    if (publication.announced) return this.#emit('publicationChanged', { publication: view });
    publication.announced = true;
    const { publications, metrics, serverId } = this.#options;
    metrics.publicationsStarted.inc();
    this.#logger.info({ publicationId: publication.id, sfuNodeId: publication.sfu.id }, 'publication started');
    this.#store(() =>
      publications.begin({ id: publication.id, streamId: this.id, sfuNodeId: publication.sfu.id, serverId }),
    );
    this.hls.begin(publication);
    this.#emit('publicationStarted', { publication: view });
    this.#options.onPublicationStarted(publication.id);
  }

  async setProducerPaused(peer: StreamPeer, producerId: string, paused: boolean): Promise<void> {
    const publication = this.#ownPublication(peer, producerId);
    await publication.sfu.request('setProducerPaused', { producerId, paused });
    if (this.#publication !== publication) return;
    publication.setPaused(producerId, paused);
    this.#emit('publicationChanged', { publication: publication.view() });
  }

  async closeProducer(peer: StreamPeer, producerId: string): Promise<void> {
    const publication = this.#ownPublication(peer, producerId);
    await publication.sfu.request('closeProducer', { producerId });
    this.producerClosed(publication.id, producerId);
  }

  #ownPublication(peer: StreamPeer, producerId: string): Publication {
    if (this.#publisher !== peer || !this.#publication?.producer(producerId)) {
      throw new Refusal('notFound', 'there is no such Producer of this peer');
    }
    return this.#publication;
  }

  /** For a viewer that wants to consume: the running Publication on the node where its transport is. */
  publicationOn(sfu: SfuNode, producerId?: string): Publication {
    const publication = this.#publication;
    if (!publication?.announced || publication.sfu !== sfu)
      throw new Refusal('notFound', 'nothing is published just now');
    if (producerId !== undefined && !publication.producer(producerId)) {
      throw new Refusal('notFound', 'there is no such Producer in this Stream');
    }
    return publication;
  }

  isPublisher(peer: StreamPeer): boolean {
    return this.#publisher === peer && this.#publication?.announced === true;
  }

  tellPublisherReport(report: EventData<SignalingContract, 'publisherReport'>): void {
    if (this.#publication) this.#publication.publisherReport = report;
    this.#emit('publisherReport', report, 'watch');
  }

  /** Told by itself and not as a changed Publication: it comes every 2 s. */
  ingestStats(publicationId: string, ingest: IngestStats): void {
    const publication = this.#publication;
    if (publication?.id !== publicationId) return;
    publication.ingest = ingest;
    if (publication.announced) this.#emit('ingestStats', { publicationId, ingest });
  }

  producerClosed(publicationId: string, producerId: string, reason = 'producersClosed'): void {
    const publication = this.#publication;
    if (publication?.id !== publicationId) return;
    const producer = publication.remove(producerId);
    if (!producer) return;
    if (publication.empty) return this.#end(reason);
    // Of a simulcast another layer is analysed from now on, and the sfu says which.
    if (producer.kind === 'video' && !publication.video) this.analysis.stop('the video was closed');
    this.#emit('publicationChanged', { publication: publication.view() });
  }

  /** How a simulcast layer's timestamps relate to the analysed layer's. */
  producerTimeline(publicationId: string, producerId: string, timeline: LayerTimeline): void {
    const publication = this.#publication;
    if (publication?.id !== publicationId || !publication.setTimeline(producerId, timeline)) return;
    if (publication.announced) this.#emit('publicationChanged', { publication: publication.view() });
  }

  /** Another layer is analysed from now on: the tap, and with it the analysis, begin anew on that. */
  analysedProducer(publicationId: string, producerId: string): void {
    const publication = this.#publication;
    if (publication?.id !== publicationId || !publication.setAnalysed(producerId)) return;
    if (publication.announced) this.#emit('publicationChanged', { publication: publication.view() });
    if (this.analysis.wanted) this.analysis.start(publication);
  }

  /** The sfu ended it: nothing is left there to close. */
  publicationClosed(publicationId: string, reason: string): void {
    if (this.#publication?.id === publicationId) this.#end(reason, { onSfu: false });
  }

  sfuLost(sfu: SfuNode, reason: string): void {
    if (this.#publication?.sfu === sfu) this.#end('sfuLost', { onSfu: false });
    if (this.#sfu === sfu) this.#sfu = undefined;
    for (const peer of [...this.#peers.values()]) peer.sfuLost(sfu, reason);
  }

  #end(reason: string, { onSfu = true } = {}): void {
    const publication = this.#publication;
    this.#publisher = undefined;
    if (!publication) return;
    this.#publication = undefined;
    this.analysis.end(reason);
    const publicationId = publication.id;
    if (onSfu) void publication.sfu.requestIfOpen('closePublication', { publicationId, reason });
    if (publication.announced) {
      this.#options.metrics.publicationsEnded.inc({ reason });
      this.#logger.info({ publicationId, reason }, 'publication ended');
      this.#store(() => this.#options.publications.end(publicationId, reason));
      this.#options.onPublicationEnded(publicationId, reason);
      this.#emit('publicationEnded', { publicationId, reason });
    }
    this.hls.end();
    this.closeIfEmpty();
  }

  #writes: Promise<void> = Promise.resolve();

  /** In order, since an end must not overtake its beginning; a database that is away does not stop video. */
  #store(write: () => Promise<void>): void {
    this.#writes = this.#writes.then(write).catch((error: unknown) => {
      this.#options.metrics.databaseFaults.inc();
      this.#logger.error({ reason: (error as Error).message }, 'the Publication could not be stored');
    });
  }

  /** All writes so far are done (or given up). */
  written(): Promise<void> {
    return this.#writes;
  }

  #emit<E extends EventOf<SignalingContract>>(
    event: E,
    data: EventData<SignalingContract, E>,
    role?: StreamPeer['role'],
  ): void {
    for (const peer of [...this.#peers.values()]) if (role === undefined || peer.role === role) peer.emit(event, data);
  }

  #tellViewers(): void {
    this.#viewersTimer ??= setTimeout(() => {
      this.#viewersTimer = undefined;
      this.#emit('viewers', { count: this.viewers });
    }, viewersEveryMs);
  }

  /** Called whenever somebody left, and by who opened it and then did not join. */
  closeIfEmpty(): void {
    if (this.#peers.size > 0 || this.#publication || this.#closed) return;
    clearTimeout(this.#viewersTimer);
    this.#viewersTimer = undefined;
    this.#options.onEmpty();
  }

  close(reason: string, message: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end(reason);
    clearTimeout(this.#viewersTimer);
    for (const peer of [...this.#peers.values()]) peer.close(reason, message);
    this.#peers.clear();
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      peers: [...this.#peers.values()].map(({ id, role }) => ({ id, role })),
      publication: this.#publication?.view() ?? null,
      publisher: this.#publisher?.id ?? null,
      sfuNodeId: this.#sfu?.id ?? null,
      analysis: this.analysisView,
      ...this.hls.view,
    };
  }
}
