import type { AnalysisView, Delivery, HlsView, PublicationView } from '@framelock/server/protocol';
import type { LinkEnd } from '../rtc/Reconnector.ts';
import { defaultSignalingUrl } from '../signaling/SignalingClient.ts';
import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import { noPathCode } from '../rtc/ViewerLink.ts';
import { FrameExactOverlay } from './FrameExactOverlay.ts';
import { HlsApi } from './hls/HlsApi.ts';
import { HlsPlayback, type RecordedPublication } from './hls/HlsPlayback.ts';
import type { DrawnRecord } from './overlay/DrawnRecord.ts';
import { FrameSource } from './overlay/FrameSource.ts';
import type { OverlayOptions } from './overlay/OverlayOptions.ts';
import type { Playback, PlaybackEvents, PlaybackFigures, Rewinding, Timeline, Transport } from './Playback.ts';
import type { PlayerMode, PlayerProblem, PlayerState, PlayerStats } from './PlayerStats.ts';
import { TransportChooser, type TransportChoice, type TransportWish } from './TransportChooser.ts';
import { WebRtcPlayback } from './WebRtcPlayback.ts';

export type { RecordedPublication } from './hls/HlsPlayback.ts';
export type { DrawnBox, DrawnKind, DrawnRecord, PictureRect } from './overlay/DrawnRecord.ts';
export { defaultOverlayOptions, type OverlayOptions } from './overlay/OverlayOptions.ts';
export { colorOfLabel, overlayPalette } from './overlay/overlayPalette.ts';
export type { Timeline, Transport } from './Playback.ts';
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
  readonly #chooser: TransportChooser;
  #active: Playback | undefined;
  /** WebRTC that is tried while HLS goes on. */
  #trying: Playback | undefined;
  #tick = 0;
  #state: PlayerState = 'connecting';
  #publication: PublicationView | null = null;
  #analysis: AnalysisView = { state: 'off' };
  #viewers = 0;
  #streamName = '';
  #hls: HlsView | null = null;
  #wantedLayer: number | undefined;
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
      serverOffsetMs: () => this.#active?.serverOffsetMs,
      viewerRttMs: () => this.#active?.viewerRttMs,
      onDrawn: (record) => this.#onDrawn(record),
      onUntimed: () => this.#events.emit('problem', { code: 'unsupported', message: untimedProblem, fatal: false }),
      onUnknownModel: (revision) => this.#active?.onUnknownModel(revision),
    });
    const wish = options.recorded ? 'hls' : (options.transport ?? 'auto');
    this.#chooser = new TransportChooser(wish, WebRtcPlayback.supported(), performance.now());
    this.#timer = setInterval(() => this.#onTick(), tickEveryMs);
    if (!FrameSource.supported()) {
      const reason = 'This browser cannot tell one video picture from the next; update it to watch with detections.';
      setTimeout(() => this.#onFailed({ code: 'unsupported', reason })); // once its listeners are there
      return;
    }
    this.#active = this.#create(this.#chooser.choice.transport, {});
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

  get transport(): TransportChoice {
    return { ...this.#chooser.choice };
  }

  /** What HLS of the Stream is doing; null = it is off, or nothing is known. */
  get hls(): HlsView | null {
    return this.#hls;
  }

  /** Where one is in what can be watched; undefined where there is no past (WebRTC) or not yet. */
  get timeline(): Timeline | undefined {
    return this.#rewinding?.timeline;
  }

  get #rewinding(): Rewinding | undefined {
    return this.#active?.rewinding;
  }

  on<E extends keyof PlayerEvents>(event: E, listener: (data: PlayerEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #create(transport: Transport, more: { takesOver?: boolean; behindLiveS?: number }): Playback {
    const { streamId, token, signalingUrl, recorded } = this.#options;
    const overlay = this.#overlay;
    const events = this.#eventsOf(() => made);
    const made: Playback =
      transport === 'hls'
        ? new HlsPlayback({ ...{ streamId, token, overlay, recorded, events }, behindLiveS: more.behindLiveS })
        : new WebRtcPlayback({
            ...{ streamId, token, overlay, events, layer: this.#wantedLayer },
            signalingUrl: signalingUrl ?? defaultSignalingUrl(),
            takesOver: more.takesOver ?? false,
          });
    return made;
  }

  /** One that is only tried has no say but of its first picture. */
  #eventsOf(self: () => Playback): PlaybackEvents {
    const ifActive =
      <T extends unknown[]>(handle: (...data: T) => void) =>
      (...data: T): void => {
        if (!this.#isClosed && self() === this.#active) handle(...data);
      };
    return {
      onStreamName: ifActive((name) => (this.#streamName = name)),
      onPublication: (publication) => {
        // Pushed news come before HLS asks; but what plays is played to its end.
        const isNews = self() === this.#trying && publication !== null && !this.#active?.connected;
        if (self() === this.#active || isNews) this.#onPublication(publication);
      },
      onAnalysis: ifActive((analysis) => this.#onAnalysis(analysis)),
      onViewers: ifActive((count) => this.#events.emit('viewers', (this.#viewers = count))),
      onDelivery: (delivery, hls) => {
        if (self().transport === 'webrtc') this.#chooser.onSocket(true);
        if (!this.#isClosed && self() === this.#active) this.#onDelivery(delivery, hls);
      },
      onLost: (end) => (self() === this.#active ? this.#onLost(end) : this.#onTryLost(self(), end)),
      onFailed: (end) => (self() === this.#active ? this.#onFailed(end) : this.#onTryLost(self(), end)),
      onProblem: ifActive((code, message) => this.#events.emit('problem', { code, message, fatal: false })),
    };
  }

  #onDelivery(delivery: Delivery, hls: HlsView | null): void {
    this.#hls = hls;
    this.#events.emit('hls', hls);
    if (this.#chooser.setDelivery(delivery, performance.now())) this.#change();
  }

  /** The chosen transport takes the place of the one that was; the last picture stays until its first is there. */
  #change(behindLiveS?: number): void {
    this.#dropTry('another transport was chosen');
    this.#active?.close('another transport was chosen');
    this.#begin(behindLiveS);
  }

  #begin(behindLiveS?: number): void {
    const more = behindLiveS === undefined ? {} : { behindLiveS };
    this.#overlay.latency.clearFrames();
    this.#active = this.#create(this.#chooser.choice.transport, { takesOver: true, ...more });
    this.#events.emit('transport', this.transport);
  }

  #dropTry(reason: string): void {
    this.#trying?.close(reason);
    this.#trying = undefined;
  }

  /** One beside HLS that plays is not worth another round; before that it goes on as long as it may. */
  #onTryLost(tried: Playback, { code }: LinkEnd): void {
    if (tried !== this.#trying) return;
    this.#chooser.onSocket(code === noPathCode);
    if (!this.#active?.connected) return;
    this.#dropTry('it did not come through');
    this.#chooser.onTryFailed(performance.now());
    this.#events.emit('transport', this.transport);
  }

  /** Its first picture is on the canvas. */
  #onTryShown(shown: Playback): void {
    this.#trying = undefined;
    this.#active?.close('WebRTC is back');
    this.#active = shown;
    this.#chooser.onWebRtcShown();
    this.#overlay.latency.clearFrames();
    this.#events.emit('transport', this.transport);
  }

  #onPublication(publication: PublicationView | null): void {
    if (this.#isClosed) return;
    const before = this.#publication;
    if (publication?.id !== before?.id || publication === null) this.#overlay.begin(publication?.id);
    this.#publication = publication;
    this.#overlay.setPublication(publication);
    this.#chooser.onPublished(publication !== null, performance.now());
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
      if (this.#trying?.connected && this.#overlay.frames.playsTracks) this.#onTryShown(this.#trying);
      this.#joinMs ??= performance.now() - this.#createdAtMs;
      this.#everPlayed = true;
      this.#chooser.onPicture();
      if (this.#state !== 'playing' && this.#active?.connected) this.#setState('playing');
    }
    this.#events.emit('drawn', record);
  }

  #onLost({ reason, code }: LinkEnd): void {
    if (this.#isClosed) return;
    this.#chooser.onSocket(code === noPathCode);
    this.#chooser.onLost(performance.now());
    if (this.#state === 'playing' || this.#state === 'ended' || this.#state === 'waiting')
      this.#setState('reconnecting');
    this.#events.emit('problem', { code: lostCode(code), message: `${reason}; trying again`, fatal: false });
  }

  #onFailed({ reason, code }: LinkEnd): void {
    if (this.#isClosed) return;
    if (code === 'unsupported') {
      const nowMs = performance.now();
      const byHls = this.#active?.transport === 'hls';
      if (byHls ? this.#chooser.onHlsFailed(nowMs) : this.#chooser.onWebRtcFailed(nowMs)) return this.#change();
    }
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
    this.#active?.onTick();
    this.#trying?.onTick();
    this.#step();
    if (++this.#tick % ticksPerReport === 0) this.#active?.report();
  }

  #step(): void {
    switch (this.#chooser.step(performance.now())) {
      case 'probe':
        return void this.#probe();
      case 'fallBack':
        this.#dropTry('HLS goes on');
        // What was slow may still come before the first seconds of HLS are made.
        this.#trying = this.#active;
        return this.#begin();
      case 'tryWebRtc':
        return this.#try();
      case 'giveUpTrying':
        this.#dropTry('it did not come through');
        return this.#events.emit('transport', this.transport);
      case 'none':
    }
  }

  #try(): void {
    this.#dropTry('tried anew');
    this.#trying = this.#create('webrtc', { takesOver: true });
  }

  async #probe(): Promise<void> {
    const { streamId, token } = this.#options;
    const api = new HlsApi(token);
    const view = await api.getStream(streamId).catch(() => undefined);
    this.#chooser.onProbed(view?.publication != null && view.hls !== null);
  }

  setMode(mode: PlayerMode): void {
    this.#overlay.setMode(mode);
    this.#overlay.updateTarget(this.#analysis);
    this.#active?.onTick();
  }

  setTransport(wish: TransportWish): void {
    if (this.#isClosed || this.#options.recorded || !this.#active) return;
    if (this.#chooser.setWish(wish, performance.now())) this.#change();
    else {
      this.#dropTry('the transport was chosen');
      this.#events.emit('transport', this.transport);
    }
  }

  /** Layer of an SVC or simulcast video, 0 = smallest; `auto` = the best the network carries, of a simulcast the analysed one. */
  setLayer(layer: number | 'auto'): void {
    this.#wantedLayer = layer === 'auto' ? undefined : layer;
    this.#active?.setLayer(this.#wantedLayer);
  }

  /** Seconds on the timeline. */
  seek(positionS: number): void {
    const timeline = this.timeline;
    if (!timeline) return;
    if (timeline.live && positionS >= timeline.liveS - closeToLiveS) return this.backToLive();
    this.#leaveLive();
    this.#rewinding?.seek(positionS);
  }

  setPaused(paused: boolean): void {
    if (paused) this.#leaveLive();
    this.#rewinding?.setPaused(paused);
  }

  /** So many seconds back from what is shown; from WebRTC by way of HLS. */
  rewind(seconds: number): void {
    const timeline = this.timeline;
    if (timeline) this.seek(timeline.positionS - seconds);
    else if (this.#active?.transport === 'webrtc' && this.#chooser.rewind(performance.now())) this.#change(seconds);
  }

  /** WebRTC has no past: nobody is brought forward to it while they are back in time. */
  #leaveLive(): void {
    if (this.#options.recorded) return;
    this.#dropTry('going back in time');
    this.#chooser.rewind(performance.now());
    this.#events.emit('transport', this.transport);
  }

  backToLive(): void {
    this.#rewinding?.backToLive();
    if (this.#chooser.backToLive(performance.now())) this.#try();
    this.#events.emit('transport', this.transport);
  }

  /** URL of a picture near this place of the timeline; undefined where there is none. */
  thumbnailAt(positionS: number): string | undefined {
    return this.#rewinding?.thumbnailAt(positionS);
  }

  /** Sound is off at first, as browsers demand; turn it on from a click. */
  setMuted(muted: boolean): void {
    const { video } = this.#overlay;
    video.muted = muted;
    if (muted || (!video.srcObject && !video.src)) return;
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
    const { decodeMs, ...figures } = this.#active?.figures() ?? noFigures;
    const { transport, reason } = this.#chooser.choice;
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
    this.#active?.report();
    this.#end('ended', reason);
  }

  #end(state: 'ended' | 'failed', reason: string): void {
    clearInterval(this.#timer);
    this.#dropTry(reason);
    this.#active?.close(reason);
    this.#overlay.close();
    this.#setState(state);
    this.#isClosed = true;
    this.#events.clear();
  }

  dump(): Record<string, unknown> {
    return { state: this.#state, stats: this.stats(), link: this.#active?.dump() };
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
