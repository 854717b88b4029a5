import { hlsSegmentTicks, hlsTimescale } from '@framelock/server/protocol';
import type { AudioFormat, AudioSample, InitSection, MediaTime, VideoFormat, VideoSample } from '../media.ts';
import { u32 } from './boxes.ts';
import { AudioQueue } from './AudioQueue.ts';
import { FrameInterval } from './FrameInterval.ts';
import { PartAssembly, type OpenSegment } from './PartAssembly.ts';
import {
  maxGapTicks,
  maxSegmentTicks,
  minPartTicks,
  noCounts,
  partTargetTicks,
  type SegmenterCounts,
  type SegmenterEvents,
} from './segmenterTypes.ts';
import { writeInit } from './writeInit.ts';

export interface SegmenterOptions extends SegmenterEvents {
  /** Other than 0 where a packager goes on with what one before it began: it begins with a discontinuity. */
  firstMsn?: number;
  firstInitIndex?: number;
}

/** A key frame is asked for this many frames before it is due, and one that comes then is taken. */
const earlyFrames = 3;
const maxEarlyTicks = hlsTimescale / 5;
const askAgainMs = 1_000;
/** No picture for so long, by the clock on the wall: what there is goes out, and what comes then is a new beginning. */
const idleMs = 2_000;

/** The Part that grows. Its last picture has no duration yet: the next one's time tells it. */
interface GrowingPart {
  start: MediaTime;
  video: VideoSample[];
  /** Of all but the last. */
  durations: number[];
  /** Their sum. */
  ticks: number;
}

/**
 * Cuts pictures and audio into Segments and Parts. Everything happens inside the calls; nothing is awaited. A Segment
 * ends at the first key frame from `hlsSegmentTicks` on (or a little before), a Part before it would be longer than
 * PART-TARGET.
 */
export class Segmenter {
  readonly counts: SegmenterCounts = noCounts();
  readonly #options: SegmenterOptions;
  readonly #parts: PartAssembly;
  readonly #interval = new FrameInterval();
  #nextMsn: number;
  #nextInit: number;
  #videoFormat: VideoFormat | undefined;
  #audioFormat: AudioFormat | null = null;
  /** Takes what comes; `#segment` reads it once it has begun with this format. */
  #audio: AudioQueue | undefined;
  #init: InitSection | undefined;
  /** Of `#init`. */
  #parameterSets: Buffer | undefined;
  /** What comes next needs another InitSection. */
  #formatChanged = true;
  /** Of `#formatChanged`: the next picture already has the new format. */
  #videoChanged = false;
  #discontinuity: boolean;
  #segment: OpenSegment | undefined;
  /** Begins with a key frame. */
  #independent = false;
  /** Of its pictures whose duration is known. */
  #segmentTicks = 0;
  #keyFrameWanted = false;
  #part: GrowingPart = { start: 0, video: [], durations: [], ticks: 0 };
  #askedAtMs = -Infinity;
  #quietSinceMs: number | undefined;
  #ended = false;

  constructor(options: SegmenterOptions) {
    this.#options = options;
    this.#parts = new PartAssembly(options, this.counts);
    this.#nextMsn = options.firstMsn ?? 0;
    this.#nextInit = options.firstInitIndex ?? 0;
    this.#discontinuity = this.#nextMsn > 0;
  }

  get frameRate(): number {
    return hlsTimescale / this.#interval.ticks;
  }

