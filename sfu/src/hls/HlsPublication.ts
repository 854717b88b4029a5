import type { UdpDrops } from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import {
  hlsIsOff,
  hlsNames,
  hlsTargetDurationS,
  Refusal,
  type HlsMedia,
  type HlsView,
  type ModelDescription,
  type PackagerSettings,
  type ParamsOf,
} from '@framelock/server/protocol';
import { Continuation, firstWithin } from './Continuation.ts';
import { describeHls } from './describeHls.ts';
import type { HlsControlContract, TapEnd } from './hlsControl.ts';
import { MediaInput } from './input/MediaInput.ts';
import { LivePlaylists } from './LivePlaylists.ts';
import { Packager } from './Packager.ts';
import { RecentDescriptions } from './RecentDescriptions.ts';
import { SegmentStore } from './store/SegmentStore.ts';
import { StorageProblem } from './store/StorageProblem.ts';
import type { Thumbnailer } from './store/Thumbnailer.ts';

export interface HlsPublicationOptions {
  streamId: string;
  publicationId: string;
  /** hls processes before this one. */
  restarts: number;
  dir: string;
  ffmpegBin: string;
  windowS: number;
  maxBytes: number;
  /** Without a request for so long, nobody watches. */
  idleAfterMs: number;
  thumbnailer: Thumbnailer;
  log: Logger;
  /** Media of this Publication is wanted, or is not any more. */
  onWant(): void;
  onUnwant(): void;
  onView(view: HlsView): void;
  /** Its store began to be a Recording, grew by a Segment, or ended. */
  onRecording(store: SegmentStore): void;
  onWritten(name: string, data: Buffer): void;
  onRemoved(names: readonly string[]): void;
  /** With each Segment and at the end: what a store without blocking reloads needs. */
  onPlaylist(plain: string, multivariant: string | undefined): void;
}

const viewEveryMs = 2_000;
/** Media was asked for and none came: asked for again. */
const askAgainMs = 5_000;
const retryAfterMs = 3_000;
const notWanted = new Refusal('conflict', 'HLS of this Publication is not wanted any more');
const onDemand: PackagerSettings = {
  hls: 'onDemand',
  recording: false,
  recordingMaxAgeHours: null,
  recordingMaxBytes: null,
};

/**
 * HLS of one live Publication: packages while somebody watches, records, or its setting says so. What breaks (a full
 * disk, an FFmpeg that dies again and again) ends the Packager; another one follows, with the next numbers.
 */
