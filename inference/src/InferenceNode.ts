import {
  HeartbeatLoop,
  type InferenceControlContract,
  type ModelDescription,
  type NodeFigures,
  type Opaque,
  Refusal,
  type RequestHandlers,
} from '@framelock/server/protocol';
import { ProcessMeter } from '@framelock/server/protocol/node';
import { readUdpDrops, type SocketAddress, unixMs } from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import { Analysis } from './Analysis.ts';
import { BrandEnroller } from './brands/BrandEnroller.ts';
import { brandHandlers } from './brands/brandHandlers.ts';
import { NodeGallery } from './brands/NodeGallery.ts';
import { ModelCatalogue } from './catalogue/ModelCatalogue.ts';
import type { Config } from './config.ts';
import { ControlServer } from './control/ControlServer.ts';
import { DecodePool } from './decode/DecodePool.ts';
import { type DetectorLease, DetectorPool } from './detect/DetectorPool.ts';
import { ExposureReporters } from './exposure/ExposureReporters.ts';
import { AnalysisHistory } from './history/AnalysisHistory.ts';
import { HistoryReporters } from './history/HistoryReporters.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { nodeFigures } from './nodeFigures.ts';
import { PacketCounts } from './PacketCounts.ts';
import packageJson from '../package.json' with { type: 'json' };

/** Publications that this node says it can take; the server prefers nodes with room. */
const capacity = 16;
const viewEveryMs = 1000;
/** A default Model whose Detector gave up is loaded again this long after, and again until that succeeds. */
const reloadDefaultAfterMs = 5000;
/** Analyses of a server that is gone this long end: their Publications are some other node's by then. */
const orphanedAfterMs = 5000;

/** One inference node: its Analyses, and what they share. */
export class InferenceNode {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #meter = new ProcessMeter();
  readonly #catalogue: ModelCatalogue;
  readonly #gallery: NodeGallery;
  readonly #enroller: BrandEnroller | undefined;
  readonly #exposures: ExposureReporters;
  readonly #histories: HistoryReporters;
  readonly #detectorPool: DetectorPool;
  readonly #decodePool: DecodePool;
  readonly #analyses = new Map<string, Analysis>();
  readonly #packets: PacketCounts;
  /** Keeps the default Model loaded, so that the first Publication does not wait for it. */
  #defaultLease: DetectorLease | undefined;
  #defaultModelProblem: string | undefined;
  #reloadTimer: NodeJS.Timeout | undefined;
  #control!: ControlServer;
  #heartbeats: HeartbeatLoop | undefined;
  #viewTimer: NodeJS.Timeout | undefined;
  /** The server that last asked for it. */
  readonly #owners = new WeakMap<Analysis, string>();
  /** By id of a server that is gone. */
  readonly #orphanTimers = new Map<string, NodeJS.Timeout>();
  #warnedOfBuffer = false;
  #closed = false;

