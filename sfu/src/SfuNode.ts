import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import {
  Refusal,
  type EventData,
  type EventOf,
  type MediaKind,
  type Opaque,
  type ParamsOf,
  type ProducerView,
  type ResultOf,
  type SfuControlContract,
} from '@framelock/server/protocol';
import { coveredAddresses, isUnspecified, reachableAddress, rtcListenInfos } from './listenAddresses.ts';
import { SfuMetrics, type SfuCounts, type TapTotals, type WorkerUsage } from './metrics.ts';
import {
  transportTimeouts,
  type PeerTransport,
  type TransportDirection,
  type TransportTimeouts,
} from './PeerTransport.ts';
import { announcedRtpCapabilities } from './routerCodecs.ts';
import { checkChosenCodecs } from './rtpRules.ts';
import { createSources, defaultSourceConfig, type SourceConfig } from './source/createSources.ts';
import { StreamRouter } from './StreamRouter.ts';
import { WorkerPool } from './WorkerPool.ts';
import type { MediaWorker } from './MediaWorker.ts';
import type { Publication } from './Publication.ts';
import type { Sources } from './source/Sources.ts';
import type { SocketAddress } from './tap/FrameTap.ts';

export interface SfuNodeOptions {
  workers: number;
  workerBin: string | undefined;
  /** 0 = any free port. */
  rtcPort: number;
  host: string;
  announcedIp: string | undefined;
  /** Taps send from, and get RTCP at, an address that this covers. */
  controlHost: string;
  log: Logger;
  metrics?: SfuMetrics;
  timeouts?: TransportTimeouts;
  sources?: SourceConfig;
}

/** The control contract's events, and what the process itself has to hear. */
export type SfuNodeEvents = { [E in EventOf<SfuControlContract>]: [EventData<SfuControlContract, E>] } & {
  /** A peer's last transport is gone. */
  peerGone: [peerId: string];
  /** A Publication began; it tells its end itself. */
  publication: [Publication];
  /** The node is of no use any more: a Worker does not start again. */
  failed: [Error];
};

interface Peer {
  readonly streamId: string;
  readonly transports: Set<PeerTransport>;
  pending: number;
  closed: boolean;
}

const maxTransportsPerPeer = 4;

/** All media of this process: who is on which Router of which Worker, by the ids that the server uses. */
export class SfuNode extends EventEmitter<SfuNodeEvents> {
  readonly metrics: SfuMetrics;
  readonly rtpCapabilities = announcedRtpCapabilities();
  readonly sources: Sources;
  readonly #options: SfuNodeOptions;
  readonly #log: Logger;
  readonly #pool: WorkerPool;
  readonly #streams = new Map<string, Promise<StreamRouter>>();
  /** Those of `#streams` that are made. */
  readonly #open = new Map<string, StreamRouter>();
  readonly #peers = new Map<string, Peer>();
  readonly #transports = new Map<string, PeerTransport>();
  readonly #publications = new Map<string, Publication>();
  readonly #producers = new Map<string, Publication>();
  readonly #consumers = new Map<string, PeerTransport>();
  readonly #tapTotals: TapTotals = { packets: 0, bytes: 0 };
  #closed = false;