export class HlsPublication {
  readonly streamId: string;
  readonly publicationId: string;
  readonly playlists: LivePlaylists;
  readonly #options: HlsPublicationOptions;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #descriptions: RecentDescriptions;
  #settings = onDemand;
  #askedAtMs = -Infinity;
  #isWanted = false;
  #packager: Packager | undefined;
  #making: Promise<Packager> | undefined;
  #input: MediaInput | undefined;
  #media: { video: HlsMedia; audio: HlsMedia | null } | undefined;
  #lastMediaAtMs = 0;
  #alert: string | undefined;
  #retryAtMs = 0;
  readonly #continuation: Continuation;
  /** The disk was full. */
  #full: StorageProblem | undefined;
  /** Of the Packager before: a folder is one store's at a time. */
  #storeClosing: Promise<void> = Promise.resolve();
  #restarts = 0;
  #told = '';
  #hasPackaged = false;
  #toldAtMs = 0;
  #toldState: HlsView['state'] | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HlsPublicationOptions) {
    const { streamId, publicationId } = options;
    this.streamId = streamId;
    this.publicationId = publicationId;
    this.#options = options;
    this.#descriptions = new RecentDescriptions(options.windowS);
    this.#continuation = new Continuation(options.restarts);
    this.#log = options.log.child({ streamId, publicationId });
    this.playlists = new LivePlaylists({ streamId, publicationId, frameRate: () => this.#frameRate });
    this.#timer = setInterval(() => this.#tick(), 500);
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get store(): SegmentStore | undefined {
    return this.#packager?.store;
  }

  get recording(): boolean {
    return this.#settings.recording || (this.store?.recording ?? false);
  }

  get #frameRate(): number {
    return this.#packager?.segmenter.frameRate ?? 30;
  }

  setSettings(settings: PackagerSettings): void {
    this.#settings = settings;
    const { store } = this;
    // Turned off, what was recorded is kept, and grows until the Publication ends: one folder is one Recording.
    if (store && settings.recording && !store.recording) {
      store.setRecording(true);
      this.#options.onRecording(store);
    }
    this.#tick();
  }

  describeModel(description: ModelDescription): void {
    this.#descriptions.add(description, performance.now());
    this.#packager?.describeModel(description);
  }

  addDetection(bytes: Uint8Array): void {
    this.#packager?.addDetection(bytes);
  }

  /** Somebody asked for its playlist. false: its HLS is turned off. */
  asked(): boolean {
    if (hlsIsOff(this.#settings)) return false;
    this.#askedAtMs = performance.now();
    if (!this.#isWanted) this.#tick();
    return true;
  }

  get #isNeeded(): boolean {
    const { hls, recording } = this.#settings;
    if (recording || hls === 'always') return true;
    return hls === 'onDemand' && performance.now() - this.#askedAtMs < this.#options.idleAfterMs;
  }

  #tick(): void {
    if (this.closed) return;
    const nowMs = performance.now();
    if (!this.#isNeeded) {
      if (this.#isWanted) this.#stop('nobody watches', { inOrder: true });
    } else if (!this.#isWanted && nowMs >= this.#retryAtMs) {
      this.#isWanted = true;
      this.#lastMediaAtMs = nowMs;
      this.#options.onWant();
    } else if (this.#isWanted && nowMs - this.#lastMediaAtMs > askAgainMs) {
      this.#lastMediaAtMs = nowMs;
      this.#options.onWant();
    }
    if (nowMs - this.#toldAtMs >= viewEveryMs || this.view.state !== this.#toldState) this.#tell();
  }

  #tell(): void {
    const view = this.view;
    this.#toldAtMs = performance.now();
    this.#toldState = view.state;
    const text = JSON.stringify(view);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onView(view);
  }

  get view(): HlsView {
    return describeHls({
      packager: this.#packager,
      input: this.#input,
      media: this.#media,
      alert: this.#alert,
      isWanted: this.#isWanted,
      recording: this.recording,
      players: this.playlists.waiting,
      restarts: this.#restarts,
    });
  }

  /** What the kernel threw away at the taps' sockets. */
  countKernelDrops(drops: UdpDrops): void {
    this.#input?.countKernelDrops(drops);
  }

  /** Sockets for the taps. */
  async openInput(): Promise<{ video: { ip: string; port: number }; audio: { ip: string; port: number } }> {
    if (this.closed) throw new Refusal('gone', 'this Publication has ended');
    await this.#closeInput();
    await this.#openPackager();
    const input = await MediaInput.create({
      publicationId: this.publicationId,
      host: '127.0.0.1',
      after: this.#continuation.time,
      ffmpegBin: this.#options.ffmpegBin,
      log: this.#log,
      events: {
        onVideoFormat: (format) => this.#guarded(() => this.#packager?.videoFormat(format)),
        onVideo: (sample) => {
          this.#lastMediaAtMs = performance.now();
          this.#continuation.used(sample.time);
          this.#guarded(() => this.#packager?.video(sample));
        },
        onAudioFormat: (format) => this.#guarded(() => this.#packager?.segmenter.audioFormat(format)),
        onAudio: (sample) => this.#guarded(() => this.#packager?.segmenter.audio(sample)),
        onDiscontinuity: (reason) => {
          this.#log.info({ reason }, 'HLS discontinuity');
          this.#guarded(() => this.#packager?.segmenter.discontinuity());
        },
        onClock: (time, unixMs) => this.#packager?.segmenter.clock(time, unixMs),
        onMedia: (media) => {
          this.#media = media;
          this.#log.info({ ...media }, 'HLS media');
          this.#tell();
        },
        onProblem: (message, fatal) => this.#onProblem(message, fatal),
      },
    });
    if (this.closed || !this.#isWanted) {
      await input.close();
      throw notWanted;
    }
    this.#input = input;
    return input.local;
  }

  /** One publisher's media must not end the HLS of all Streams, whatever is in it that nobody thought of. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** Not inside of what failed. */
  #onFault(error: unknown): void {
    this.#log.error({ err: error }, 'packaging failed');
    setImmediate(() => this.#packager && this.#fail(new Error('HLS cannot package what this publisher sends')));
  }

  async #openPackager(): Promise<void> {
    if (this.#packager) {
      // Another input: its clock need not be the one's before.
      this.#packager.segmenter.discontinuity();
      return;
    }
    let packager: Packager;
    try {
      packager = await (this.#making ??= this.#makePackager());
    } catch (error) {
      this.#fail(error as StorageProblem);
      throw new Refusal('unavailable', (error as Error).message);
    } finally {
      this.#making = undefined;
    }
    if (this.closed || !this.#isWanted) {
      this.#letGo(packager, false);
      throw notWanted;
    }
    this.#packager = packager;
    this.playlists.follow(packager);
  }

  async #makePackager(): Promise<Packager> {
    const { publicationId, recording } = this;
    await this.#storeClosing;
    if (this.#full && !(await SegmentStore.hasRoom(this.#options.dir))) throw this.#full;
    this.#full = undefined;
    let store = await this.#makeStore();
    // What another process left of no Recording: its last Parts were served from its memory only, and their names are gone.
    if (this.#options.restarts > 0 && !this.#hasPackaged && !store.recording && store.segments.length > 0) {
      await store.close({ keep: false });
      store = await this.#makeStore();
    }
    this.#hasPackaged = true;
    const packager = new Packager({
      publicationId,
      store,
      thumbnailer: this.#options.thumbnailer,
      begin: this.#continuation.begin(store, this.#options.windowS),
      onWantKeyFrame: () => this.#input?.requestKeyFrame(),
      onLateKeyFrame: () => this.#onLateKeyFrame(),
      onSegment: () => this.#onSegment(),
      onFault: (error) => this.#onFault(error),
    });
    for (const description of this.#descriptions.within(performance.now())) packager.describeModel(description);
    if (recording) this.#options.onRecording(store);
    return packager;
  }

  async #makeStore(): Promise<SegmentStore> {
    const { dir, onWritten, onRemoved } = this.#options;
    const { streamId, publicationId, recording } = this;
    const store: SegmentStore = await SegmentStore.create({
      ...{ dir, streamId, publicationId, recording, onWritten, onRemoved },
      // Not inside of the write that failed, which the Packager is in the middle of.
      onProblem: (problem) => setImmediate(() => this.#onStoreProblem(store, problem)),
    });
    return store;
  }

  #onLateKeyFrame(): void {
    this.#input?.transcodeFromNow(
      `its key frames come more than ${hlsTargetDurationS} s apart; with 2 s (the encoder's key frame interval) HLS costs nothing`,
    );
  }

  #onSegment(): void {
    const packager = this.#packager;
    if (!packager) return;
    const { store, playlist } = packager;
    this.#alert = undefined;
    const { windowS, maxBytes } = this.#options;
    const { recordingMaxAgeHours, recordingMaxBytes } = this.#settings;
    const limits = this.recording
      ? { maxAgeS: recordingMaxAgeHours === null ? null : recordingMaxAgeHours * 3600, maxBytes: recordingMaxBytes }
      : { maxAgeS: windowS, maxBytes };
    const { firstMsn } = store.retain(limits);
    playlist.removeBefore(Math.max(firstMsn, firstWithin(playlist.entries, windowS)));
    if (this.recording) this.#options.onRecording(store);
    this.#tellPlaylist(packager);
  }

  #tellPlaylist({ playlist }: Packager): void {
    this.#options.onPlaylist(playlist.plain(), this.playlists.multivariant('', hlsNames.plain));
  }

