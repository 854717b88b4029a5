import { randomInt } from 'node:crypto';
import type { types } from 'mediasoup';
import {
  Refusal,
  type MediaKind,
  type OpenSource,
  type ProducerView,
  type SourceProgress,
} from '@framelock/server/protocol';
import type { Publication } from '../Publication.ts';
import type { StreamRouter } from '../StreamRouter.ts';
import {
  bFramesReason,
  decideMedia,
  keyGapReason,
  longestCopiedKeyGapSeconds,
  type MediaDecision,
} from './decideMedia.ts';
import { audioOutput, inputArguments, packetLinesOutput, videoOutput, type RtpOutput } from './ffmpegArguments.ts';
import type { FfmpegBuild } from './FfmpegBuild.ts';
import { FfmpegProcess } from './FfmpegProcess.ts';
import { lookAtInput, LookFailed } from './lookAtInput.ts';
import { loopInput } from './loopInput.ts';
import { PacketWatch } from './PacketWatch.ts';
import type { InputEnd, SourceInput } from './SourceInput.ts';
import type { SourceTransport } from './SourceTransport.ts';

export interface SourceEnd {
  reason: 'requested' | 'finished' | 'failed';
  /** For people, credentials taken out. */
  message: string;
}

export interface SourceRunTimeouts {
  /** From the start until the first packet of whatever sends. */
  connectMs: number;
  /** Silence while it runs. */
  stallMs: number;
}

export const sourceRunTimeouts: SourceRunTimeouts = { connectMs: 15_000, stallMs: 10_000 };

export interface SourceRunOptions {
  open: OpenSource;
  input: SourceInput;
  build: FfmpegBuild;
  /** Why H264 may not be copied although it looks as if it could: an earlier attempt found out. */
  mustTranscode: string | undefined;
  timeouts: SourceRunTimeouts;
  /** The Stream's Router, for something that needs it open. */
  onStream<T>(streamId: string, use: (stream: StreamRouter) => Promise<T>): Promise<T>;
  onProgress(progress: SourceProgress): void;
  /** Packets flow. */
  onStarted(producers: ProducerView[]): void;
  /** Copying was wrong: the next attempt must transcode. */
  onMustTranscode(why: string): void;
  onEnded(end: SourceEnd): void;
}

interface Track {
  kind: MediaKind;
  transport: SourceTransport;
  output: RtpOutput;
}

/** Ends a step of a run whose outcome is already known. */
class Interrupted extends Error {}

const watchEveryMs = 500;

/**
 * One attempt of a Source: waits for its input, looks what is in it, and has one FFmpeg send it to the Stream's Router,
 * where it is the Publication of the attempt's id. `onEnded` is told once, when nothing of it is left.
 */
export class SourceRun {
  readonly #options: SourceRunOptions;
  readonly #stopping = new AbortController();
  readonly #finished: Promise<void>;
  readonly #transports: SourceTransport[] = [];
  #progress: SourceProgress;
  #end: SourceEnd | undefined;
  #ffmpeg: FfmpegProcess | undefined;
  /** What FFmpeg reads: the input, or something in front of it. */
  #reading: SourceInput | undefined;
  #gone = false;

  private constructor(options: SourceRunOptions) {
    this.#options = options;
    const { listenUrl } = options.input;
    this.#progress = listenUrl === undefined ? { state: 'connecting' } : { state: 'waiting', listenUrl };
    this.#finished = this.#runToEnd();
  }

  static start(options: SourceRunOptions): SourceRun {
    return new SourceRun(options);
  }

  get closed(): boolean {
    return this.#gone;
  }

  get progress(): SourceProgress {
    return this.#progress;
  }

  get type(): OpenSource['spec']['type'] {
    return this.#options.open.spec.type;
  }

  /** Resolves when its FFmpeg is gone. */
  close(end: SourceEnd = { reason: 'requested', message: 'it was ended' }): Promise<void> {
    this.#finish(end);
    return this.#finished;
  }