  private constructor(options: SfuNodeOptions, pool: WorkerPool, metrics: SfuMetrics) {
    super();
    this.#options = options;
    this.#log = options.log;
    this.#pool = pool;
    this.metrics = metrics;
    pool.on('workerDied', (worker, error) => this.#onWorkerDied(worker, error));
    pool.on('workerStarted', ({ index, pid }) =>
      this.#log.info({ worker: index, pid }, 'mediasoup Worker started again'),
    );
    pool.on('failed', (error) => this.emit('failed', error));
    this.sources = createSources(options.sources ?? defaultSourceConfig, {
      ...options,
      metrics,
      onStream: (streamId, use) => this.onStream(streamId, use),
      tell: (event, data) => this.emit(event, ...([data] as never)),
    });
    metrics.observe({
      counts: () => this.counts(),
      tapTotals: () => this.#sumTaps(),
      workerUsage: () => this.#workerUsage(),
    });
  }

  /** @throws ConfigError where an RTC port is taken. */
  static async create(options: SfuNodeOptions): Promise<SfuNode> {
    const { host, announcedIp, rtcPort, log, workerBin } = options;
    const pool = await WorkerPool.create({
      count: options.workers,
      workerBin,
      listenInfos: (index) => rtcListenInfos({ host, announcedIp, port: rtcPort === 0 ? 0 : rtcPort + index }),
    });
    for (const { index, pid } of pool.workers) log.info({ worker: index, pid }, 'mediasoup Worker started');
    return new SfuNode(options, pool, options.metrics ?? new SfuMetrics());
  }

  get closed(): boolean {
    return this.#closed;
  }

  get announcedIp(): string | undefined {
    return this.#options.announcedIp;
  }

  get workers(): readonly MediaWorker[] {
    return this.#pool.workers;
  }

  async createTransport(request: ParamsOf<SfuControlContract, 'createTransport'>): Promise<{ transport: Opaque }> {
    const { streamId, peerId, direction, data } = request;
    if (data && direction === 'recv') throw new Refusal('badRequest', 'data: only of a send transport');
    if (request.codecs && direction === 'send') throw new Refusal('badRequest', 'codecs: only of a recv transport');
    const codecs = request.codecs && checkChosenCodecs(request.codecs);
    if (this.#closed) throw new Refusal('unavailable', 'this sfu node is closing');
    const peer = this.#peer(peerId, streamId);
    if (peer.transports.size + peer.pending >= maxTransportsPerPeer) {
      throw new Refusal('rateLimited', `a peer has at most ${maxTransportsPerPeer} transports`);
    }
    peer.pending++;
    try {
      const transport = await this.#transportOn(streamId, peerId, direction, codecs, data);
      if (peer.closed) {
        transport.close('requested');
        throw new Refusal('gone', 'createTransport: the peer was closed meanwhile');
      }
      peer.transports.add(transport);
      transport.once('closed', () => this.#leavePeer(peerId, peer, transport));
      if (transport.closed)
        throw new Refusal('unavailable', 'createTransport: the transport closed at once; try again');
      return { transport: transport.parameters };
    } finally {
      peer.pending--;
      this.#leavePeer(peerId, peer);
    }
  }

  #peer(peerId: string, streamId: string): Peer {
    const known = this.#peers.get(peerId);
    if (known && known.streamId !== streamId) throw new Refusal('conflict', 'a peer belongs to one Stream');
    if (known) return known;
    const peer: Peer = { streamId, transports: new Set(), pending: 0, closed: false };
    this.#peers.set(peerId, peer);
    return peer;
  }

  #leavePeer(peerId: string, peer: Peer, transport?: PeerTransport): void {
    if (transport) peer.transports.delete(transport);
    if (peer.transports.size > 0 || peer.pending > 0 || this.#peers.get(peerId) !== peer) return;
    this.#peers.delete(peerId);
    this.emit('peerGone', peerId);
  }

  #transportOn(
    streamId: string,
    peerId: string,
    direction: TransportDirection,
    codecs?: types.RouterRtpCodecCapability[],
    data?: boolean,
  ): Promise<PeerTransport> {
    return this.onStream(streamId, (stream) => stream.createTransport(peerId, direction, codecs, data));
  }

  /** For who publishes from inside this process. A Stream's Router may close between the wait for it and its use: then the next one is made. */
  async onStream<T>(streamId: string, use: (stream: StreamRouter) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await use(await this.#stream(streamId));
      } catch (error) {
        const closedMeanwhile = error instanceof Refusal && error.code === 'unavailable';
        if (!closedMeanwhile || this.#closed || attempt >= 2) throw error;
      }
    }
  }

  #stream(streamId: string): Promise<StreamRouter> {
    const known = this.#streams.get(streamId);
    if (known) return known;
    const making = this.#makeStream(streamId, () => this.#streams.get(streamId) === making);
    this.#streams.set(streamId, making);
    making.catch(() => this.#streams.delete(streamId));
    return making;
  }

  async #makeStream(streamId: string, isCurrent: () => boolean): Promise<StreamRouter> {
    const worker = await this.#pool.pick();
    const { timeouts = transportTimeouts } = this.#options;
    const stream = await StreamRouter.create({ streamId, worker, timeouts, metrics: this.metrics });
    if (this.#closed) {
      stream.close('shutdown');
      throw new Refusal('unavailable', 'this sfu node is closing');
    }
    this.#open.set(streamId, stream);
    stream.on('transport', (transport) => this.#watchTransport(transport));
    stream.on('publication', (publication) => this.#watchPublication(publication));
    stream.once('closed', () => {
      this.#open.delete(streamId);
      if (isCurrent()) this.#streams.delete(streamId);
    });
    return stream;
  }

  #watchTransport(transport: PeerTransport): void {
    const { id: transportId, peerId } = transport;
    this.#transports.set(transportId, transport);
    transport.on('consumerClosed', (consumerId, reason) => {
      this.#consumers.delete(consumerId);
      if (reason !== 'requested') this.emit('consumerClosed', { consumerId, peerId, reason });
    });
    transport.on('consumerLayers', (consumerId, layers) => {
      const { spatialLayer = null, temporalLayer = null } = layers ?? {};
      this.emit('consumerLayers', { consumerId, peerId, spatialLayer, temporalLayer });
    });
    transport.once('closed', (reason) => {
      this.#transports.delete(transportId);
      for (const [consumerId, holder] of this.#consumers) if (holder === transport) this.#consumers.delete(consumerId);
      if (reason !== 'requested') this.emit('transportClosed', { transportId, peerId, reason });
    });
  }

  #watchPublication(publication: Publication): void {
    const { id: publicationId, streamId } = publication;
    this.#publications.set(publicationId, publication);
    this.emit('publication', publication);
    publication.on('producer', (producerId) => {
      this.#producers.set(producerId, publication);
      this.#log.info({ streamId, publicationId, producerId }, 'Producer opened');
    });
    publication.on('producerClosed', (producerId, reason) => {
      this.#producers.delete(producerId);
      if (reason !== 'requested') this.emit('producerClosed', { producerId, publicationId, reason });
    });
    publication.on('analysed', (producerId) => this.emit('analysedProducer', { publicationId, streamId, producerId }));
    publication.on('timeline', (producerId, timeline) =>
      this.emit('producerTimeline', { publicationId, producerId, timeline }),
    );
    publication.on('ingest', (ingest) => this.emit('ingestStats', { publicationId, streamId, ingest }));
    publication.once('closed', (reason) => {
      this.#publications.delete(publicationId);
      this.#log.info({ streamId, publicationId, reason }, 'Publication closed');
      this.emit('publicationClosed', { publicationId, streamId, reason });
    });
  }

  #onWorkerDied(worker: MediaWorker, error: Error): void {
    this.metrics.workerDeaths.inc();
    const streams = [...this.#open.values()].filter((stream) => stream.worker === worker);
    const publicationIds = streams.flatMap((stream) => stream.publications.map(({ id }) => id));
    const { index, pid } = worker;
    this.#log.error({ worker: index, pid, publications: publicationIds.length, error: error.message }, 'Worker died');
    for (const stream of streams) stream.close('workerDied');
    this.emit('workerDied', { pid, publicationIds });
  }

  transport(transportId: string): PeerTransport {
    const transport = this.#transports.get(transportId);
    if (!transport) throw new Refusal('notFound', `there is no transport ${transportId}`);
    return transport;
  }

  publication(publicationId: string): Publication {
    const publication = this.#publications.get(publicationId);
    if (!publication) throw new Refusal('notFound', `there is no Publication ${publicationId}`);
    return publication;
  }

  /** The Publication that has this Producer. */
  publicationOf(producerId: string): Publication {
    const publication = this.#producers.get(producerId);
    if (!publication) throw new Refusal('notFound', `there is no Producer ${producerId}`);
    return publication;
  }

  /** The transport that has this Consumer. */
  transportOf(consumerId: string): PeerTransport {
    const transport = this.#consumers.get(consumerId);
    if (!transport) throw new Refusal('notFound', `there is no Consumer ${consumerId}`);
    return transport;
  }

  async produce(request: {
    transportId: string;
    publicationId: string;
    kind: MediaKind;
    rtpParameters: unknown;
    layer?: { rid: string; order: number } | undefined;
  }): Promise<{ producer: ProducerView }> {
    const transport = this.transport(request.transportId);
    const known = this.#publications.get(request.publicationId);
    if (known && known.streamId !== transport.streamId) {
      throw new Refusal('conflict', 'this Publication belongs to another Stream');
    }
    if (transport.direction !== 'send') throw new Refusal('badRequest', 'only a send transport takes Producers');
    const stream = this.#open.get(transport.streamId);
    if (!stream) throw new Refusal('unavailable', 'produce: the transport closed meanwhile');
    const publication = await stream.publication(request.publicationId);
    const { kind, rtpParameters, layer } = request;
    return { producer: await publication.produce(transport, kind, rtpParameters, layer) };
  }

  async consume(request: ParamsOf<SfuControlContract, 'consume'>): Promise<ResultOf<SfuControlContract, 'consume'>> {
    const { producerId, rtpCapabilities, mid } = request;
    const transport = this.transport(request.transportId);
    const publication = this.publicationOf(producerId);
    if (publication.streamId !== transport.streamId) throw new Refusal('notFound', 'no such Producer in this Stream');
    const consumer = await transport.consume(publication.producer(producerId), rtpCapabilities, mid);
    this.#consumers.set(consumer.id, transport);
    const { id, kind, rtpParameters, type, producerPaused } = consumer;
    return { consumer: { id, producerId, kind, rtpParameters, type, producerPaused }, type };
  }

  async consumeDetections(
    request: ParamsOf<SfuControlContract, 'consumeDetections'>,
  ): Promise<{ dataConsumer: Opaque }> {
    const transport = this.transport(request.transportId);
    const publication = this.publication(request.publicationId);
    if (publication.streamId !== transport.streamId)
      throw new Refusal('notFound', 'no such Publication in this Stream');
    const dataConsumer = await publication.consumeDetections(transport, request.hiddenLabels);
    const { dataProducerId } = dataConsumer;
    const { id, sctpStreamParameters, label, protocol } = dataConsumer;
    // What the viewer's end of the channel is made with; what the Worker's end does is PeerTransport's to say.
    const viewerEnd = { streamId: sctpStreamParameters?.streamId, ordered: false, maxRetransmits: 0 };
    return { dataConsumer: { id, dataProducerId, sctpStreamParameters: viewerEnd, label, protocol } };
  }

  async produceDetections(
    request: ParamsOf<SfuControlContract, 'produceDetections'>,
  ): Promise<ResultOf<SfuControlContract, 'produceDetections'>> {
    const transport = this.transport(request.transportId);
    const publication = this.publication(request.publicationId);
    if (publication.streamId !== transport.streamId)
      throw new Refusal('notFound', 'no such Publication in this Stream');
    const { sctpStreamParameters, revision } = request;
    return { dataProducerId: await publication.produceDetections(transport, sctpStreamParameters, revision) };
  }

  async openTap(request: { publicationId: string; remote: SocketAddress }): Promise<{
    local: SocketAddress;
    producerId: string;
    rtpParameters: Opaque;
    type: string;
  }> {
    const listenIp = this.#tapListenIp(request.remote.ip);
    const { local, producerId, rtpParameters, type } = await this.publication(request.publicationId).openTap(
      request.remote,
      listenIp,
    );
    return { local, producerId, rtpParameters: { ...rtpParameters }, type };
  }

  /** A socket on the loopback address reaches loopback only, and the other way round. */
  #tapListenIp(remoteIp: string): string {
    const { controlHost } = this.#options;
    if (!isUnspecified(controlHost)) return controlHost;
    const isLoopback = remoteIp === '::1' || remoteIp.startsWith('127.');
    if (isLoopback) return remoteIp.includes(':') ? '::1' : '127.0.0.1';
    const family = remoteIp.includes(':') ? ':' : '.';
    return coveredAddresses(controlHost).find((one) => one.includes(family)) ?? reachableAddress(controlHost);
  }

