import type { AnalysisView, HlsView, PublicationView, ZoneSettings, ZonesLive } from '@framelock/server/protocol';
import type { LinkEnd } from '../rtc/Reconnector.ts';
import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import { noPathCode } from '../rtc/ViewerLink.ts';
import { FrameExactOverlay } from './FrameExactOverlay.ts';
import type { RecordedPublication } from './hls/HlsPlayback.ts';
import type { DrawnRecord, PictureCopy } from './overlay/DrawnRecord.ts';
import { FrameSource } from './overlay/FrameSource.ts';
import type { OverlayOptions } from './overlay/OverlayOptions.ts';
import type { Moment, PlaybackFigures, Timeline } from './Playback.ts';
import { PlaybackSwitch } from './PlaybackSwitch.ts';
import type { PlayerMode, PlayerProblem, PlayerState, PlayerStats } from './PlayerStats.ts';
import type { TransportChoice, TransportWish } from './TransportChooser.ts';

export type { RecordedPublication } from './hls/HlsPlayback.ts';
export type { DrawnBox, DrawnKind, DrawnRecord, PictureCopy, PictureRect } from './overlay/DrawnRecord.ts';
export { defaultOverlayOptions, type OverlayOptions } from './overlay/OverlayOptions.ts';
export { colorOfLabel, overlayPalette } from './overlay/overlayPalette.ts';
export type { Moment, Timeline, Transport } from './Playback.ts';
export type { HlsFigures, LatencyBudget, PlayerMode, PlayerProblem, PlayerState, PlayerStats } from './PlayerStats.ts';
export type { TransportChoice, TransportWish } from './TransportChooser.ts';

export interface PlayerOptions {
  streamId: string;
  token?: string;
  /** Picture and boxes are drawn here, letterboxed; its backing store follows its CSS size. */
  canvas: HTMLCanvasElement;
  /** Where the invisible <video> goes; default the canvas' parent. */
  container?: HTMLElement;
  /** `lock`: each picture waits for its own detections. `live`: pictures at once, boxes predicted. Default lock. */
  mode?: PlayerMode;
  /** Default auto: WebRTC, or HLS where the Stream is set for many viewers or WebRTC does not come through. */
  transport?: TransportWish;
  /** Plays this Recording, by HLS. */
  recorded?: RecordedPublication;
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
  transport: TransportChoice;
  /** What HLS of the Stream is doing; null = it is off. */
  hls: HlsView | null;
  /** What is drawn on the Stream's picture. */
  zones: ZoneSettings;
  /** Figures of the shown picture, when they are others; undefined = none are known. */
  zonesLive: ZonesLive | undefined;
  /** Synchronously after each composite; the record is reused. */
  drawn: DrawnRecord;
}

const tickEveryMs = 500;
const untimedProblem =
  'This browser does not tell which picture of the video it shows, so the video plays without detections. ' +
  'Update it, or watch in a current Chrome or Edge.';
const ticksPerReport = 10;
const closeToLiveS = 1;

/**
 * Plays a Stream with its detections on a canvas until closed, by WebRTC or by HLS. Waits for an idle Stream to begin,
 * recovers by itself from a lost socket, a dead Worker, a lost media path and a restarted server, changes the transport
 * where that helps, and keeps the last picture meanwhile.
 */
export class Player {
  readonly #events = new TypedEmitter<PlayerEvents>();
  readonly #options: PlayerOptions;
  readonly #overlay: FrameExactOverlay;
  readonly #createdAtMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #playbacks: PlaybackSwitch;
  /** What is wanted; HLS has no choice. */
  #mode: PlayerMode;
  #tick = 0;
  #state: PlayerState = 'connecting';
  #publication: PublicationView | null = null;
  #analysis: AnalysisView = { state: 'off' };
  #viewers = 0;
  #streamName = '';
  #hls: HlsView | null = null;
  #zonesLive: ZonesLive | undefined;
  #joinMs: number | null = null;
  #everPlayed = false;
  #isClosed = false;

  /** Resolves at once, in state `connecting`; `state` and `problem` tell the rest. */
  static async create(options: PlayerOptions): Promise<Player> {
    return new Player(options);
  }

