import {
  rtpTicksBetween,
  ticksToMs,
  type AnalysisView,
  type DetectionMessage,
  type LayerTimeline,
  type ModelDescription,
  type PublicationView,
  type ZoneSettings,
} from '@framelock/server/protocol';
import { unixNowMs } from '../signaling/ClockOffset.ts';
import { LockController } from './LockController.ts';
import { chooseBoxes } from './overlay/chooseBoxes.ts';
import { decodeDetections } from './overlay/decodeDetections.ts';
import { DetectionBuffer } from './overlay/DetectionBuffer.ts';
import type { DrawnRecord, PictureCopy } from './overlay/DrawnRecord.ts';
import { FrameSource, type Picture } from './overlay/FrameSource.ts';
import { LayerClock, storedVideo } from './overlay/LayerClock.ts';
import type { PictureClock } from './overlay/PictureClock.ts';
import { OverlayCompositor } from './overlay/OverlayCompositor.ts';
import { defaultOverlayOptions, type OverlayOptions } from './overlay/OverlayOptions.ts';
import { VideoSwitch, type ComingVideo } from './overlay/VideoSwitch.ts';
import { ZoneLayer } from './overlay/ZoneLayer.ts';
import type { PlayerMode, PlayerStats } from './PlayerStats.ts';
import { DetectionDelayMeter } from './stats/DetectionDelayMeter.ts';
import { LatencyMeter } from './stats/LatencyMeter.ts';
import { OverlayCounters } from './stats/OverlayCounters.ts';
import { RateMeter } from './stats/RateMeter.ts';

export interface FrameExactOverlayOptions {
  canvas: HTMLCanvasElement;
  container: HTMLElement;
  mode: PlayerMode;
  overlay: Partial<OverlayOptions>;
  serverOffsetMs(): number | undefined;
  viewerRttMs(): number | undefined;
  onDrawn(record: DrawnRecord): void;
  /** Once: this browser does not tell which picture it shows, so that nothing can be drawn on them. */
  onUntimed(): void;
  /** Detections of a model that nobody described yet. */
  onUnknownModel(revision: number): void;
}

/** A refresh of a 60 Hz screen: what drawing takes beside decoding when nothing waits. */
const refreshMs = 1000 / 60;
/** HLS buffers seconds ahead and plays seconds behind: 20 s of 60 analysed frames each. */
const bufferedMessages = 1_200;
/** How long a layer that is switched to may wait for detections of its pictures; nothing may be analysed just now. */
const longestWaitMs = 1_000;

/** Everything between tracks and detection messages on one side and the canvas and its figures on the other. */
export class FrameExactOverlay {
  readonly #videos: VideoSwitch<FrameSource>;
  readonly #layers = new LayerClock();
  /** By revision: whose timestamps its messages carry. */
  readonly #producers = new Map<number, string | undefined>();
  /** What is drawn on the Stream's picture; its figures are shown with the pictures that they are of. */
  readonly zones = new ZoneLayer();
  readonly counters = new OverlayCounters();
  readonly latency: LatencyMeter;
  readonly #options: FrameExactOverlayOptions;
  readonly #buffer = new DetectionBuffer({ capacity: bufferedMessages });
  readonly #lock = new LockController();
  readonly #delays = new DetectionDelayMeter((delayMs) => this.#lock.addDelay(delayMs, performance.now()));
  readonly #compositor: OverlayCompositor;
  readonly #videoRate = new RateMeter();
  readonly #analysisRate = new RateMeter();
  #overlay: OverlayOptions;
  #mode: PlayerMode;
  #detectionBytes = 0;
  #detectionMessages = 0;
  #malformed = 0;
  #width = 0;
  #height = 0;
  #livePathMs: number | null = null;
  #picture: Picture | undefined;

