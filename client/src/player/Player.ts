import type { AnalysisView, PublicationView, PublisherReport } from '@framelock/server/protocol';
import type { Consumer } from 'mediasoup-client/types';
import { Reconnector, type LinkEnd } from '../rtc/Reconnector.ts';
import { ViewerLink } from '../rtc/ViewerLink.ts';
import { defaultSignalingUrl } from '../signaling/SignalingClient.ts';
import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import { FrameExactOverlay } from './FrameExactOverlay.ts';
import type { DrawnRecord } from './overlay/DrawnRecord.ts';
import { FrameSource } from './overlay/FrameSource.ts';
import type { OverlayOptions } from './overlay/OverlayOptions.ts';
import { ReceiverMeter } from '../rtc/ReceiverMeter.ts';
import type { PlayerMode, PlayerProblem, PlayerState, PlayerStats } from './PlayerStats.ts';
import { simulcastLayers } from '../rtc/chooseVideo.ts';
import { spatialLayers } from './spatialLayers.ts';

export type { DrawnBox, DrawnKind, DrawnRecord, PictureRect } from './overlay/DrawnRecord.ts';
export { defaultOverlayOptions, type OverlayOptions } from './overlay/OverlayOptions.ts';
export { colorOfLabel, overlayPalette } from './overlay/overlayPalette.ts';
export type { LatencyBudget, PlayerMode, PlayerProblem, PlayerState, PlayerStats } from './PlayerStats.ts';

export interface PlayerOptions {
  streamId: string;
  token?: string;
  /** Picture and boxes are drawn here, letterboxed; its backing store follows its CSS size. */
  canvas: HTMLCanvasElement;
  /** Where the invisible <video> goes; default the canvas' parent. */
  container?: HTMLElement;
  /** `lock`: each picture waits for its own detections. `live`: pictures at once, boxes predicted. Default lock. */
  mode?: PlayerMode;
  /** Default: this page's server. */
  signalingUrl?: string;
  overlay?: Partial<OverlayOptions>;
}

export interface PlayerEvents {
  state: PlayerState;
  analysis: AnalysisView;
  viewers: number;
  problem: PlayerProblem;
  /** null = the Stream is idle. */
  publication: PublicationView | null;
  /** Synchronously after each composite; the record is reused. */
  drawn: DrawnRecord;
}

const tickEveryMs = 500;
const untimedProblem =
  'This browser does not tell which picture of the video it shows, so the video plays without detections. ' +
  'Update it, or watch in a current Chrome or Edge.';
const ticksPerReport = 10;

/**
 * Plays a Stream with its detections on a canvas until closed. Waits for an idle Stream to begin, recovers by itself
 * from a lost socket, a dead Worker, a lost media path and a restarted server, and keeps the last picture meanwhile.
 */
export class Player {
  readonly #events = new TypedEmitter<PlayerEvents>();
  readonly #options: PlayerOptions;
  readonly #overlay: FrameExactOverlay;
  readonly #receiverMeter = new ReceiverMeter();
  readonly #createdAtMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #reconnector: Reconnector<ViewerLink> | undefined;
  #tick = 0;
  #state: PlayerState = 'connecting';
  #publication: PublicationView | null = null;
  #analysis: AnalysisView = { state: 'off' };
  #viewers = 0;
  #streamName = '';
  #layer: number | null = null;
  #wantedLayer: number | undefined;
  /** The publisher's largest picture, by its own report. */
  #sent: { width?: number; height?: number } = {};
  #video: Consumer | undefined;
  /** Of the layer that is being switched to. */
  #comingVideo: Consumer | undefined;
  #audio: Consumer | undefined;
  #joinMs: number | null = null;
  #everPlayed = false;
  #isClosed = false;

  /** Resolves at once, in state `connecting`; `state` and `problem` tell the rest. */
  static async create(options: PlayerOptions): Promise<Player> {
    return new Player(options);
  }

