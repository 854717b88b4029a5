import type { VideoCodec } from '@framelock/server/protocol/tap';
import { type FfmpegExit, FfmpegProcess } from '../../source/FfmpegProcess.ts';
import type { MediaTime } from '../media.ts';
import { FeedQueue } from './FeedQueue.ts';
import type { InputFrame } from './GopFrames.ts';
import { writeIvfFrameHeader, writeIvfHeader } from './ivf.ts';
import { NutReader } from './NutReader.ts';
import type { PictureSize } from './pictureSize.ts';
import { videoArguments } from './transcodeArguments.ts';

/** More than this waits before FFmpeg: it cannot keep up. */
const maxWaitingBytes = 8 * 1024 * 1024;
const maxWaitingFrames = 150;
const endWithinMs = 2_000;

export interface TranscodeRunOptions {
  bin: string;
  codec: VideoCodec;
  decoders: readonly string[];
  size: PictureSize | undefined;
  layered: boolean;
  reordered: boolean;
  preset?: string;
  /** With a key frame first: what its decoder has to know. */
  begin: readonly InputFrame[];
  /** Pictures before are not wanted. */
  from: MediaTime;
  /** An H264 access unit in Annex B form, of a picture that went in. */
  onPicture(frame: Sent, data: Buffer): void;
}

export interface Sent {
  time: MediaTime;
  receivedAtMs: number;
}

/** One FFmpeg that turns pictures into H264, each with the time with which it went in. */
export class TranscodeRun {
  readonly exited: Promise<FfmpegExit>;
  readonly size: PictureSize | undefined;
  readonly #options: TranscodeRunOptions;
  readonly #base: MediaTime;
  readonly #queue = new FeedQueue();
  readonly #ffmpeg: FfmpegProcess;
  readonly #reader: NutReader;
  /** Pictures that have not come out yet, in order of time where they are not reordered. */
  #sent: Sent[] = [];
  #catchingUp = true;
  #endTimer: NodeJS.Timeout | undefined;
  #ended = false;
  #closed = false;
  /** Pictures that came out with a time with which none went in; not passed on. */
  strange = 0;
  #outputAtMs = performance.now();

  constructor(options: TranscodeRunOptions) {
    this.#options = options;
    const [first] = options.begin;
    this.#base = first!.time;
    this.size = options.size;
    const args = videoArguments({ ...options, fromTicks: Math.max(0, options.from - this.#base) });
    this.#reader = new NutReader({ onStream: () => {}, onPacket: ({ pts, data }) => this.#output(pts, data) });
    this.#ffmpeg = new FfmpegProcess({
      bin: options.bin,
      args,
      stdin: this.#queue.stream,
      onBytes: (chunk) => this.#read(chunk),
    });
    this.exited = this.#ffmpeg.exited.finally(() => {
      this.#closed = true;
      clearTimeout(this.#endTimer);
    });
    this.#queue.push(writeIvfHeader(options.codec, options.size?.width ?? 0, options.size?.height ?? 0));
    for (const frame of options.begin) this.#write(frame);
  }

  get pid(): number | undefined {
    return this.#ffmpeg.pid;
  }

  get ended(): boolean {
    return this.#ended || this.#closed;
  }

  /** Takes no more until what waits has gone in: what comes now is lost to it, up to a key frame. */
  get full(): boolean {
    if (this.#catchingUp) return false;
    return this.#queue.bytes > maxWaitingBytes || this.#sent.length > maxWaitingFrames;
  }

  /** Since something came out while something is in, ms. */
  silentMs(): number {
    return this.#sent.length === 0 ? 0 : performance.now() - this.#outputAtMs;
  }

  write(frame: InputFrame): void {
    if (this.ended) return;
    this.#write(frame);
    // What it began with may be much more than what may wait later.
    if (this.#queue.bytes === 0 && this.#sent.length < maxWaitingFrames) this.#catchingUp = false;
  }

  #write(frame: InputFrame): void {
    if (this.#sent.length === 0) this.#outputAtMs = performance.now();
    if (frame.time >= this.#options.from) this.#sent.push({ time: frame.time, receivedAtMs: frame.receivedAtMs });
    this.#queue.push(writeIvfFrameHeader(frame.data.length, frame.time - this.#base));
    this.#queue.push(frame.data);
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      void this.kill();
    }
  }

  #output(ticks: number, data: Buffer): void {
    if (this.#closed) return;
    this.#outputAtMs = performance.now();
    const time = this.#base + ticks;
    const at = this.#sent.findIndex((sent) => sent.time === time);
    if (at < 0) {
      this.strange++;
      return;
    }
    const frame = this.#sent[at]!;
    // A decoder gives no picture for some frames. Those before this one will not come any more.
    this.#sent = this.#options.reordered ? this.#sent.filter((sent) => sent.time > time) : this.#sent.slice(at + 1);
    this.#options.onPicture(frame, data);
  }

  /** What went in comes out, then it is gone. */
  end(): void {
    if (this.ended) return;
    this.#ended = true;
    this.#queue.end();
    this.#endTimer = setTimeout(() => void this.#ffmpeg.kill(), endWithinMs);
  }

  /** Nothing comes out any more. */
  async kill(): Promise<void> {
    this.#closed = true;
    await this.#ffmpeg.kill();
  }
}
