import { noPathCode } from '../rtc/ViewerLink.ts';
import type { LinkEnd } from '../rtc/Reconnector.ts';
import { defaultSignalingUrl } from '../signaling/SignalingClient.ts';
import type { FrameExactOverlay } from './FrameExactOverlay.ts';
import { HlsApi } from './hls/HlsApi.ts';
import { HlsPlayback, type RecordedPublication } from './hls/HlsPlayback.ts';
import type { Playback, PlaybackEvents, Transport } from './Playback.ts';
import { rewindReason, TransportChooser, type TransportChoice, type TransportWish } from './TransportChooser.ts';
import { WebRtcPlayback, type WebRtcPlaybackOptions } from './WebRtcPlayback.ts';

export interface PlaybackSwitchOptions {
  streamId: string;
  token?: string | undefined;
  signalingUrl?: string | undefined;
  recorded?: RecordedPublication | undefined;
  wish: TransportWish;
  overlay: FrameExactOverlay;
  /** Facts of the Playback that plays; `onTransport`: another one does, or why it does changed. */
  events: PlaybackEvents & { onTransport(choice: TransportChoice): void };
  /** Default: whether this browser has it. */
  webRtcSupported?: boolean | undefined;
  /** Default: `WebRtcPlayback` and `HlsPlayback`. */
  createPlayback?: ((transport: Transport, options: NewPlayback) => Playback) | undefined;
}

/** What a Playback is made of, whichever it is. */
export interface NewPlayback extends WebRtcPlaybackOptions {
  recorded: RecordedPublication | undefined;
  behindLiveS: number | undefined;
}

const createPlayback = (transport: Transport, options: NewPlayback): Playback =>
  transport === 'hls' ? new HlsPlayback(options) : new WebRtcPlayback(options);

interface Beginning {
  takesOver?: boolean;
  behindLiveS?: number;
}

/**
 * Which Playback a Player has: does what its TransportChooser says. One plays; beside HLS, WebRTC may be tried, which
 * has no say until its first picture is on the canvas and then takes over, so that nothing is black meanwhile.
 */
export class PlaybackSwitch {
  readonly #options: PlaybackSwitchOptions;
  readonly #chooser: TransportChooser;
  #active: Playback | undefined;
  /** WebRTC that is tried while HLS goes on. */
  #trying: Playback | undefined;
  #layer: number | undefined;
  /** The last that was told. */
  #publicationId: string | undefined;
  #closed = false;

  constructor(options: PlaybackSwitchOptions) {
    this.#options = options;
    const wish = options.recorded ? 'hls' : options.wish;
    const { webRtcSupported = WebRtcPlayback.supported() } = options;
    this.#chooser = new TransportChooser(wish, webRtcSupported, performance.now());
  }

  /** undefined until `start`. */
  get active(): Playback | undefined {
    return this.#active;
  }

