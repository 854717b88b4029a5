import type { BrowserAnalyser } from '../inference/BrowserAnalyser.ts';
import { defaultSignalingUrl } from '../signaling/SignalingClient.ts';
import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import type { VideoCodecName } from './createDevice.ts';
import { PublisherLink } from './PublisherLink.ts';
import { PublisherMeter } from './PublisherMeter.ts';
import type { PublisherProblem, PublisherState, PublisherStats } from './PublisherStats.ts';
import { Reconnector, type LinkEnd } from './Reconnector.ts';

export type { PublisherProblem, PublisherState, PublisherStats } from './PublisherStats.ts';

export interface PublisherOptions {
  streamId: string;
  /** The stream key, or a token. */
  token?: string;
  /** Its tracks are sent, and not stopped: their owner (CameraSource) does that. */
  source: MediaStream;
  /** Default VP8: every browser encodes and decodes it, on any machine. */
  codec?: VideoCodecName;
  maxBitrateBps?: number;
  /** Scalability mode (W3C webrtc-svc). Default `L3T3_KEY` for VP9; the other codecs take `L1T1` to `L1T3`. */
  svc?: string;
  /** Runs the model in this page. Its owner closes it, after this; see `setAnalyser`. */
  analyser?: BrowserAnalyser;
  /** Default: this page's server. */
  signalingUrl?: string;
}

export interface PublisherEvents {
  state: PublisherState;
  /** Once a second while live. */
  stats: PublisherStats;
  problem: PublisherProblem;
}

const reportEveryMs = 1_000;

/**
 * Publishes a MediaStream to a Stream until closed. It recovers by itself from a lost socket, a dead Worker, a lost
 * media path and a restarted server, with the same MediaStream; each recovery begins a new Publication.
 */
export class Publisher {
  readonly #events = new TypedEmitter<PublisherEvents>();
  readonly #options: PublisherOptions;
  readonly #meter = new PublisherMeter();
  readonly #reconnector: Reconnector<PublisherLink>;
  readonly #muted = { audio: false, video: false };
  #video: MediaStreamTrack | undefined;
  #audio: MediaStreamTrack | undefined;
  #maxBitrateBps: number | undefined;
  #analyser: BrowserAnalyser | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #state: PublisherState = 'connecting';

  /** Resolves at once, in state `connecting`; `state` and `problem` tell the rest. */
  static async create(options: PublisherOptions): Promise<Publisher> {
    return new Publisher(options);
  }