  private constructor(config: Config, log: Logger, catalogue: ModelCatalogue, gallery: NodeGallery) {
    this.#config = config;
    this.#log = log;
    this.#catalogue = catalogue;
    this.#gallery = gallery;
    this.#metrics = createMetrics();
    this.#packets = new PacketCounts(this.#metrics);
    this.#decodePool = new DecodePool({
      threads: config.DECODE_THREADS,
      onDied: (reason) => {
        this.#metrics.decodeThreadDeaths.inc();
        log.error({ reason }, 'a decode thread died');
      },
    });
    this.#detectorPool = new DetectorPool({
      catalogue,
      executionProvider: config.EXECUTION_PROVIDER,
      slotCount: capacity * 2,
      onFault: (modelId, reason) => {
        log.error({ modelId, reason }, 'a model thread failed');
        this.#reloadDefaultModel();
      },
    });
    this.#exposures = new ExposureReporters({
      emit: (report) => this.#control.emit('exposure', report),
      onDropped: (what, count) => this.#metrics.exposureDropped.inc({ what }, count),
    });
    this.#histories = new HistoryReporters({
      emit: (batch) => this.#control.emit('history', batch),
      isHeard: () => this.#control.callers > 0,
      onDropped: (what, count) => this.#metrics.historyDropped.inc({ what }, count),
    });
    const { model } = gallery;
    this.#enroller = model
      ? new BrandEnroller({ detectorPool: this.#detectorPool, modelId: model.modelId })
      : undefined;
  }

  static async create(config: Config, log: Logger): Promise<InferenceNode> {
    const catalogue = await ModelCatalogue.create({
      modelsDir: config.MODELS_DIR,
      model: config.MODEL,
      mirror: config.MODEL_MIRROR,
    });
    const gallery = await NodeGallery.create(catalogue);
    if (gallery.problem !== undefined) log.warn({ reason: gallery.problem }, 'the gallery is not complete');
    const node = new InferenceNode(config, log, catalogue, gallery);
    await node.#loadDefaultModel();
    node.#control = await ControlServer.create({
      host: config.CONTROL_HOST,
      port: config.CONTROL_PORT,
      nodeSecret: config.NODE_SECRET,
      handlersFor: (serverId) => node.#handlersFor(serverId),
      health: () => ({ status: 'ok', nodeId: config.NODE_ID, publications: node.#analyses.size }),
      metrics: () => node.#scrape(),
      onServers: (serverIds) => node.#onServers(serverIds),
      onRefused: (reason, method, error) => node.#onRefused(reason, method, error),
    });
    node.#viewTimer = setInterval(() => void node.#emitViews(), viewEveryMs);
    node.#histories.start();
    node.#heartbeats = new HeartbeatLoop({
      serverUrl: config.SERVER_URL,
      nodeSecret: config.NODE_SECRET,
      describe: async () => ({
        nodeId: config.NODE_ID,
        kind: 'inference',
        controlUrl: node.controlUrl,
        capacity,
        load: node.#analyses.size,
        version: packageJson.version,
        figures: await node.#figures(),
      }),
      onReachable: (reachable, reason) => {
        node.#metrics.serverReachable.set(reachable ? 1 : 0);
        log.info({ reachable, reason }, 'server reachability changed');
      },
    });
    log.info({ nodeId: config.NODE_ID, controlUrl: node.controlUrl }, 'inference node listening');
    return node;
  }

  #figures(): Promise<NodeFigures> {
    return nodeFigures({
      ...{ meter: this.#meter, metrics: this.#metrics, decodePool: this.#decodePool },
      ...{ detectorPool: this.#detectorPool, publications: this.#analyses.size },
    });
  }

  /** `ws://…` of the control port. */
  get controlUrl(): string {
    return this.#control.url;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The default Model, as long as its Detector works. */
  get #default(): DetectorLease | undefined {
    return this.#defaultLease?.detector.closed ? undefined : this.#defaultLease;
  }

  async #loadDefaultModel(): Promise<void> {
    try {
      const lease = await this.#detectorPool.acquire();
      // Two may load it at once, and a node can close meanwhile.
      if (this.#default || this.#closed) return lease.release();
      this.#defaultLease?.release();
      this.#defaultLease = lease;
      this.#defaultModelProblem = undefined;
      const { detector, modelId } = lease;
      this.#log.info({ modelId, executionProvider: detector.executionProvider }, 'default model loaded');
    } catch (error) {
      this.#defaultModelProblem = (error as Error).message;
      this.#log.warn({ reason: this.#defaultModelProblem }, 'the default model can not be used');
    }
  }

  /** Only if its Detector gave up; one that could not be loaded at all waits for `addModel`. */
  #reloadDefaultModel(): void {
    if (this.#closed || this.#reloadTimer !== undefined || !this.#defaultLease?.detector.closed) return;
    this.#defaultModelProblem = 'the default model stopped working; it is being loaded again';
    this.#reloadTimer = setTimeout(async () => {
      await this.#loadDefaultModel();
      this.#reloadTimer = undefined;
      this.#reloadDefaultModel();
    }, reloadDefaultAfterMs);
  }

  #handlersFor(serverId: string): RequestHandlers<InferenceControlContract> {
    return {
      clock: () => ({ timeMs: unixMs() }),
      models: () => ({
        models: this.#catalogue.entries(),
        executionProvider: this.#default?.detector.executionProvider ?? 'cpu',
        defaultModelProblem: this.#defaultModelProblem ?? this.#catalogue.defaultModelProblem,
      }),
      addModel: async ({ modelId }) => {
        const model = await this.#catalogue.add(modelId);
        if (!this.#closed && this.#default === undefined) await this.#loadDefaultModel();
        return { model };
      },
      openTap: ({ publicationId, streamId }) => this.#openTap(publicationId, streamId, serverId),
      startAnalysis: async ({ publicationId, ...options }) => {
        const analysis = this.#analysisOf(publicationId);
        try {
          return { description: await analysis.start(options) };
        } catch (error) {
          // A tap that can't be analysed is of no use; the server asks again with a new one.
          const inUse = error instanceof Refusal && error.code === 'conflict';
          if (!inUse && this.#analyses.get(publicationId) === analysis) this.#end(analysis, 'not startable');
          throw error;
        }
      },
      setModel: async ({ publicationId, modelId }) => ({
        description: await this.#analysisOf(publicationId).setModel(modelId),
      }),
      stopAnalysis: ({ publicationId }) => {
        const analysis = this.#analyses.get(publicationId);
        if (analysis) this.#end(analysis, 'stopped by the server');
        return {};
      },
      ...brandHandlers(this.#gallery, this.#enroller, () => {
        for (const analysis of this.#analyses.values()) analysis.galleryChanged();
      }),
      exposureStored: ({ publicationId, sequence }) => {
        this.#exposures.stored(publicationId, sequence);
        return {};
      },
      setZones: ({ publicationId, zones }) => {
        this.#analysisOf(publicationId).setZones(zones);
        return {};
      },
      historyStored: ({ runId, sequence }) => {
        this.#histories.stored(runId, sequence);
        return {};
      },
      dump: () => this.dump(),
    };
  }

  async #openTap(publicationId: string, streamId: string, serverId: string): Promise<{ local: SocketAddress }> {
    const analysis = await Analysis.create({
      publicationId,
      streamId,
      host: this.#config.CONTROL_HOST,
      nodeSecret: this.#config.NODE_SECRET,
      maxFps: this.#config.ANALYSIS_MAX_FPS,
      decodePool: this.#decodePool,
      detectorPool: this.#detectorPool,
      gallery: this.#gallery,
      openExposure: () => this.#exposures.open({ publicationId, streamId }),
      openHistory: () =>
        new AnalysisHistory({
          reporter: this.#histories.open({ publicationId, streamId }),
          onZonesLive: (live) => this.#control.emit('zonesLive', { publicationId, live }),
        }),
      metrics: this.#metrics,
      log: this.#log,
      onDescription: (description) => this.#emitDescription(analysis, description),
      onChange: () => this.#emitView(analysis),
      onPoster: (jpeg) => this.#emitPoster(publicationId, jpeg),
    });
    if (this.#closed) {
      analysis.close('the node is stopping');
      throw new Refusal('unavailable', 'this inference node is stopping');
    }
    const previous = this.#analyses.get(publicationId);
    if (previous) this.#end(previous, 'replaced by a new tap');
    this.#analyses.set(publicationId, analysis);
    this.#owners.set(analysis, serverId);
    this.#warnOfSmallBuffer(analysis);
    return { local: analysis.local };
  }

  /** Once: every socket gets the same. */
  #warnOfSmallBuffer({ receiveBuffer: { askedBytes, givenBytes } }: Analysis): void {
    if (this.#warnedOfBuffer || givenBytes >= askedBytes) return;
    this.#warnedOfBuffer = true;
    const hint = `sysctl -w net.core.rmem_max=${askedBytes} gives it`;
    this.#log.warn({ askedBytes, givenBytes, hint }, 'the kernel gives tap sockets a smaller buffer than asked for');
  }

  #analysisOf(publicationId: string): Analysis {
    const analysis = this.#analyses.get(publicationId);
    if (!analysis) throw new Refusal('notFound', `there is no tap for publication ${publicationId} here`);
    return analysis;
  }

  #end(analysis: Analysis, reason: string): void {
    if (this.#analyses.get(analysis.publicationId) === analysis) this.#analyses.delete(analysis.publicationId);
    this.#packets.count(analysis);
    analysis.close(reason);
  }

  #onServers(serverIds: ReadonlySet<string>): void {
    for (const [serverId, timer] of this.#orphanTimers) {
      if (!serverIds.has(serverId)) continue;
      clearTimeout(timer);
      this.#orphanTimers.delete(serverId);
    }
    for (const analysis of this.#analyses.values()) {
      const serverId = this.#owners.get(analysis)!;
      if (serverIds.has(serverId) || this.#orphanTimers.has(serverId)) continue;
      this.#log.warn({ serverId }, 'a server left the control port');
      this.#orphanTimers.set(
        serverId,
        setTimeout(() => this.#endOrphansOf(serverId), orphanedAfterMs),
      );
    }
  }

  #endOrphansOf(serverId: string): void {
    this.#orphanTimers.delete(serverId);
    for (const analysis of [...this.#analyses.values()]) {
      if (this.#owners.get(analysis) === serverId) this.#end(analysis, 'its server is gone');
    }
  }

  #onRefused(reason: string, method?: string, error?: unknown): void {
    this.#metrics.controlRefused.inc({ reason });
    if (error !== undefined && !(error instanceof Refusal)) this.#log.error({ method, err: error }, 'a request failed');
  }

  async #emitViews(): Promise<void> {
    const drops = this.#analyses.size > 0 ? await readUdpDrops() : undefined;
    if (drops) for (const analysis of this.#analyses.values()) analysis.countKernelDrops(drops);
    for (const analysis of this.#analyses.values()) {
      this.#packets.count(analysis);
      this.#emitView(analysis);
    }
    this.#exposures.tick();
  }

  #emitView(analysis: Analysis): void {
    if (analysis.closed || analysis.state === 'starting') return;
    const { publicationId } = analysis;
    this.#control.emit('analysis', { publicationId, analysis: analysis.takeView(this.#config.NODE_ID) });
  }

  #emitDescription(analysis: Analysis, description: ModelDescription): void {
    if (!analysis.closed)
      this.#control.emit('modelDescription', { publicationId: analysis.publicationId, description });
  }

  #emitPoster(publicationId: string, jpeg: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = jpeg;
    const jpegBase64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    this.#control.emit('poster', { publicationId, jpegBase64 });
  }

  #scrape(): Promise<string> {
    for (const analysis of this.#analyses.values()) this.#packets.count(analysis);
    this.#metrics.publications.set(this.#analyses.size);
    this.#metrics.queueLength.set({ queue: 'decode' }, this.#decodePool.waiting);
    this.#metrics.queueLength.set({ queue: 'inference' }, this.#detectorPool.waiting);
    const { batches, bytes } = this.#histories.waiting;
    this.#metrics.queueLength.set({ queue: 'history' }, batches);
    this.#metrics.historyWaitingBytes.set(bytes);
    const provider = this.#default?.detector.executionProvider;
    if (provider) this.#metrics.executionProvider.set({ provider }, 1);
    return this.#metrics.registry.metrics();
  }

  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeats?.close();
    clearInterval(this.#viewTimer);
    clearTimeout(this.#reloadTimer);
    for (const timer of this.#orphanTimers.values()) clearTimeout(timer);
    for (const analysis of [...this.#analyses.values()]) this.#end(analysis, reason);
    this.#exposures.close();
    await this.#histories.close();
    await this.#control?.close(reason);
    await this.#decodePool.close(reason);
    await this.#enroller?.close();
    this.#defaultLease?.release();
    await this.#detectorPool.close(reason);
    this.#log.info({ reason }, 'inference node closed');
  }

  dump(): Opaque {
    return {
      nodeId: this.#config.NODE_ID,
      decodeThreads: this.#decodePool.workers.map((worker) => worker.load),
      defaultModelProblem: this.#defaultModelProblem ?? null,
      analyses: [...this.#analyses.values()].map((analysis) => analysis.dump()),
      exposures: this.#exposures.dump(),
      history: this.#histories.dump(),
    };
  }
}
