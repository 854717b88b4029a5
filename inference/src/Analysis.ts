import { type AnalysisView, type ModelDescription, Refusal, type ZoneSettings } from '@framelock/server/protocol';
import { encodeDetections } from '@framelock/server/protocol/analysis';
import {
  readTapParameters,
  RtpReceiver,
  type SocketAddress,
  type UdpDrops,
  unixMs,
} from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import { AnalysisCounts } from './AnalysisCounts.ts';
import type { AnalysisOptions, StartOptions } from './AnalysisOptions.ts';
import { AnalysisTarget } from './AnalysisTarget.ts';
import { BrandAnalysis } from './brands/BrandAnalysis.ts';
import type { DecodedReport, WaitingPicture } from './decode/decodeMessages.ts';
import type { DecodeStream } from './decode/DecodeStream.ts';
import type { DetectResult } from './detect/Detector.ts';
import type { DetectorLease } from './detect/DetectorPool.ts';
import type { AnalysisHistory } from './history/AnalysisHistory.ts';
import { FrameTracer } from './FrameTracer.ts';
import { DetectionPublisher } from './publish/DetectionPublisher.ts';

const silentTapMs = 30_000;
/** After the Detector gave up: how soon to ask for another, ms. */
const reacquireEveryMs = 1000;

/** The analysis of one Publication, from its Tap's packets to its detection messages. */
export class Analysis {
  readonly publicationId: string;
  readonly streamId: string;
  readonly #options: AnalysisOptions;
  readonly #counts: AnalysisCounts;
  readonly #brands: BrandAnalysis;
  readonly #history: AnalysisHistory;
  readonly #tracer: FrameTracer;
  readonly #log: Logger;
  #receiver!: RtpReceiver;
  #stream: DecodeStream | undefined;
  #publisher: DetectionPublisher | undefined;
  #target: AnalysisTarget | undefined;
  /** Replaced targets that are not let go yet. */
  readonly #retired = new Set<AnalysisTarget>();
  #nextTargetId = 1;
  #nextRevision = 1;
  /** Which of several overlapping setModel calls is the last. */
  #modelChange = 0;
  #waiting: WaitingPicture | undefined;
  #running = false;
  #sequence = 0;
  /** Of the last analysed picture; 0 = none yet. */
  #analysedWidth = 0;
  #analysedHeight = 0;
  #state: 'starting' | 'running' | 'failed' = 'starting';
  #reason: string | undefined;
  #fault: string | undefined;
  #openedAtMs = unixMs();
  #reacquireTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: AnalysisOptions) {
    this.#options = options;
    this.publicationId = options.publicationId;
    this.streamId = options.streamId;
    this.#counts = new AnalysisCounts(options.metrics);
    this.#brands = new BrandAnalysis(options);
    this.#history = options.openHistory();
    this.#tracer = new FrameTracer(options);
    this.#log = options.log.child({ publicationId: options.publicationId, streamId: options.streamId });
  }

  /** Opens the UDP socket; `start` says what arrives there. */
  static async create(options: AnalysisOptions): Promise<Analysis> {
    const analysis = new Analysis(options);
    analysis.#receiver = await RtpReceiver.create({
      host: options.host,
      onFrame: (frame) => {
        options.metrics.framesReceived.inc();
        analysis.#stream?.decode(frame);
      },
      onBroken: () => analysis.#counts.drop('depacketise'),
    });
    return analysis;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get local(): SocketAddress {
    return this.#receiver.local;
  }

  get state(): 'starting' | 'running' | 'failed' {
    return this.#state;
  }

  /** Refuses when the codec, the Tap or the Model can't be used. */
  async start(options: StartOptions): Promise<ModelDescription> {
    if (this.#stream || this.#modelChange > 0) throw new Refusal('conflict', 'this analysis is running already');
    const tap = readTapParameters(options.tap.rtpParameters, options.tap.type);
    const change = ++this.#modelChange;
    let lease: DetectorLease;
    try {
      lease = await this.#options.detectorPool.acquire(options.modelId);
    } catch (error) {
      this.#modelChange = 0;
      throw error;
    }
    if (this.#closed || change !== this.#modelChange) {
      lease.release();
      throw new Refusal('gone', 'the analysis ended before its model was ready');
    }
    this.#nextRevision = options.firstRevision;
    if (options.zones) this.#history.setZones(options.zones);
    const stream = this.#options.decodePool.openStream(
      tap.codec,
      {
        onDecoded: (report) => this.#onDecoded(report),
        onOverload: () => this.#counts.drop('decode'),
        onKeyFrameNeeded: () => this.#receiver.requireKeyFrame(),
        onTargeted: (targetId) => this.#letGoBefore(targetId),
        onRestarted: () => this.#onDecoderRestarted(),
        onFailed: (reason) => this.#fail(reason),
        onPoster: (jpeg) => this.#options.onPoster?.(jpeg),
      },
      () => this.#letGoBefore(Infinity),
    );
    this.#stream = stream;
    if (options.posterEveryMs !== undefined) stream.makePosters(options.posterEveryMs);
    this.#install(lease);
    await stream.opened;
    if (this.#closed) throw new Refusal('gone', 'the analysis ended before its decoder was ready');
    this.#publisher = new DetectionPublisher({
      feedUrl: options.feedUrl,
      nodeSecret: this.#options.nodeSecret,
      onOpen: () => this.#log.info('detection feed connected'),
      onLost: (reason) => this.#log.warn({ reason }, 'detection feed lost'),
    });
    this.#receiver.start(options.tap.remote, tap);
    this.#state = 'running';
    this.#log.info({ codec: tap.codec, modelId: lease.modelId }, 'analysis started');
    return this.#target!.description;
  }

  /** Changes the Model without a pause in decoding; Frames that are in the old one go out with its revision. */
  async setModel(modelId?: string): Promise<ModelDescription> {
    if (!this.#stream) throw new Refusal('conflict', 'this analysis was not started yet');
    const change = ++this.#modelChange;
    const lease = await this.#options.detectorPool.acquire(modelId);
    if (this.#closed || change !== this.#modelChange) {
      lease.release();
      throw new Refusal('gone', 'the analysis ended or got another model meanwhile');
    }
    this.#install(lease);
    this.#log.info({ modelId: lease.modelId }, 'model changed');
    return this.#target!.description;
  }

  #install(lease: DetectorLease): void {
    const previous = this.#target;
    this.#target = new AnalysisTarget({
      targetId: this.#nextTargetId++,
      revision: this.#nextRevision++,
      lease,
      maxFps: this.#options.maxFps,
      gallery: this.#options.gallery.indexFor(lease.modelId),
    });
    this.#waiting = undefined;
    this.#fault = undefined;
    if (previous) {
      this.#retired.add(previous);
      previous.retire();
    }
    this.#target.install(this.#stream!);
  }

  /** The node's gallery changed: the next message already has the new names, under a revision of its own. */
  galleryChanged(): void {
    const target = this.#target;
    const index = target && this.#options.gallery.indexFor(target.description.modelId);
    if (!target || !index || !target.setGallery(index, this.#nextRevision)) return;
    this.#nextRevision++;
    this.#options.onDescription(target.description);
  }

  setZones(zones: ZoneSettings): void {
    this.#history.setZones(zones);
  }

  #letGoBefore(targetId: number): void {
    for (const target of this.#retired) {
      if (target.targetId >= targetId) continue;
      this.#retired.delete(target);
      target.letGo();
    }
  }

  #onDecoderRestarted(): void {
    this.#letGoBefore(Infinity);
    this.#waiting = undefined;
    this.#target?.install(this.#stream!);
  }

  #onDecoded(report: DecodedReport): void {
    this.#counts.decoded(report.pictures);
    if (!report.ok) this.#counts.drop('decode');
    this.#counts.drop('sampler', report.passedOver);
    if (report.pictures > 0) this.#counts.latency('decode', report.decodedAtMs - report.receivedAtMs);
    if (report.waiting !== undefined && report.waiting.targetId === this.#target?.targetId) {
      this.#waiting = report.waiting;
    }
    this.#target?.provideSlot(this.#stream!);
    this.#analyseWaiting();
  }

  /** One Frame of a Publication is in the Model at a time; meanwhile the newest one waits. */
  #analyseWaiting(): void {
    const target = this.#target;
    const waiting = this.#waiting;
    if (this.#closed || this.#running || target === undefined || waiting === undefined) return;
    this.#waiting = undefined;
    const slot = target.take(waiting.generation);
    if (slot === undefined) return; // replaced by a newer one, whose report is on its way
    target.provideSlot(this.#stream!);
    this.#running = true;
    void this.#analyse(target, slot, waiting);
  }

  async #analyse(target: AnalysisTarget, slot: number, picture: WaitingPicture): Promise<void> {
    const { width: frameWidth, height: frameHeight } = picture;
    try {
      await target.lease.detector.detect({
        ...{ slot, frameWidth, frameHeight },
        onResult: (result, tensor) => {
          if (!this.#closed) this.#publish(target, picture, result, tensor);
        },
      });
    } catch (error) {
      if (!this.#closed) this.#onDetectFailed(target, error as Error);
    } finally {
      this.#running = false;
      target.finished();
      this.#analyseWaiting();
    }
  }

  #publish(target: AnalysisTarget, picture: WaitingPicture, result: DetectResult, tensor: Float32Array): void {
    this.#fault = undefined;
    this.#analysedWidth = picture.width;
    this.#analysedHeight = picture.height;
    const { objects } = result;
    const { ticks, width: frameWidth, height: frameHeight, receivedAtMs } = picture;
    const { lease, tracker, namer, description } = target;
    const seen = { tensor, spec: lease.detector.inputSpec, frameWidth, frameHeight };
    const change = target.scene.measure(tensor, seen.spec, frameWidth, frameHeight);
    const trackIds = tracker.update(objects, ticks, { change });
    if (namer) this.#brands.analyse(namer, objects, trackIds, ticks, receivedAtMs, seen);
    const sentAtMs = unixMs();
    const { bytes, cut } = encodeDetections({
      publicationId: this.publicationId,
      rtpTimestamp: picture.ticks >>> 0,
      sequence: this.#sequence++,
      revision: description.revision,
      width: picture.width,
      height: picture.height,
      receivedAtMs: picture.receivedAtMs,
      decodedAtMs: picture.decodedAtMs,
      inferredAtMs: result.finishedAtMs,
      sentAtMs,
      objects,
      trackIds,
    });
    const { metrics } = this.#options;
    if (cut > 0) metrics.objectsCut.inc(cut);
    if (this.#publisher!.send(bytes)) metrics.messageBytes.inc(bytes.length);
    else this.#counts.drop('publish');
    this.#counts.analysed();
    this.#counts.latency('queue', result.startedAtMs - picture.decodedAtMs);
    this.#counts.latency('inference', result.finishedAtMs - result.startedAtMs);
    this.#counts.latency('publish', sentAtMs - result.finishedAtMs);
    const naming = namer !== undefined;
    const frame = { message: bytes, objects, trackIds, rtpTicks: ticks, wallMs: receivedAtMs, picture: seen };
    this.#history.frame({ ...frame, description, naming, tracker });
    if (!this.#tracer.isDue(sentAtMs)) return;
    const { decodedAtMs } = picture;
    const { startedAtMs, finishedAtMs: inferredAtMs } = result;
    const times = { receivedAtMs, decodedAtMs, startedAtMs, inferredAtMs, sentAtMs };
    this.#tracer.tell(ticks >>> 0, target.description.modelId, objects.length, times);
  }

  #onDetectFailed(target: AnalysisTarget, error: Error): void {
    this.#counts.drop('inference');
    if (this.#fault === undefined) this.#log.warn({ reason: error.message }, 'the model failed on a frame');
    this.#fault = `the model fails: ${error.message}`;
    if (target.lease.detector.closed) this.#scheduleReacquire(target);
  }

  /** The Detector was given up for good: asks for a new one of the same Model until there is one. */
  #scheduleReacquire(target: AnalysisTarget): void {
    if (this.#closed || this.#reacquireTimer !== undefined || target !== this.#target) return;
    this.#reacquireTimer = setTimeout(() => {
      this.#reacquireTimer = undefined;
      if (this.#closed || target !== this.#target) return;
      this.setModel(target.description.modelId).then(
        (description) => this.#options.onDescription(description),
        (error: Error) => {
          this.#fault = `the model can not be loaded again: ${error.message}`;
          this.#scheduleReacquire(target);
        },
      );
    }, reacquireEveryMs);
  }

  #fail(reason: string): void {
    if (this.#closed || this.#state === 'failed') return;
    this.#state = 'failed';
    this.#reason = reason;
    this.#log.error({ reason }, 'analysis failed');
    this.#options.onChange();
  }

  /** Once a second: state, rates and medians since the last call. */
  takeView(nodeId: string): AnalysisView {
    const view = this.#counts.takeSecond();
    return {
      state: this.#state,
      reason: this.#reason ?? this.#fault ?? this.#silence(),
      nodeId,
      modelId: this.#target?.description.modelId,
      executionProvider: this.#target?.lease.detector.executionProvider,
      ...(this.#analysedWidth > 0 ? { width: this.#analysedWidth, height: this.#analysedHeight } : {}),
      ...view,
      dropped: { ...view.dropped, network: this.#receiver.counts.kernelDropped },
    };
  }

  #silence(): string | undefined {
    if (this.#state !== 'running') return undefined;
    const silentMs = unixMs() - (this.#receiver.lastPacketAtMs ?? this.#openedAtMs);
    if (silentMs > silentTapMs) return `no packet of the video for ${Math.round(silentMs / 1000)} s`;
    return this.#publisher?.connected ? undefined : 'the sfu node takes no detections now';
  }

  get receiveBuffer(): RtpReceiver['receiveBuffer'] {
    return this.#receiver.receiveBuffer;
  }

  countKernelDrops(drops: UdpDrops): void {
    this.#receiver.countKernelDrops(drops);
  }

  get receiverCounts(): RtpReceiver['counts'] {
    return this.#receiver.counts;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#reacquireTimer);
    this.#receiver.close(reason);
    this.#publisher?.close(reason);
    if (this.#target) {
      this.#retired.add(this.#target);
      this.#target.retire();
      this.#target = undefined;
    }
    this.#waiting = undefined;
    this.#stream?.close();
    this.#brands.close();
    this.#history.close();
    this.#log.info({ reason }, 'analysis ended');
  }

  dump(): object {
    return {
      publicationId: this.publicationId,
      streamId: this.streamId,
      state: this.#state,
      reason: this.#reason ?? this.#fault ?? null,
      receiver: this.#receiver.dump(),
      description: this.#target?.description ?? null,
      sequence: this.#sequence,
      undecoded: this.#stream?.undecoded ?? 0,
      dropped: this.#counts.dropped,
      feed: { connected: this.#publisher?.connected ?? false, dropped: this.#publisher?.dropped ?? 0 },
      retiredTargets: this.#retired.size,
      history: this.#history.dump(),
    };
  }
}