  get choice(): TransportChoice {
    return { ...this.#chooser.choice };
  }

  start(): void {
    this.#active = this.#create(this.#chooser.choice.transport, {});
  }

  #create(transport: Transport, more: Beginning): Playback {
    const { streamId, token, signalingUrl, recorded, overlay, createPlayback: create = createPlayback } = this.#options;
    const made: Playback = create(transport, {
      ...{ streamId, token, recorded, overlay, layer: this.#layer },
      signalingUrl: signalingUrl ?? defaultSignalingUrl(),
      takesOver: more.takesOver ?? false,
      behindLiveS: more.behindLiveS,
      events: this.#eventsOf(() => made),
    });
    return made;
  }

  /** One that is only tried has no say but of its first picture. */
  #eventsOf(self: () => Playback): PlaybackEvents {
    const { events } = this.#options;
    const isActive = (): boolean => !this.#closed && self() === this.#active;
    const ifActive =
      <T extends unknown[]>(handle: (...data: T) => void) =>
      (...data: T): void => {
        if (isActive()) handle(...data);
      };
    return {
      onStreamName: ifActive((name) => events.onStreamName(name)),
      onPublication: (publication) => {
        // Pushed news come before HLS asks; but what plays is played to its end.
        const isNews = self() === this.#trying && publication !== null && !this.#active?.connected;
        if (this.#closed || (self() !== this.#active && !isNews)) return;
        this.#chooser.onPublished(publication !== null, performance.now());
        events.onPublication(publication);
        if (publication) this.#onPublished(publication.id);
      },
      onAnalysis: ifActive((analysis) => events.onAnalysis(analysis)),
      onViewers: ifActive((count) => events.onViewers(count)),
      onDelivery: (delivery, hls) => {
        if (self().transport === 'webrtc') this.#chooser.onSocket(true);
        if (!isActive()) return;
        events.onDelivery(delivery, hls);
        if (this.#chooser.setDelivery(delivery, performance.now())) this.#change();
      },
      onZones: ifActive((zones) => events.onZones(zones)),
      onZonesLive: ifActive((live) => events.onZonesLive(live)),
      onLost: (end) => (self() === this.#active ? this.#onLost(end) : this.#onTryLost(self(), end)),
      onFailed: (end) => (self() === this.#active ? this.#onFailed(end) : this.#onTryLost(self(), end)),
      onProblem: ifActive((code, message) => events.onProblem(code, message)),
    };
  }

  /** Who went back in one Publication is at live in the next. */
  #onPublished(publicationId: string): void {
    const before = this.#publicationId;
    this.#publicationId = publicationId;
    if (before === undefined || before === publicationId || this.#chooser.choice.reason !== rewindReason) return;
    if (this.#chooser.backToLive(performance.now())) this.#try();
    this.#tellTransport();
  }

  /** The chosen transport takes the place of the one that was; the last picture stays until its first is there. */
  #change(behindLiveS?: number): void {
    this.#dropTry('another transport was chosen');
    this.#active?.close('another transport was chosen');
    this.#begin(behindLiveS);
  }

  #begin(behindLiveS?: number): void {
    const more = behindLiveS === undefined ? {} : { behindLiveS };
    this.#options.overlay.latency.clearFrames();
    this.#active = this.#create(this.#chooser.choice.transport, { takesOver: true, ...more });
    this.#tellTransport();
  }

  #tellTransport(): void {
    if (!this.#closed) this.#options.events.onTransport(this.choice);
  }

  #dropTry(reason: string): void {
    this.#trying?.close(reason);
    this.#trying = undefined;
  }

  #onLost(end: LinkEnd): void {
    if (this.#closed) return;
    // HLS has no socket, and says nothing of WebRTC's.
    if (this.#active?.transport === 'webrtc') this.#chooser.onSocket(end.code === noPathCode);
    this.#chooser.onLost(performance.now());
    this.#options.events.onLost(end);
  }

  /** What one transport cannot do here the other may. */
  #onFailed(end: LinkEnd): void {
    if (this.#closed) return;
    if (end.code === 'unsupported') {
      const nowMs = performance.now();
      const byHls = this.#active?.transport === 'hls';
      if (byHls ? this.#chooser.onHlsFailed(nowMs) : this.#chooser.onWebRtcFailed(nowMs)) return this.#change();
    }
    this.#options.events.onFailed(end);
  }

  /** One beside HLS that plays is not worth another round; before that it goes on as long as it may. */
  #onTryLost(tried: Playback, { code }: LinkEnd): void {
    if (tried !== this.#trying) return;
    this.#chooser.onSocket(code === noPathCode);
    if (!this.#active?.connected) return;
    this.#dropTry('it did not come through');
    this.#chooser.onTryFailed(performance.now());
    this.#tellTransport();
  }

  /** A new picture is on the canvas: of what plays, or the first of what is tried. */
  onPicture(): void {
    if (this.#trying?.connected && this.#options.overlay.frames.playsTracks) this.#onTryShown(this.#trying);
    this.#chooser.onPicture();
  }

  #onTryShown(shown: Playback): void {
    this.#trying = undefined;
    this.#active?.close('WebRTC is back');
    this.#active = shown;
    this.#chooser.onWebRtcShown();
    this.#options.overlay.latency.clearFrames();
    this.#tellTransport();
  }

  /** Twice a second. */
  onTick(): void {
    this.#active?.onTick();
    this.#trying?.onTick();
    this.#step();
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
        return this.#tellTransport();
      case 'none':
    }
  }

  #try(): void {
    this.#dropTry('tried anew');
    this.#trying = this.#create('webrtc', { takesOver: true });
  }

  async #probe(): Promise<void> {
    const { streamId, token } = this.#options;
    const view = await new HlsApi(token).getStream(streamId).catch(() => undefined);
    this.#chooser.onProbed(view?.publication != null && view.hls !== null);
  }

  setWish(wish: TransportWish): void {
    if (this.#closed || this.#options.recorded || !this.#active) return;
    if (this.#chooser.setWish(wish, performance.now())) return this.#change();
    this.#dropTry('the transport was chosen');
    this.#tellTransport();
  }

  setLayer(layer: number | undefined): void {
    this.#layer = layer;
    this.#active?.setLayer(layer);
  }

  /** WebRTC has no past: nobody is brought forward to it while they are back in time. */
  leaveLive(): void {
    if (this.#options.recorded) return;
    this.#dropTry('going back in time');
    this.#chooser.rewind(performance.now());
    this.#tellTransport();
  }

  /** From WebRTC by way of HLS, beginning so many seconds back. */
  rewind(seconds: number): void {
    if (this.#active?.transport === 'webrtc' && this.#chooser.rewind(performance.now())) this.#change(seconds);
  }

  backToLive(): void {
    this.#active?.rewinding?.backToLive();
    if (this.#chooser.backToLive(performance.now())) this.#try();
    this.#tellTransport();
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dropTry(reason);
    this.#active?.close(reason);
  }
}