  closePeer(peerId: string, reason: string): void {
    const peer = this.#peers.get(peerId);
    if (!peer) return;
    peer.closed = true;
    for (const transport of [...peer.transports]) transport.close(reason);
    if (this.#peers.get(peerId) === peer) {
      this.#peers.delete(peerId);
      this.emit('peerGone', peerId);
    }
  }

  counts(): SfuCounts {
    const transports = [...this.#transports.values()].map((one) => one.counts);
    const publications = [...this.#publications.values()];
    return {
      workers: this.workers.length,
      routers: this.#open.size,
      payloadTypeRouters: [...this.#open.values()].reduce((sum, one) => sum + one.payloadTypeRouters, 0),
      publications: publications.length,
      sources: this.sources.size,
      transports: transports.length,
      producers: this.#producers.size,
      consumers: transports.reduce((sum, { consumers }) => sum + consumers, 0),
      dataConsumers: transports.reduce((sum, { dataConsumers }) => sum + dataConsumers, 0),
      taps: publications.filter(({ tap }) => tap).length,
      feeds: publications.filter(({ feed }) => !feed.closed).length,
      feedWriters: publications.filter(({ feed }) => feed.hasWriter).length,
    };
  }

  async #sumTaps(): Promise<TapTotals> {
    const taps = [...this.#publications.values()].flatMap(({ tap }) => (tap ? [tap] : []));
    const taken = await Promise.allSettled(taps.map((tap) => tap.takeTotals()));
    for (const one of taken) {
      if (one.status === 'rejected') continue; // closed meanwhile
      this.#tapTotals.packets += one.value.packets;
      this.#tapTotals.bytes += one.value.bytes;
    }
    return this.#tapTotals;
  }

  async #workerUsage(): Promise<WorkerUsage[]> {
    const usages = await Promise.allSettled(this.workers.map((worker) => worker.usage()));
    return usages.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  /** Resolves when no Worker process is left. */
  async close(reason: string): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      const sourcesGone = this.sources.closeAll();
      for (const stream of [...this.#open.values()]) stream.close(reason);
      await sourcesGone;
    }
    await this.#pool.close();
  }

  dump(): Opaque {
    return {
      counts: { ...this.counts() },
      workers: this.workers.map(({ index, pid, streams }) => ({ index, pid, streams })),
      streams: [...this.#open.values()].map((stream) => stream.dump()),
      sources: this.sources.dump(),
    };
  }
}