  /** The first reason counts. */
  #finish(end: SourceEnd): void {
    this.#end ??= end;
    this.#stopping.abort();
  }

  async #runToEnd(): Promise<void> {
    const { input, onEnded } = this.#options;
    // Whoever opened it has the answer before any event.
    await Promise.resolve();
    try {
      await this.#run();
    } catch (error) {
      if (!(error instanceof Interrupted)) this.#finish({ reason: 'failed', message: messageOf(error) });
    }
    const end = this.#end ?? { reason: 'failed', message: 'it ended' };
    const reason = end.reason === 'requested' ? 'requested' : 'sourceEnded';
    await Promise.allSettled([this.#ffmpeg?.stop(), this.#reading?.close(reason), input.close(reason)]);
    for (const transport of this.#transports) transport.close(reason);
    this.#gone = true;
    onEnded(end);
  }

  async #run(): Promise<void> {
    const { input } = this.#options;
    void input.ended.then((end) => this.#onInputEnded(end));
    await this.#unlessEnded(input.ready);
    const { listenUrl } = input;
    this.#tell({ state: 'connecting', ...(listenUrl === undefined ? {} : { listenUrl }) });
    const media = input.drawn ? drawnMedia : await this.#look();
    const { video, audio } = media;
    const told = { ...(video ? { video: publicOf(video) } : {}), ...(audio ? { audio: publicOf(audio) } : {}) };
    this.#tell({ ...this.#progress, ...told });
    const { tracks, publication } = await this.#produce(media);
    const watch = this.#startFfmpeg(media, tracks);
    await this.#unlessEnded(this.#flowing(tracks));
    this.#options.onStarted(publication.producers);
    this.#tell({ ...this.#progress, state: 'running' });
    await this.#watchUntilEnd(watch, media);
  }

  /** An input that ends still has bytes on their way: FFmpeg ends after the last of them, and then this is why. */
  #onInputEnded(end: InputEnd): void {
    if (!this.#ffmpeg || this.#ffmpeg.gone) return this.#finish(end);
    void this.#ffmpeg.exited.then(() => this.#finish(end));
    setTimeout(() => this.#finish(end), 3_000).unref();
  }

  async #look(): Promise<MediaDecision> {
    const { input, build, timeouts, mustTranscode } = this.#options;
    const look = await lookAtInput({
      bin: build.bin,
      input,
      secrets: this.#secrets,
      signal: this.#stopping.signal,
      timeoutMs: timeouts.connectMs,
    });
    this.#throwIfEnded();
    const media = decideMedia(look, mustTranscode);
    if (!media.video && !media.audio) throw new LookFailed('there is no video or audio in it');
    if (media.video?.how === 'transcoded') build.require('encoder', 'libx264');
    if (media.audio?.how === 'transcoded') build.require('encoder', 'libopus');
    return media;
  }

  /** Producers first, so that the first key frame finds them. */
  async #produce({ video, audio }: MediaDecision): Promise<{ tracks: Track[]; publication: Publication }> {
    const { open, onStream } = this.#options;
    const { streamId, publicationId } = open;
    const cname = publicationId.slice(0, 32);
    const startTimeUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    return onStream(streamId, async (stream) => {
      const tracks: Track[] = [];
      for (const kind of ['video', 'audio'] as const) {
        if (!(kind === 'video' ? video : audio)) continue;
        const transport = await stream.createSourceTransport(publicationId);
        this.#transports.push(transport);
        transport.once('closed', (reason) =>
          this.#finish({ reason: reason === 'requested' ? 'requested' : 'failed', message: transportEnd(reason) }),
        );
        const ssrc = randomInt(1, 2 ** 31 - 1);
        const payloadType = kind === 'video' ? 96 : 97;
        tracks.push({ kind, transport, output: { ...transport.destination, ssrc, payloadType, cname, startTimeUs } });
      }
      this.#throwIfEnded();
      const publication = await stream.publication(publicationId);
      publication.once('closed', (reason) =>
        this.#finish({ reason: reason === 'requested' ? 'requested' : 'failed', message: transportEnd(reason) }),
      );
      for (const { kind, transport, output } of tracks) {
        await publication.produce(transport, kind, rtpParameters(kind, output));
      }
      this.#throwIfEnded();
      return { tracks, publication };
    });
  }

  #startFfmpeg(media: MediaDecision, tracks: readonly Track[]): PacketWatch {
    const { build } = this.#options;
    const isLoopedCopy = this.#options.input.pace === 'loop' && media.video?.how === 'copied';
    const input = isLoopedCopy ? loopInput(build.bin, this.#options.input) : this.#options.input;
    this.#reading = input;
    const watch = new PacketWatch();
    const outputs = tracks.flatMap(({ kind, output }) => {
      if (input.drawn) return input.drawn.output(kind, output);
      return kind === 'video' ? videoOutput(media.video!, output) : audioOutput(media.audio!.how, output);
    });
    const lines = input.drawn ? input.drawn.packetLines : packetLinesOutput();
    this.#ffmpeg = new FfmpegProcess({
      bin: build.bin,
      args: [...inputArguments(input, true), ...outputs, ...lines],
      stdin: input.openBytes?.(),
      secrets: this.#secrets,
      forbidden: input.forbidden,
      onLine: (line) => void watch.take(line),
    });
    void this.#ffmpeg.exited.then(({ code, message }) => this.#onFfmpegGone(code, message));
    return watch;
  }

  #onFfmpegGone(code: number | null, message: string): void {
    const { spec } = this.#options.open;
    // A publisher that left is told by its input, a moment later.
    const end = (): void => {
      if (code !== 0) this.#finish({ reason: 'failed', message });
      else if (spec.type === 'file' && !spec.loop) this.#finish({ reason: 'finished', message: 'the file is over' });
      else this.#finish({ reason: 'failed', message: 'the other side ended the stream' });
    };
    if (this.#options.input.openBytes) setTimeout(end, 100);
    else end();
  }

  /** The first packet of the video, or of the audio where there is no video. */
  async #flowing([main]: readonly Track[]): Promise<void> {
    const { transport } = main!;
    const { connectMs } = this.#options.timeouts;
    await new Promise<void>((resolve, reject) => {
      if (transport.flowing) return resolve();
      const timer = setTimeout(() => reject(new LookFailed('no video or audio came in time')), connectMs);
      timer.unref();
      transport.once('flowing', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#stopping.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    });
  }

  async #watchUntilEnd(watch: PacketWatch, { video }: MediaDecision): Promise<void> {
    const { timeouts, onMustTranscode } = this.#options;
    const { signal } = this.#stopping;
    const timer = setInterval(() => {
      if (watch.sincePacketMs > timeouts.stallMs) {
        const seconds = Math.round(timeouts.stallMs / 1000);
        return this.#finish({
          reason: 'failed',
          message: `nothing came for ${seconds} s: is the other side still sending?`,
        });
      }
      const why = video?.how === 'copied' ? whyCopyingIsWrong(watch) : undefined;
      if (why === undefined) return;
      onMustTranscode(why);
      this.#finish({
        reason: 'failed',
        message: `it can't be passed on as it is any more, since ${why}; it goes on transcoded`,
      });
    }, watchEveryMs);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    clearInterval(timer);
  }

  get #secrets(): readonly string[] {
    const { input, open } = this.#options;
    return [...(input.secrets ?? []), open.streamKey];
  }

  #tell(progress: SourceProgress): void {
    if (this.#end) return;
    this.#progress = progress;
    this.#options.onProgress(progress);
  }

  #throwIfEnded(): void {
    if (this.#end) throw new Interrupted();
  }

  async #unlessEnded<T>(step: Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    let onAbort = (): void => {};
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(new Interrupted());
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      // Also of a run that has ended, so that somebody hears of a step that fails later.
      const done = await Promise.race([ended, step]);
      this.#throwIfEnded();
      return done;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  dump(): Record<string, unknown> {
    return {
      publicationId: this.#options.open.publicationId,
      type: this.type,
      progress: this.#progress,
      pid: this.#ffmpeg?.gone === false ? this.#ffmpeg.pid : undefined,
      transports: this.#transports.filter(({ closed }) => !closed).map((one) => one.dump()),
    };
  }
}