  private constructor(options: PlayerOptions) {
    this.#options = options;
    this.#overlay = new FrameExactOverlay({
      canvas: options.canvas,
      container: options.container ?? options.canvas.parentElement ?? document.body,
      mode: options.mode ?? 'lock',
      overlay: options.overlay ?? {},
      serverOffsetMs: () => this.#reconnector?.link?.signaling.clockOffsetMs,
      viewerRttMs: () => this.#receiverMeter.figures.rttMs,
      onDrawn: (record) => this.#onDrawn(record),
      onUntimed: () => this.#events.emit('problem', { code: 'unsupported', message: untimedProblem, fatal: false }),
    });
    this.#timer = setInterval(() => this.#onTick(), tickEveryMs);
    if (!FrameSource.supported()) {
      const reason = 'This browser cannot tell one video picture from the next; update it to watch with detections.';
      setTimeout(() => this.#onFailed({ code: 'unsupported', reason })); // once its listeners are there
      return;
    }
    this.#reconnector = new Reconnector({
      connect: () => this.#connect(),
      onConnected: () => undefined,
      onLost: (end) => this.#onLost(end),
      onFailed: (end) => this.#onFailed(end),
    });
  }

  get state(): PlayerState {
    return this.#state;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  get mode(): PlayerMode {
    return this.#overlay.mode;
  }

  get muted(): boolean {
    return this.#overlay.video.muted;
  }

  get publication(): PublicationView | null {
    return this.#publication;
  }

  get analysis(): AnalysisView {
    return this.#analysis;
  }

  /** Empty until joined. */
  get streamName(): string {
    return this.#streamName;
  }

  on<E extends keyof PlayerEvents>(event: E, listener: (data: PlayerEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #connect(): Promise<ViewerLink> {
    const { streamId, token, signalingUrl = defaultSignalingUrl() } = this.#options;
    return ViewerLink.create({
      streamId,
      ...(token ? { token } : {}),
      signalingUrl,
      spatialLayer: this.#wantedLayer,
      onJoined: ({ streamName }) => (this.#streamName = streamName),
      onPublication: (publication) => this.#onPublication(publication),
      onVideo: (consumer, publicationId, type) => this.#onVideo(consumer, publicationId, type),
      onAudio: (consumer, publicationId) => this.#onAudio(consumer, publicationId),
      onDetections: (bytes) => this.#overlay.onDetections(bytes),
      onAnalysis: (analysis) => this.#onAnalysis(analysis),
      onModelDescription: (description) => this.#overlay.addDescription(description),
      onPublisherReport: (report) => this.#onPublisherReport(report),
      onViewers: (count) => this.#events.emit('viewers', (this.#viewers = count)),
      onLayers: (layer) => (this.#layer = layer),
      onProblem: (code, message) => this.#events.emit('problem', { code, message, fatal: false }),
    });
  }

  #onPublication(publication: PublicationView | null): void {
    if (this.#isClosed) return;
    if (publication?.id !== this.#publication?.id || publication === null) {
      this.#overlay.begin(publication?.id);
      this.#sent = {};
    }
    this.#publication = publication;
    this.#overlay.setPublication(publication);
    if (publication === null) {
      this.#onAnalysis({ state: 'off' });
      this.#setState(this.#everPlayed ? 'ended' : 'waiting');
    } else if (this.#state === 'waiting' || this.#state === 'ended') this.#setState('connecting');
    this.#events.emit('publication', publication);
  }

  #onVideo(consumer: Consumer, publicationId: string, type: string): void | Promise<boolean> {
    if (this.#isClosed || publicationId !== this.#publication?.id) return;
    const tracks = this.#audio && !this.#audio.closed ? [consumer.track, this.#audio.track] : [consumer.track];
    const shownId = this.#overlay.frames.producerId;
    if (shownId !== undefined && shownId !== consumer.producerId) return this.#switchTo(consumer, tracks);
    this.#video = consumer;
    this.#layer = type === 'simple' ? null : this.#layer;
    // A connection made anew inside the same Publication brings new tracks of the same timestamps.
    this.#overlay.cancelSwitch();
    this.#overlay.frames.setTracks(tracks, consumer.producerId);
    this.#applyTarget();
  }

  /** Another layer takes the shown one's place with its first picture, and waits for its detections as long from the first. */
  async #switchTo(consumer: Consumer, tracks: readonly MediaStreamTrack[]): Promise<boolean> {
    this.#comingVideo = consumer;
    this.#applyTarget();
    consumer.observer.once('close', () => {
      if (this.#comingVideo === consumer) this.#overlay.cancelSwitch();
    });
    const isShown = await this.#overlay.switchTracks(tracks, consumer.producerId);
    if (this.#comingVideo === consumer) this.#comingVideo = undefined;
    if (isShown) this.#video = consumer;
    return isShown;
  }

  #onAudio(consumer: Consumer, publicationId: string): void {
    if (this.#isClosed || publicationId !== this.#publication?.id) return;
    this.#audio = consumer;
    this.#overlay.addTrack(consumer.track);
    this.#applyTarget();
  }

  #onAnalysis(analysis: AnalysisView): void {
    this.#analysis = analysis;
    this.#overlay.latency.onAnalysis(analysis);
    this.#events.emit('analysis', analysis);
  }

  #onPublisherReport(report: PublisherReport): void {
    const { width, height } = report;
    this.#sent = { width, height };
    this.#overlay.latency.onReport(report);
  }

  #onDrawn(record: DrawnRecord): void {
    if (!record.redraw) {
      this.#joinMs ??= performance.now() - this.#createdAtMs;
      this.#everPlayed = true;
      if (this.#state !== 'playing' && this.#reconnector?.link) this.#setState('playing');
    }
    this.#events.emit('drawn', record);
  }

  #onLost({ reason, code }: LinkEnd): void {
    if (this.#state === 'playing' || this.#state === 'ended' || this.#state === 'waiting')
      this.#setState('reconnecting');
    this.#events.emit('problem', { code: code ?? 'lost', message: `${reason}; trying again`, fatal: false });
  }

  #onFailed({ reason, code }: LinkEnd): void {
    if (this.#isClosed) return;
    this.#events.emit('problem', { code: code ?? 'lost', message: reason, fatal: true });
    this.#end('failed', reason);
  }

  #setState(state: PlayerState): void {
    if (state === this.#state || this.#isClosed) return;
    this.#state = state;
    this.#events.emit('state', state);
  }

  #onTick(): void {
    this.#overlay.updateTarget(this.#analysis);
    this.#applyTarget();
    if (++this.#tick % 2 === 0) void this.#measure();
    if (this.#tick % ticksPerReport === 0) this.#report();
  }

  /** Sound waits as long as its picture. */
  #applyTarget(): void {
    const targetMs = this.#overlay.targetMs;
    for (const consumer of [this.#video, this.#comingVideo, this.#audio]) {
      const receiver = consumer?.closed ? undefined : consumer?.rtpReceiver;
      if (!receiver || !('jitterBufferTarget' in receiver) || (receiver.jitterBufferTarget ?? 0) === targetMs) continue;
      receiver.jitterBufferTarget = targetMs;
    }
  }

  async #measure(): Promise<void> {
    const video = this.#video;
    if (!video || video.closed) return;
    try {
      const report = await video.getStats();
      if (video === this.#video) this.#receiverMeter.add(report as unknown as Map<string, unknown>);
    } catch {
      // It was closed meanwhile.
    }
  }

  #report(): void {
    const signaling = this.#reconnector?.link?.signaling;
    if (!signaling || signaling.closed) return;
    const p50 = this.#overlay.latency.captureToOverlayMs.p50;
    void signaling
      .request('reportViewer', {
        mode: this.mode,
        ...this.#overlay.counters.totals,
        ...(p50 === null ? {} : { captureToOverlayP50Ms: p50 }),
      })
      .catch(() => undefined);
  }

  setMode(mode: PlayerMode): void {
    this.#overlay.setMode(mode);
    this.#overlay.updateTarget(this.#analysis);
    this.#applyTarget();
  }

  /** Layer of an SVC or simulcast video, 0 = smallest; `auto` = the best the network carries, of a simulcast the analysed one. */
  setLayer(layer: number | 'auto'): void {
    this.#wantedLayer = layer === 'auto' ? undefined : layer;
    this.#reconnector?.link?.setSpatialLayer(this.#wantedLayer);
  }

  /** Sound is off at first, as browsers demand; turn it on from a click. */
  setMuted(muted: boolean): void {
    const { video } = this.#overlay;
    video.muted = muted;
    if (muted || !video.srcObject) return;
    video.play().catch(() => {
      video.muted = true;
      void video.play().catch(() => undefined);
      const message = 'The browser lets sound begin only from a click: press the sound button.';
      this.#events.emit('problem', { code: 'autoplay', message, fatal: false });
    });
  }

  /** 0..1 */
  setVolume(volume: number): void {
    this.#overlay.video.volume = Math.min(1, Math.max(0, volume));
  }

  setOverlay(options: Partial<OverlayOptions>): void {
    this.#overlay.setOptions(options);
  }

  stats(): PlayerStats {
    const { codec, bitrateBps, packetsLost, framesDropped, decodeMs } = this.#receiverMeter.figures;
    return {
      ...this.#overlay.stats(decodeMs),
      analysis: this.#analysis,
      viewers: this.#viewers,
      codec: codec || (this.#publication?.producers.find(({ kind }) => kind === 'video')?.mimeType ?? ''),
      transport: 'webrtc',
      ...this.#layerFigures(),
      state: this.#state,
      ...{ bitrateBps, packetsLost, framesDropped },
      reconnections: this.#reconnector?.reconnections ?? 0,
      joinMs: this.#joinMs,
    };
  }

  #layerFigures(): Pick<PlayerStats, 'layer' | 'layers' | 'layerTimeline' | 'layerTimelineReason'> {
    const { layerTimeline: timeline } = this.#overlay;
    const told = {
      layerTimeline: timeline?.state ?? null,
      layerTimelineReason: timeline?.state === 'unknown' ? timeline.reason : null,
    };
    const simulcast = simulcastLayers(this.#publication);
    if (simulcast.length > 0) {
      const shown = simulcast.findIndex(({ id }) => id === this.#overlay.frames.producerId);
      return { layer: shown < 0 ? null : shown, layers: simulcast.length, ...told };
    }
    const { scalabilityMode } = this.#video?.rtpParameters.encodings?.[0] ?? {};
    const layers = spatialLayers({ scalabilityMode, ...this.#sent, layer: this.#layer });
    return { layer: this.#layer, layers, ...told };
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#report();
    this.#end('ended', reason);
  }

  #end(state: 'ended' | 'failed', reason: string): void {
    clearInterval(this.#timer);
    this.#reconnector?.link?.close(reason);
    this.#reconnector?.close();
    this.#overlay.close();
    this.#setState(state);
    this.#isClosed = true;
    this.#events.clear();
  }

  dump(): Record<string, unknown> {
    return { state: this.#state, stats: this.stats(), link: this.#reconnector?.link?.dump() };
  }
}