  videoFormat(format: VideoFormat): void {
    if (this.#ended || sameVideo(this.#videoFormat, format)) return;
    this.#videoFormat = format;
    this.#formatChanged = true;
    this.#videoChanged = true;
  }

  audioFormat(format: AudioFormat | null): void {
    if (this.#ended || sameAudio(this.#audioFormat, format)) return;
    this.#audioFormat = format;
    if (!this.#segment) this.#parts.flush();
    if (this.#audio) this.#audio.ended = true;
    // One that no Segment reads goes with what it holds; the other goes when the last Part that reads it was written.
    if (this.#audio && this.#audio !== this.#segment?.audio) this.counts.audioAfterVideo += this.#audio.clear();
    this.#audio = format ? new AudioQueue(format) : undefined;
    this.#formatChanged = true;
    this.#parts.proceed();
    // It can only begin with one.
    if (this.#segment) this.#wantKeyFrame();
  }

  video(sample: VideoSample): void {
    if (this.#ended) return;
    this.#quietSinceMs = undefined;
    if (!this.#segment) return this.#begin(sample);
    const part = this.#part;
    const ticks = sample.time - part.video[part.video.length - 1]!.time;
    if (ticks <= 0) {
      this.#stop();
      this.#forgetAudio();
      return this.#begin(sample);
    }
    // Other parameter sets and no key frame: nothing can be decoded until one comes.
    if (ticks > maxGapTicks || (this.#videoChanged && !sample.key)) {
      this.#stop();
      return this.#begin(sample);
    }
    this.#interval.add(ticks);
    const fits = this.#segmentTicks + ticks <= maxSegmentTicks;
    if (part.durations.length > 0 && (!fits || part.ticks + ticks > partTargetTicks)) {
      const last = part.video.pop()!;
      this.#cut(!fits);
      if (fits) this.#growPart(last);
      else this.#goOnLate(last);
    } else if (!fits) {
      // A Part of its own would have to be cut to nothing, and was already announced.
      this.#stop();
      return this.#begin(sample);
    }
    this.#append(sample, ticks);
  }

  audio(sample: AudioSample): void {
    if (this.#ended || !this.#audio) return;
    if (!this.#audio.push(sample)) this.counts.audioBackwards++;
    this.counts.audioOverflow += this.#audio.trim();
    this.#parts.proceed();
  }

  discontinuity(): void {
    if (this.#ended) return;
    this.#stop();
    this.#parts.flush();
    this.#forgetAudio();
  }

  clock(time: MediaTime, unixMs: number): void {
    this.#parts.setClock(time, unixMs);
  }

  /** For an emsg before the next Part. */
  addDetection(time: MediaTime, message: Uint8Array): void {
    if (!this.#ended) this.#parts.addDetection(time, message);
  }

  /** To be called every 50 ms or so, with a clock that does not jump back. */
  tick(nowMs: number): void {
    if (this.#ended) return;
    this.#parts.tick(nowMs);
    this.#quietSinceMs ??= nowMs;
    if (this.#segment && nowMs - this.#quietSinceMs > idleMs) {
      this.#stop();
      this.#parts.flush();
    }
  }

  /** The last Segment goes out. */
  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#forgetAudio();
    this.#parts.end();
    this.#ended = true;
  }

  /** The duration of the last picture is known, and `sample` follows it. */
  #append(sample: VideoSample, ticks: number): void {
    const part = this.#part;
    part.durations.push(ticks);
    part.ticks += ticks;
    this.#segmentTicks += ticks;
    const usual = this.#interval.ticks;
    const due = this.#segmentTicks >= hlsSegmentTicks - Math.min(earlyFrames * usual, maxEarlyTicks);
    if (sample.key && (due || this.#formatChanged || !this.#independent)) {
      this.#cut(true);
      return this.#open(sample);
    }
    if (this.#segmentTicks + usual > maxSegmentTicks) {
      this.#cut(true);
      return this.#goOnLate(sample);
    }
    if (due) this.#wantKeyFrame();
    if (part.ticks >= minPartTicks && part.ticks + usual > partTargetTicks) {
      this.#cut(false);
      this.#growPart(sample);
    } else {
      part.video.push(sample);
    }
  }

  /** Nothing was there, or nothing that this could follow. */
  #begin(sample: VideoSample): void {
    if (sample.key && this.#videoFormat) return this.#open(sample);
    this.counts.framesBeforeKeyFrame++;
    if (sample.receivedAtMs - this.#askedAtMs < askAgainMs) return;
    this.#askedAtMs = sample.receivedAtMs;
    this.#options.onWantKeyFrame();
  }

  #goOnLate(sample: VideoSample): void {
    this.counts.lateKeyFrames++;
    this.#options.onLateKeyFrame();
    this.#open(sample);
    if (!sample.key) this.#wantKeyFrame();
  }

  #open(sample: VideoSample): void {
    if (this.#formatChanged && sample.key) {
      // Encoding parameters differ: RFC 8216bis 4.4.4.3 asks for a discontinuity even where time goes on.
      this.#discontinuity ||= this.#init !== undefined;
      this.#init = writeInit(this.#nextInit++, this.#videoFormat!, this.#audioFormat);
      this.#parameterSets = withLengths(this.#videoFormat!);
      this.#formatChanged = false;
      this.#videoChanged = false;
    }
    const init = this.#init!;
    // Before a new format's first key frame the old one goes on, without audio that it cannot carry.
    const audio = this.#formatChanged ? this.#segment?.audio : this.#audio;
    const told = {
      msn: this.#nextMsn++,
      initIndex: init.index,
      start: sample.time,
      duration: 0,
      discontinuity: this.#discontinuity,
      unixMs: undefined,
      parts: [],
      bytes: 0,
    };
    if (this.#discontinuity) this.counts.discontinuities++;
    // The first InitSection needs none: everybody who reads it has just got it.
    const parameterSets = init.index > 0 ? this.#parameterSets : undefined;
    this.#segment = { init, audio, parameterSets, told };
    this.#discontinuity = false;
    this.#independent = sample.key;
    this.#segmentTicks = 0;
    this.#keyFrameWanted = false;
    this.#growPart(sample);
  }

  #growPart(first: VideoSample): void {
    this.#part = { start: first.time, video: [first], durations: [], ticks: 0 };
  }

  #cut(last: boolean): void {
    const { start, video, durations, ticks } = this.#part;
    this.#parts.add({ segment: this.#segment!, start, video, durations, duration: ticks, last });
  }

  /** What comes next does not follow: the last picture lasts as long as usual, and the Segment ends. */
  #stop(): void {
    if (!this.#segment) return;
    const ticks = Math.max(1, Math.min(this.#interval.ticks, maxSegmentTicks - this.#segmentTicks));
    if (this.#part.durations.length > 0 && this.#part.ticks + ticks > partTargetTicks) {
      const last = this.#part.video.pop()!;
      this.#cut(false);
      this.#growPart(last);
    }
    this.#part.durations.push(ticks);
    this.#part.ticks += ticks;
    this.#cut(true);
    this.#segment = undefined;
    this.#discontinuity = true;
  }

  #forgetAudio(): void {
    this.#parts.flush();
    if (this.#audio) this.counts.audioAfterVideo += this.#audio.clear();
  }

  #wantKeyFrame(): void {
    if (this.#keyFrameWanted) return;
    this.#keyFrameWanted = true;
    this.#options.onWantKeyFrame();
  }
}

function withLengths({ sps, pps }: VideoFormat): Buffer {
  return Buffer.concat([u32(sps.length), sps, u32(pps.length), pps]);
}

function sameVideo(a: VideoFormat | undefined, b: VideoFormat): boolean {
  return a !== undefined && a.width === b.width && a.height === b.height && a.sps.equals(b.sps) && a.pps.equals(b.pps);
}

function sameAudio(a: AudioFormat | null, b: AudioFormat | null): boolean {
  if (!a || !b) return a === b;
  return a.sampleRate === b.sampleRate && a.channels === b.channels && a.config.equals(b.config);
}