/** The test picture: encoded as it is drawn, so there is nothing to say about it. */
const drawnMedia: MediaDecision = {
  video: { codec: 'h264', how: 'copied', interlaced: false },
  audio: { codec: 'opus', how: 'copied' },
};

function whyCopyingIsWrong(watch: PacketWatch): string | undefined {
  if (watch.reorders) return bFramesReason;
  if (watch.longestKeyGapSeconds > longestCopiedKeyGapSeconds) return keyGapReason(watch.longestKeyGapSeconds);
  return undefined;
}

function publicOf({ codec, how, why }: { codec: string; how: 'copied' | 'transcoded'; why?: string | undefined }) {
  return { codec, how, ...(why === undefined ? {} : { why }) };
}

function transportEnd(reason: string): string {
  return reason === 'workerDied'
    ? 'the media worker of this node ended and was started again'
    : 'its Publication was ended';
}

function messageOf(error: unknown): string {
  if (error instanceof Refusal || error instanceof LookFailed) return error.message;
  return `this node failed: ${(error as Error).message}`;
}

/**
 * What every viewer's decoder is asked for, whatever the SPS says: Chromium offers no High, though it decodes it, and
 * mediasoup compares profiles by the letter. OBS does the same in its offer.
 */
const toldProfileLevelId = '42e01f';

/** FFmpeg repairs nothing and measures nothing, so no feedback is asked of it. */
function rtpParameters(kind: MediaKind, output: RtpOutput): types.RtpParameters {
  const { ssrc, payloadType, cname } = output;
  const video = {
    mimeType: 'video/H264' as const,
    clockRate: 90_000,
    parameters: { 'packetization-mode': 1, 'profile-level-id': toldProfileLevelId, 'level-asymmetry-allowed': 1 },
  };
  const audio = { mimeType: 'audio/opus' as const, clockRate: 48_000, channels: 2, parameters: { 'sprop-stereo': 1 } };
  const codec = { ...(kind === 'video' ? video : audio), payloadType, rtcpFeedback: [] };
  return { codecs: [codec], encodings: [{ ssrc }], rtcp: { cname, reducedSize: true } };
}