  private constructor(options: PublisherOptions) {
    this.#options = options;
    this.#maxBitrateBps = options.maxBitrateBps;
    this.#analyser = options.analyser;
    this.#audio = options.source.getAudioTracks()[0];
    this.#watchVideo(options.source.getVideoTracks()[0]);
    this.#reconnector = new Reconnector({
      connect: () => this.#connect(),
      onConnected: (link) => this.#onConnected(link),
      onLost: (end) => this.#onLost(end),
      onFailed: (end) => this.#onFailed(end),
    });
    this.#timer = setInterval(() => void this.#measure(), reportEveryMs);
  }

  get state(): PublisherState {
    return this.#state;
  }

  get closed(): boolean {
    return this.#state === 'stopped';
  }

  /** undefined until live. */
  get publicationId(): string | undefined {
    return this.#reconnector.link?.publicationId;
  }

  on<E extends keyof PublisherEvents>(event: E, listener: (data: PublisherEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  stats(): PublisherStats {
    return { ...this.#meter.stats, reconnections: this.#reconnector.reconnections };
  }

  #connect(): Promise<PublisherLink> {
    const { streamId, token, signalingUrl = defaultSignalingUrl(), codec, svc } = this.#options;
    const analyser = this.#analyser;
    const video = this.#video && (analyser?.track ?? this.#video);
    const maxBitrateBps = this.#maxBitrateBps;
    return PublisherLink.create({
      streamId,
      ...(token ? { token } : {}),
      signalingUrl,
      video,
      audio: this.#liveAudio(),
      codec,
      svc,
      maxBitrateBps,
      analyser,
    });
  }

  #onConnected(link: PublisherLink): void {
    this.#meter.restart();
    // What changed while it connected.
    void this.#applySource(link).catch(() => link.close('the source could not be replaced'));
    for (const kind of ['audio', 'video'] as const) if (this.#muted[kind]) void this.#applyMuted(kind);
    this.#setState('live');
    if (link.analyser !== this.#analyser) void this.#moveAnalysis(link);
  }

  #onLost({ reason, code }: LinkEnd): void {
    if (this.#state === 'live') this.#setState('reconnecting');
    this.#events.emit('problem', { code: code ?? 'lost', message: `${reason}; trying again`, fatal: false });
  }

  #onFailed({ reason, code }: LinkEnd): void {
    this.#events.emit('problem', { code: code ?? 'lost', message: reason, fatal: true });
    this.close(reason);
  }

  #setState(state: PublisherState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.emit('state', state);
  }

  async #measure(): Promise<void> {
    const link = this.#reconnector.link;
    if (!link?.transport || !link.video || link.video.paused || link.closed) return;
    try {
      // Of the whole Transport: @roamhq/wrtc has no statistics of one sender.
      const report = await link.transport.getStats();
      if (this.closed || link !== this.#reconnector.link) return;
      const stats = this.#meter.add(report as unknown as Map<string, unknown>, this.#reconnector.reconnections);
      this.#events.emit('stats', stats);
      const { captureToSendMs, rttMs, bitrateBps, fps, width, height, codec, limitedBy } = stats;
      await link.signaling.request('reportPublisher', {
        captureToSendMs: Math.min(captureToSendMs, 60_000),
        rttMs: Math.min(rttMs, 60_000),
        ...{ bitrateBps, fps, width, height, codec: codec.slice(0, 40), limitedBy },
      });
    } catch {
      // The link is ending, which its own end tells, or one report was refused, which harms nobody.
    }
  }

  #watchVideo(track: MediaStreamTrack | undefined): void {
    this.#video?.removeEventListener?.('ended', this.#onVideoEnded);
    this.#video = track;
    track?.addEventListener?.('ended', this.#onVideoEnded);
  }

  readonly #onVideoEnded = (): void => {
    if (this.closed) return;
    const message = 'The picture source has ended: choose another one.';
    this.#events.emit('problem', { code: 'sourceEnded', message, fatal: false });
  };

  /** Sends another picture and sound in place of the running ones, inside the same Publication. */
  async replaceSource(source: MediaStream): Promise<void> {
    this.#watchVideo(source.getVideoTracks()[0]);
    this.#audio = source.getAudioTracks()[0];
    const { link } = this.#reconnector;
    if (link) await this.#applySource(link);
  }

  /**
   * Who analyses from now on: this page, or (undefined) the server. The page gives it to the server inside the same
   * Publication. The other way round a new one begins: Chromium tells of no frames of a sender that was made without being
   * asked to. The owner of the former analyser only releases that: what is sent still passes through its worker.
   */
  async setAnalyser(analyser: BrowserAnalyser | undefined): Promise<void> {
    if (analyser === this.#analyser || this.closed) return;
    this.#analyser = analyser;
    const { link } = this.#reconnector;
    // While it connects: when it has.
    if (link) await this.#moveAnalysis(link);
  }

  async #moveAnalysis(link: PublisherLink): Promise<void> {
    if (this.#analyser) {
      this.#setState('reconnecting');
      return this.#reconnector.renew('the model moves into this page');
    }
    try {
      await link.analyseOnServer();
      await this.#applySource(link);
    } catch {
      link.close('the analysis could not be moved to the server');
    }
  }

  async #applySource(link: PublisherLink): Promise<void> {
    const video = this.#video;
    const analyser = this.#analyser;
    if (video && analyser) analyser.setCaptured(video);
    else if (video && link.video && link.video.track !== video) await link.video.replaceTrack({ track: video });
    const hadAudio = link.audio !== undefined;
    await link.setAudio(this.#liveAudio());
    if (!hadAudio && this.#muted.audio) await this.#applyMuted('audio');
  }

  /** An ended sound is none: a camera whose microphone was unplugged goes on. */
  #liveAudio(): MediaStreamTrack | undefined {
    return this.#audio?.readyState === 'live' ? this.#audio : undefined;
  }

  /** Muted sends nothing of that kind; viewers are told. Survives reconnections. */
  async setMuted(muted: { audio?: boolean; video?: boolean }): Promise<void> {
    for (const kind of ['audio', 'video'] as const) {
      const wanted = muted[kind];
      if (wanted === undefined || wanted === this.#muted[kind]) continue;
      this.#muted[kind] = wanted;
      await this.#applyMuted(kind);
    }
  }

  get muted(): Readonly<{ audio: boolean; video: boolean }> {
    return this.#muted;
  }

  async #applyMuted(kind: 'audio' | 'video'): Promise<void> {
    const link = this.#reconnector.link;
    const producer = link?.[kind];
    if (!link || !producer || producer.closed) return;
    const paused = this.#muted[kind];
    if (paused) producer.pause();
    else producer.resume();
    // A lost link is told by its end; the next one applies it again.
    await link.signaling.request('setProducerPaused', { producerId: producer.id, paused }).catch(() => undefined);
  }

  /** Most the video may take, bit/s. */
  async setBitrate(bps: number): Promise<void> {
    this.#maxBitrateBps = bps;
    await this.#reconnector.link?.video?.setRtpEncodingParameters({ maxBitrate: bps } as RTCRtpEncodingParameters);
  }

  close(reason: string): void {
    if (this.closed) return;
    clearInterval(this.#timer);
    this.#watchVideo(undefined);
    this.#reconnector.link?.close(reason);
    this.#reconnector.close();
    this.#setState('stopped');
    this.#events.clear();
  }

  dump(): Record<string, unknown> {
    return { state: this.state, stats: this.stats(), muted: this.#muted, link: this.#reconnector.link?.dump() };
  }
}