  constructor(options: FrameExactOverlayOptions) {
    this.#options = options;
    this.#mode = options.mode;
    this.#overlay = { ...defaultOverlayOptions, ...options.overlay };
    this.latency = new LatencyMeter(options);
    this.#compositor = new OverlayCompositor({
      canvas: options.canvas,
      buffer: this.#buffer,
      counters: this.counters,
      layers: this.#layers,
      zones: this.zones,
      overlay: this.#overlay,
      onDrawn: (record, message, repaint) => this.#onDrawn(record, message, repaint),
    });
    this.#compositor.setPredictions(this.#mode === 'live');
    const frames: FrameSource = this.#createFrames(() => frames);
    this.#videos = new VideoSwitch(frames);
  }

  #createFrames(self: () => FrameSource, more?: { clock: PictureClock; producerId: string | undefined }): FrameSource {
    return new FrameSource({
      container: this.#options.container,
      ...more,
      onPicture: (picture) => this.#onPicture(picture, self()),
      onReceived: (rtpTimestamp, receivedAtMs) => {
        const analysedRtp = this.#layers.toAnalysed(self().producerId, rtpTimestamp);
        if (analysedRtp !== undefined) this.#delays.onFrame(analysedRtp, receivedAtMs);
      },
      onMissed: (count) => (this.counters.missedCallbacks += count),
      onUntimed: () => this.#options.onUntimed(),
    });
  }

  get frames(): FrameSource {
    return this.#videos.shown;
  }

  /**
   * Shows another Producer's video from its first picture on; until then the one before goes on, so that nothing is
   * black. It is given up by a later one, by another Publication, or by whoever asked for it.
   */
  switchTracks(tracks: readonly MediaStreamTrack[], producerId: string): ComingVideo<FrameSource> {
    const frames: FrameSource = this.#createFrames(() => frames);
    frames.setTracks(tracks, producerId);
    return this.#videos.comeNext(frames);
  }

  /** The same with a video that something else feeds, whose pictures tell their timestamps another way. */
  switchSource(clock: PictureClock, producerId: string | undefined): ComingVideo<FrameSource> {
    const frames: FrameSource = this.#createFrames(() => frames, { clock, producerId });
    return this.#videos.comeNext(frames);
  }

  /** A track beside the video: of the present one, and of the one that is coming. */
  addTrack(track: MediaStreamTrack): void {
    this.frames.addTrack(track);
    for (const frames of this.#videos.coming) frames.addTrack(track);
  }

  /** What is shown; undefined = nothing is published. */
  get publicationId(): string | undefined {
    return this.#buffer.publicationId;
  }

  /** What the server says of the layers and of which of them is analysed. */
  setPublication(publication: PublicationView | null): void {
    if (this.#layers.setPublication(publication)) {
      this.#buffer.reset(publication?.id);
      this.#delays.clear();
    }
    this.#compositor.onLayersChanged();
  }

  /** How the shown layer's clock relates to the detections'; undefined = the video has no layers. */
  get layerTimeline(): LayerTimeline | undefined {
    return this.#layers.timelineOf(this.frames.producerId);
  }

  get mode(): PlayerMode {
    return this.#mode;
  }

  get video(): HTMLVideoElement {
    return this.frames.video;
  }

  /**
   * jitterBufferTarget that the receivers should have, ms. 0 until the first picture is there: who joins sees something
   * at once, and the video then falls back to wait for its detections. A picture without a timestamp waits for nothing.
   */
  get targetMs(): number {
    return this.#picture?.rtpTimestamp === undefined ? 0 : this.#lock.targetMs;
  }

  /** Another Publication, or none: its timestamps and what was measured mean nothing any more. The picture stays. */
  begin(publicationId: string | undefined): void {
    this.#videos.giveUpAll();
    this.frames.letGo();
    this.#producers.clear();
    this.#picture = undefined;
    this.#buffer.reset(publicationId);
    this.#compositor.clearDescriptions();
    this.zones.forgetFigures();
    this.#delays.clear();
    this.#lock.reset();
    this.latency.clear();
    this.#videoRate.clear();
    this.#analysisRate.clear();
  }

  addDescription(description: ModelDescription): void {
    this.#producers.set(description.revision, description.producerId);
    this.#compositor.addDescription(description);
  }

  /** The video jumped: what is buffered is of another place of the same Publication, or will be read again. */
  forgetDetections(): void {
    this.#buffer.reset(this.#buffer.publicationId);
  }

  /** `stored`: from a sidecar, whose arrival says nothing of how long analysis takes. */
  onDetections(bytes: ArrayBuffer, stored = false): void {
    const arrivedAtMs = performance.now();
    const message = decodeDetections(bytes);
    if (!message) {
      this.#malformed++;
      return;
    }
    if (!this.#producers.has(message.model)) this.#options.onUnknownModel(message.model);
    const producerId = stored ? storedVideo : this.#producers.get(message.model);
    // Of a layer that was analysed before, or of nobody knows which.
    if (!this.#layers.isAnalysed(producerId)) return void this.#buffer.counts.foreign++;
    if (this.#buffer.add(message, arrivedAtMs) !== 'added') return;
    this.#detectionMessages++;
    this.#detectionBytes += bytes.byteLength;
    this.#analysisRate.add(arrivedAtMs);
    if (!stored) {
      this.#delays.onMessage(message.rtp, arrivedAtMs);
      this.latency.onMessage(message, unixNowMs());
    }
    this.#compositor.onDetections(message.rtp);
  }

  /** A layer takes over with a picture whose detections are here, so that no switch shows one without its boxes. */
  #isReady(next: { firstPictureMs?: number }, { producerId, rtpTimestamp, own }: Picture): boolean {
    const nowMs = performance.now();
    next.firstPictureMs ??= nowMs;
    if (!this.#picture) return true; // nothing is shown that could go on
    if (this.#mode === 'live' || rtpTimestamp === undefined || nowMs - next.firstPictureMs > longestWaitMs) return true;
    const analysedRtp = this.#layers.toAnalysed(producerId, rtpTimestamp);
    if (analysedRtp === undefined) return true;
    return chooseBoxes(this.#buffer, analysedRtp, { predictions: false, own }).kind !== 'unanalysed';
  }

  #onPicture(picture: Picture, from: FrameSource): void {
    const coming = this.#videos.comingOf(from);
    if (coming) {
      if (!this.#isReady(coming, picture)) return closeImage(picture);
      this.#videos.show(coming);
    }
    this.#videoRate.add(performance.now());
    this.#width = picture.width;
    this.#height = picture.height;
    this.#picture = picture;
    this.#compositor.onPicture(picture);
  }

  #onDrawn(record: DrawnRecord, message: DetectionMessage | undefined, repaint: boolean): void {
    if (!repaint) this.#measure(record, message);
    this.#options.onDrawn(record);
  }

  #measure(record: DrawnRecord, message: DetectionMessage | undefined): void {
    if (!this.#picture) return;
    const { receivedAtMs, presentedAtMs } = this.#picture;
    const drawnAtMs = record.drawnAtMs - performance.timeOrigin;
    if (!record.redraw) this.latency.onPresented(receivedAtMs, presentedAtMs, drawnAtMs);
    if (!message) return;
    if (record.kind === 'exact') return this.latency.onExact(message, record.drawnAtMs);
    const { kind, analysedRtpTimestamp: rtp } = record;
    const age = kind === 'extrapolated' && rtp !== null ? rtpTicksBetween(rtp, message.rtp) : undefined;
    this.latency.onOther(receivedAtMs, drawnAtMs, age === undefined ? undefined : ticksToMs(age));
  }

  setMode(mode: PlayerMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#compositor.setPredictions(mode === 'live');
    this.latency.clearFrames();
  }

  setOptions(options: Partial<OverlayOptions>): void {
    this.#overlay = { ...this.#overlay, ...options };
    this.#compositor.setOverlay(this.#overlay);
  }

  /** Of labels whose objects are neither drawn nor blurred nothing needs to be known. */
  get hiddenLabels(): readonly string[] {
    return this.#overlay.hiddenLabels;
  }

  /** Zones or lines were drawn: at once also where the picture stands still. */
  setZones(settings: ZoneSettings): void {
    this.zones.setSettings(settings);
    this.#compositor.redraw();
  }

  copyPicture(): PictureCopy | undefined {
    return this.#compositor.copyPicture();
  }

  /** Twice a second. */
  updateTarget(analysis: AnalysisView): void {
    const nowMs = performance.now();
    this.#buffer.forgetIfSilent(nowMs);
    const fps = this.#analysisRate.rate(nowMs) || analysis.analysisFps || 10;
    const { decode = 20, queue = 10, inference = 60, publish = 5 } = analysis.stageMs ?? {};
    this.#lock.update({
      nowMs,
      mode: this.#mode,
      analysisRunning: analysis.state === 'running',
      analysisIntervalMs: Math.min(1000, 1000 / fps),
      expectedDelayMs: decode + queue + inference + publish + 30,
    });
    if (this.#mode === 'live' && this.targetMs === 0) this.#livePathMs = this.latency.receiveToDrawnMs;
  }

  /** What Lock adds: the path from received to drawn now, less the one measured in Live, else decode and one refresh. */
  #lockPriceMs(decodeMs: number): number | null {
    const pathMs = this.latency.receiveToDrawnMs;
    if (pathMs === null) return null;
    return this.#mode === 'live' ? 0 : Math.max(0, pathMs - (this.#livePathMs ?? decodeMs + refreshMs));
  }

  stats(decodeMs: number) {
    const nowMs = performance.now();
    const { received, foreign, duplicate, late } = this.#buffer.counts;
    const bytesPerFrame = this.#detectionMessages > 0 ? this.#detectionBytes / this.#detectionMessages : 0;
    return {
      ...this.counters.totals,
      overlayErrorTicks: this.counters.errorTicks,
      captureToOverlayMs: this.latency.captureToOverlayMs,
      analysisFps: this.#analysisRate.rate(nowMs),
      videoFps: this.#videoRate.rate(nowMs),
      dataChannelBytesPerFrame: bytesPerFrame,
      jitterBufferTargetMs: this.targetMs,
      mode: this.#mode,
      latencyBudget: this.latency.budget,
      lockPriceMs: this.#lockPriceMs(decodeMs),
      predictionAgeMs: this.latency.predictionAgeMs,
      detectionDelayMs: this.#lock.detectionDelayMs,
      detections: { received, malformed: this.#malformed, foreign, duplicate, late, lost: this.#buffer.lost },
      width: this.#width,
      height: this.#height,
    } satisfies Partial<PlayerStats>;
  }

  close(): void {
    this.#videos.giveUpAll();
    this.frames.close();
    this.#compositor.close();
  }
}

function closeImage({ image }: Picture): void {
  if (typeof VideoFrame !== 'undefined' && image instanceof VideoFrame) image.close();
}
