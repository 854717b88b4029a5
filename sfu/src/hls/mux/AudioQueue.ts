import { hlsTimescale } from '@framelock/server/protocol';
import type { AudioFormat, AudioSample, MediaTime } from '../media.ts';

/** About ten seconds. */
const maxQueued = 480;
const aacFrameSamples = 1_024;
/** A sample further from its predecessor's end than this has silence before it: the predecessor is not stretched. */
const maxStretch = 4;

/** AAC frames of one format that wait for the Part that they belong to, in order of time. */
export class AudioQueue {
  readonly format: AudioFormat;
  /** Ticks of one frame. */
  readonly frameTicks: number;
  /** Nothing more comes: a Part does not wait for it. */
  ended = false;
  #samples: AudioSample[] = [];
  #end = -Infinity;

  constructor(format: AudioFormat) {
    this.format = format;
    this.frameTicks = Math.round((aacFrameSamples * hlsTimescale) / format.sampleRate);
  }

  /** False: refused, for it comes before one that is here or was taken. */
  push(sample: AudioSample): boolean {
    if (sample.time < this.#end - this.frameTicks / 2) return false;
    this.#samples.push(sample);
    this.#end = sample.time + this.frameTicks;
    return true;
  }

  /** Drops the oldest beyond the limit; how many. */
  trim(): number {
    const over = this.#samples.length - maxQueued;
    if (over > 0) this.#samples.splice(0, over);
    return Math.max(over, 0);
  }

  /** All frames that begin before `time` have come. */
  reaches(time: MediaTime): boolean {
    return this.ended || this.#end >= time;
  }

  /** Drops those before `time`; how many. */
  dropBefore(time: MediaTime): number {
    return this.#takeCount(this.#countBefore(time)).length;
  }

  takeBefore(time: MediaTime): AudioSample[] {
    return this.#takeCount(this.#countBefore(time));
  }

  /** Durations of samples that were just taken: up to the next one's time, which may still be queued. */
  durationsOf(taken: readonly AudioSample[]): number[] {
    return taken.map((sample, i) => {
      const next = taken[i + 1] ?? this.#samples[0];
      const ticks = next ? next.time - sample.time : this.frameTicks;
      return ticks <= maxStretch * this.frameTicks ? ticks : this.frameTicks;
    });
  }

  /** Forgets everything, also what was taken: another timeline begins. How many were dropped. */
  clear(): number {
    const dropped = this.#samples.length;
    this.#samples = [];
    this.#end = -Infinity;
    return dropped;
  }

  #countBefore(time: MediaTime): number {
    let count = 0;
    while (count < this.#samples.length && this.#samples[count]!.time < time) count++;
    return count;
  }

  #takeCount(count: number): AudioSample[] {
    return count === 0 ? [] : this.#samples.splice(0, count);
  }
}