  async startInput(request: Omit<ParamsOf<HlsControlContract, 'startInput'>, 'publicationId'>): Promise<void> {
    const { video, audio, keyFrameIntervalMs } = request;
    await this.#opened.start({ video, ...(audio ? { audio } : {}), keyFrameIntervalMs });
  }

  async setAudio(audio: TapEnd | null): Promise<void> {
    await this.#opened.setAudio(audio ?? undefined);
  }

  get #opened(): MediaInput {
    if (!this.#input) throw new Refusal('conflict', 'no input is open');
    return this.#input;
  }

  /** Its video is gone, or could not be had; what there is stays, and more is asked for a little later. */
  async stopInput(reason: string): Promise<void> {
    this.#log.info({ reason }, 'no media for HLS');
    this.#packager?.segmenter.discontinuity();
    this.#lastMediaAtMs = performance.now();
    await this.#closeInput();
  }

  async #closeInput(): Promise<void> {
    const input = this.#input;
    this.#input = undefined;
    await input?.close();
  }

  #onProblem(message: string, fatal: boolean): void {
    this.#log.warn({ message, fatal }, 'HLS input');
    this.#alert = message;
    if (fatal) this.#stop(message, { retryInMs: retryAfterMs * 5 });
    this.#tell();
  }

  #onStoreProblem(store: SegmentStore, problem: StorageProblem): void {
    // What a store that is let go cannot write concerns none that came after it.
    if (store === this.store && !this.closed) return this.#fail(problem);
    this.#log.error({ error: problem.message }, 'the end of HLS could not be written');
  }

  /** The disk takes no more: video over WebRTC goes on, HLS begins anew when there is room. */
  #fail(problem: StorageProblem | Error): void {
    // Tried again and again, it is told once.
    if (this.#alert !== problem.message) this.#log.error({ error: problem.message }, 'HLS stopped');
    if (problem instanceof StorageProblem && problem.kind === 'full') this.#full = problem;
    if (this.#packager) this.#restarts++;
    this.#alert = problem.message;
    this.#stop(problem.message, { retryInMs: retryAfterMs });
    this.#tell();
  }

  /** Ends packaging, until it begins again. `inOrder`: by wish; a Recording is complete with it. */
  #stop(reason: string, { retryInMs = 0, inOrder = false } = {}): void {
    const wasWanted = this.#isWanted;
    this.#isWanted = false;
    this.#retryAtMs = performance.now() + retryInMs;
    if (wasWanted) this.#options.onUnwant();
    void this.#closeInput();
    const packager = this.#packager;
    this.#packager = undefined;
    if (!packager) return;
    this.#log.info({ reason }, 'HLS stopped');
    this.playlists.leave();
    this.#letGo(packager, inOrder);
  }

  #letGo(packager: Packager, inOrder: boolean): void {
    packager.close({ ended: true });
    this.#continuation.keep(packager);
    this.#storeClosing = this.#closeStore(packager.store, inOrder);
  }

  async #closeStore(store: SegmentStore, inOrder: boolean): Promise<void> {
    try {
      if (inOrder) store.complete();
      if (store.recording) this.#options.onRecording(store);
      await store.close({ keep: store.recording });
    } catch (error) {
      this.#log.error({ err: error }, 'closing the HLS store');
    }
  }

  /** The Publication has ended: its playlist says so, and its files stay for `keepMs` or as a Recording. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#making?.catch(() => undefined);
    const packager = this.#packager;
    await this.#closeInput();
    if (!packager) return this.#storeClosing;
    packager.close({ ended: true });
    this.#tellPlaylist(packager);
    packager.store.complete();
    await packager.store.written();
    if (packager.store.recording) this.#options.onRecording(packager.store);
  }

  /** After `close`, when nobody needs its files from memory any more. */
  async release(): Promise<void> {
    await this.#closing;
    await this.#storeClosing;
    const packager = this.#packager;
    this.#packager = undefined;
    if (packager) await packager.store.close({ keep: packager.store.recording });
  }

  dump(): Record<string, unknown> {
    const packager = this.#packager;
    return {
      streamId: this.streamId,
      publicationId: this.publicationId,
      settings: this.#settings,
      wanted: this.#isWanted,
      view: this.view,
      input: this.#input?.dump() ?? null,
      segmenter: packager ? { ...packager.segmenter.counts } : null,
      sidecars: packager ? { ...packager.sidecars.counts } : null,
      store: packager ? { ...packager.store.counts } : null,
    };
  }
}