  private constructor(options: PlayerOptions) {
    this.#options = options;
    this.#mode = options.mode ?? 'lock';
    this.#overlay = new FrameExactOverlay({
      canvas: options.canvas,
      container: options.container ?? options.canvas.parentElement ?? document.body,
      mode: this.#mode,
      overlay: options.overlay ?? {},
      serverOffsetMs: () => this.#playbacks.active?.serverOffsetMs,
      viewerRttMs: () => this.#playbacks.active?.viewerRttMs,
      onDrawn: (record) => this.#onDrawn(record),
      onUntimed: () => this.#events.emit('problem', { code: 'unsupported', message: untimedProblem, fatal: false }),
      onUnknownModel: (revision) => this.#playbacks.active?.onUnknownModel(revision),
    });
    this.#playbacks = this.#createSwitch();
    this.#timer = setInterval(() => this.#onTick(), tickEveryMs);
    if (!FrameSource.supported()) {
      const reason = 'This browser cannot tell one video picture from the next; update it to watch with detections.';
      setTimeout(() => this.#onFailed({ code: 'unsupported', reason })); // once its listeners are there
      return;
    }
    this.#playbacks.start();
    this.#applyMode();
  }

  #createSwitch(): PlaybackSwitch {
    const { streamId, token, signalingUrl, recorded, transport: wish = 'auto' } = this.#options;
    return new PlaybackSwitch({
      ...{ streamId, token, signalingUrl, recorded, wish, overlay: this.#overlay },
      events: {
        onStreamName: (name) => (this.#streamName = name),
        onPublication: (publication) => this.#onPublication(publication),
        onAnalysis: (analysis) => this.#onAnalysis(analysis),
        onViewers: (count) => this.#events.emit('viewers', (this.#viewers = count)),
        onDelivery: (_, hls) => this.#events.emit('hls', (this.#hls = hls)),
        onZones: (zones) => this.#onZones(zones),
        onZonesLive: (live) => this.#overlay.zones.add(live),
        onLost: (end) => this.#onLost(end),
        onFailed: (end) => this.#onFailed(end),
        onProblem: (code, message) => this.#events.emit('problem', { code, message, fatal: false }),
        onTransport: (choice) => {
          this.#applyMode();
          this.#events.emit('transport', choice);
        },
      },
    });
  }

  get state(): PlayerState {
    return this.#state;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /** By HLS always `lock`: detections come with their pictures. */
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

  get transport(): TransportChoice {
    return this.#playbacks.choice;
  }

  /** What HLS of the Stream is doing; null = it is off, or nothing is known. */
  get hls(): HlsView | null {
    return this.#hls;
  }

  /** What is drawn on the Stream's picture, as far as is known. */
  get zones(): ZoneSettings {
    return this.#overlay.zones.settings;
  }

  /** Where one is in what can be watched; undefined where there is no past (WebRTC) or not yet. */
  get timeline(): Timeline | undefined {
    return this.#playbacks.active?.rewinding?.timeline;
  }

  on<E extends keyof PlayerEvents>(event: E, listener: (data: PlayerEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #onPublication(publication: PublicationView | null): void {
    if (this.#isClosed) return;
    const before = this.#publication;
    if (publication?.id !== before?.id || publication === null) this.#overlay.begin(publication?.id);
    this.#publication = publication;
    this.#overlay.setPublication(publication);
    if (publication === null) {
      this.#onAnalysis({ state: 'off' });
      this.#setState(this.#everPlayed ? 'ended' : 'waiting');
    } else if (this.#state === 'waiting' || this.#state === 'ended') this.#setState('connecting');
    this.#events.emit('publication', publication);
  }

  #onAnalysis(analysis: AnalysisView): void {
    this.#analysis = analysis;
    this.#overlay.latency.onAnalysis(analysis);
    this.#events.emit('analysis', analysis);
  }

  #onDrawn(record: DrawnRecord): void {
    if (!record.redraw) {
      this.#playbacks.onPicture();
      this.#joinMs ??= performance.now() - this.#createdAtMs;
      this.#everPlayed = true;
      if (this.#state !== 'playing' && this.#playbacks.active?.connected) this.#setState('playing');
    }
    this.#tellFigures();
    this.#events.emit('drawn', record);
  }

  #onZones(zones: ZoneSettings): void {
    this.#overlay.setZones(zones);
    this.#events.emit('zones', zones);
  }

  #tellFigures(): void {
    const { shown } = this.#overlay.zones;
    if (shown === this.#zonesLive) return;
    this.#zonesLive = shown;
    this.#events.emit('zonesLive', shown);
  }

  #onLost({ reason, code }: LinkEnd): void {
    if (this.#isClosed) return;
    if (this.#state === 'playing' || this.#state === 'ended' || this.#state === 'waiting')
      this.#setState('reconnecting');
    this.#events.emit('problem', { code: lostCode(code), message: `${reason}; trying again`, fatal: false });
  }

  #onFailed({ reason, code }: LinkEnd): void {
    if (this.#isClosed) return;
    this.#events.emit('problem', { code: lostCode(code), message: reason, fatal: true });
    this.#end('failed', reason);
  }

  #setState(state: PlayerState): void {
    if (state === this.#state || this.#isClosed) return;
    this.#state = state;
    this.#events.emit('state', state);
  }

  #onTick(): void {
    this.#overlay.updateTarget(this.#analysis);
    this.#playbacks.onTick();
    if (++this.#tick % ticksPerReport === 0) this.#playbacks.active?.report();
  }

  setMode(mode: PlayerMode): void {
    this.#mode = mode;
    this.#applyMode();
  }

  #applyMode(): void {
    const { active } = this.#playbacks;
    const mode = active?.transport === 'hls' ? 'lock' : this.#mode;
    if (mode === this.#overlay.mode) return;
    this.#overlay.setMode(mode);
    this.#overlay.updateTarget(this.#analysis);
    active?.onTick();
  }

  setTransport(wish: TransportWish): void {
    this.#playbacks.setWish(wish);
  }

  /** Layer of an SVC or simulcast video, 0 = smallest; `auto` = the best the network carries, of a simulcast the analysed one. */
  setLayer(layer: number | 'auto'): void {
    this.#playbacks.setLayer(layer === 'auto' ? undefined : layer);
  }

  /** Seconds on the timeline. */
  seek(positionS: number): void {
    const timeline = this.timeline;
    if (!timeline) return;
    if (timeline.live && positionS >= timeline.liveS - closeToLiveS) return this.backToLive();
    this.#playbacks.leaveLive();
    this.#playbacks.active?.rewinding?.seek(positionS);
  }

  /** Shows a moment's Frame and stands there. False = nothing is known of it yet, or there is no past. */
  showMoment(moment: Moment): boolean {
    const rewinding = this.#playbacks.active?.rewinding;
    const positionS = rewinding?.positionOf(moment);
    if (positionS === undefined) return false;
    this.setPaused(true);
    this.#playbacks.active?.rewinding?.seek(positionS);
    return true;
  }

  setPaused(paused: boolean): void {
    if (paused) this.#playbacks.leaveLive();
    this.#playbacks.active?.rewinding?.setPaused(paused);
  }

  /** So many seconds back from what is shown; from WebRTC by way of HLS. */
  rewind(seconds: number): void {
    const timeline = this.timeline;
    if (timeline) this.seek(timeline.positionS - seconds);
    else this.#playbacks.rewind(seconds);
  }

  backToLive(): void {
    this.#playbacks.backToLive();
  }

  /** URL of a picture near this place of the timeline; undefined where there is none. */
  thumbnailAt(positionS: number): string | undefined {
    return this.#playbacks.active?.rewinding?.thumbnailAt(positionS);
  }

  /** Sound is off at first, as browsers demand; turn it on from a click. */
  setMuted(muted: boolean): void {
    const { video } = this.#overlay;
    video.muted = muted;
    // Sound is heard when what was paused goes on.
    if (muted || this.timeline?.paused || (!video.srcObject && !video.src)) return;
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

  /** Drawn on this page: shown at once, before the server tells it. */
  setZones(zones: ZoneSettings): void {
    this.#onZones(zones);
  }

  /** The picture that is shown now, in the video's pixels and without boxes, to be kept; undefined before the first. */
  copyPicture(): PictureCopy | undefined {
    return this.#overlay.copyPicture();
  }

  stats(): PlayerStats {
    const { decodeMs, ...figures } = this.#playbacks.active?.figures() ?? noFigures;
    const { transport, reason } = this.#playbacks.choice;
    return {
      ...this.#overlay.stats(decodeMs),
      analysis: this.#analysis,
      viewers: this.#viewers,
      ...{ transport, transportReason: reason ?? null },
      ...figures,
      state: this.#state,
      joinMs: this.#joinMs,
    };
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#playbacks.active?.report();
    this.#end('ended', reason);
  }

  #end(state: 'ended' | 'failed', reason: string): void {
    clearInterval(this.#timer);
    this.#playbacks.close(reason);
    this.#overlay.close();
    this.#setState(state);
    this.#isClosed = true;
    this.#events.clear();
  }

  dump(): Record<string, unknown> {
    return { state: this.#state, stats: this.stats(), link: this.#playbacks.active?.dump() };
  }
}

/** Pages know a lost path as a lost connection. */
function lostCode(code: string | undefined): string {
  return code === undefined || code === noPathCode ? 'lost' : code;
}

/** Before there is a transport, or in a browser that has none. */
const noFigures: PlaybackFigures = {
  ...{ codec: '', bitrateBps: 0, packetsLost: 0, framesDropped: 0, reconnections: 0 },
  ...{ layer: null, layers: 1, layerTimeline: null, layerTimelineReason: null },
  ...{ jitterBufferTargetMs: 0, decodeMs: 0, behindLiveMs: null, hls: null },
};
