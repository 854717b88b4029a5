import type { VideoCodec } from '@framelock/server/protocol/tap';
import type { MediaTime } from '../media.ts';
import { GopFrames, type InputFrame } from './GopFrames.ts';
import { type PictureSize, pictureSize } from './pictureSize.ts';
import { RestartPlan } from './RestartPlan.ts';
import { type Sent, TranscodeRun } from './TranscodeRun.ts';

/** Frames are in and nothing comes out: it hangs. */
const maxSilentMs = 10_000;
const maxHeld = 512;

export interface TranscoderFrame extends InputFrame {
  /** More than one: spatial layers, the last `lastUnitBytes` long. */
  layers: number;
  lastUnitBytes: number;
}

export interface VideoTranscoderOptions {
  bin: string;
  codec: VideoCodec;
  decoders: readonly string[];
  layered: boolean;
  reordered: boolean;
  preset?: string;
  /** An H264 access unit in Annex B form; the first after a new run is a key frame. */
  onPicture(frame: Sent, data: Buffer): void;
  /** It died and begins anew: pictures may be missing before the next one. */
  onDiscontinuity(reason: string): void;
  requestKeyFrame(): void;
  /** Too many died: it will not begin again. */
  onGaveUp(message: string): void;
}

interface Held {
  frame: Sent;
  data: Buffer;
}

/**
 * Pictures of any codec -> H264 of the same times. One FFmpeg runs at a time; another begins where the size of the
 * pictures changes, and where one died, with the pictures since the last key frame.
 */
export class VideoTranscoder {
  readonly #options: VideoTranscoderOptions;
  readonly #gop = new GopFrames<TranscoderFrame>();
  readonly #restarts = new RestartPlan();
  #run: TranscodeRun | undefined;
  /** The one before `#run`, which still has pictures. */
  #draining: TranscodeRun | undefined;
  /** Of `#run`, until `#draining` is gone. */
  #held: Held[] = [];
  #from: MediaTime;
  #lastOut: MediaTime = -Infinity;
  #awaitsKey = false;
  #restartTimer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly counts = { dropped: 0, restarts: 0, strangeTimes: 0, pictures: 0 };

  /** `begin`: pictures since the last key frame; those before `from` were shown already. */
  constructor(options: VideoTranscoderOptions, begin: readonly TranscoderFrame[], from: MediaTime) {
    this.#options = options;
    this.#from = from;
    for (const frame of begin) this.#gop.add(frame);
    if (begin.length > 0) this.#begin();
  }

  get pid(): number | undefined {
    return this.#run?.pid;
  }

  push(frame: TranscoderFrame): void {
    if (this.#closed) return;
    this.#gop.add(frame);
    const run = this.#run;
    if (run && run.silentMs() > maxSilentMs) void run.kill();
    if (!run || run.ended) {
      if (this.#restartTimer === undefined && this.#run === undefined) this.#begin();
      return;
    }
    if (this.#awaitsKey && !frame.key) {
      this.counts.dropped++;
      return;
    }
    if (frame.key && this.#sizeChanged(frame, run.size)) return this.#changeRun(run);
    if (run.full) {
      this.counts.dropped++;
      this.#awaitsKey = true;
      this.#options.requestKeyFrame();
      return;
    }
    this.#awaitsKey = false;
    run.write(frame);
  }

  #sizeOf(frame: TranscoderFrame): PictureSize | undefined {
    return pictureSize(this.#options.codec, frame.data, frame.layers > 1 ? frame.lastUnitBytes : undefined);
  }

  #sizeChanged(frame: TranscoderFrame, size: PictureSize | undefined): boolean {
    const now = this.#sizeOf(frame);
    return now !== undefined && size !== undefined && (now.width !== size.width || now.height !== size.height);
  }

  #changeRun(run: TranscodeRun): void {
    // At most one drains: pictures that change their size twice in a moment lose some between.
    void this.#draining?.kill();
    this.#flush();
    this.#draining = run;
    run.end();
    void run.exited.then(() => {
      if (this.#draining !== run) return;
      this.#draining = undefined;
      this.#flush();
    });
    this.#begin();
  }

  #begin(): void {
    const { frames } = this.#gop;
    const [first] = frames;
    if (!first) return this.#options.requestKeyFrame();
    this.#awaitsKey = false;
    const run = new TranscodeRun({
      ...this.#options,
      layered: this.#options.layered || first.layers > 1,
      size: this.#sizeOf(first),
      begin: frames,
      from: this.#from,
      onPicture: (frame, data) => this.#picture(run, frame, data),
    });
    this.#run = run;
    void run.exited.then(({ message }) => this.#exited(run, message));
  }

  #picture(run: TranscodeRun, frame: Sent, data: Buffer): void {
    if (this.#closed) return;
    if (run === this.#run && this.#draining) {
      if (this.#held.length < maxHeld) this.#held.push({ frame, data });
      else this.counts.dropped++;
      return;
    }
    this.#emit(frame, data);
  }

  #emit(frame: Sent, data: Buffer): void {
    if (frame.time <= this.#lastOut) {
      this.counts.strangeTimes++;
      return;
    }
    this.#lastOut = frame.time;
    this.#from = frame.time + 1;
    this.counts.pictures++;
    this.#options.onPicture(frame, data);
  }

  #flush(): void {
    this.#draining = undefined;
    const held = this.#held;
    this.#held = [];
    for (const { frame, data } of held) this.#emit(frame, data);
  }

  #exited(run: TranscodeRun, message: string): void {
    this.counts.strangeTimes += run.strange;
    if (this.#closed || run !== this.#run) return;
    this.#run = undefined;
    const waitMs = this.#restarts.died(performance.now());
    const why = `FFmpeg, which transcodes the video, ended: ${message}`;
    if (waitMs === undefined) {
      void this.close('gave up');
      return this.#options.onGaveUp(why);
    }
    this.counts.restarts++;
    this.#options.onDiscontinuity(why);
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = undefined;
      this.#begin();
    }, waitMs);
  }

  /** Resolves when its FFmpegs are gone. */
  async close(_reason: string): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    this.#gop.clear();
    this.#held = [];
    await Promise.all([this.#run?.kill(), this.#draining?.kill()]);
  }
}
