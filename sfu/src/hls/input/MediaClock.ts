import { rtpTicksBetween, videoClockRate } from '@framelock/server/protocol';
import type { MediaTime } from '../media.ts';

const maxStepTicks = 10 * videoClockRate;
/** How far a picture that is not shown in the order in which it came may be before those that came before it. */
const reorderTicks = videoClockRate;
const wrap = 2 ** 32;

/**
 * Media time of a Publication's video: RTP timestamps without their wrap, never below 0, always the timestamp modulo
 * 2^32. A step of more than 10 s, or back, is a jump; time then still goes forward, if need be by most of a wrap, so that
 * no two pictures of a Publication have the same media time.
 */
export class MediaClock {
  #timestamp: number | undefined;
  #time: MediaTime = 0;
  #highest: MediaTime;

  /** `after`: of a clock before this one, whose times are not used again. */
  constructor(after: MediaTime = -1) {
    this.#highest = after;
  }

  /** Of the last picture taken. */
  get time(): MediaTime {
    return this.#time;
  }

  /** True: it does not follow the one before. `reorders`: it is a B-frame, which comes in order of decoding. */
  take(rtpTimestamp: number, reorders = false): boolean {
    const step = this.#timestamp === undefined ? rtpTimestamp : rtpTicksBetween(rtpTimestamp, this.#timestamp);
    const first = this.#timestamp === undefined;
    let time = this.#time + step;
    if (first && time <= this.#highest) time += wrap * Math.ceil((this.#highest + 1 - time) / wrap);
    const follows =
      first || (step <= maxStepTicks && time > this.#highest - (reorders ? reorderTicks : 0) && time >= 0);
    this.#timestamp = rtpTimestamp;
    this.#time = follows || time > this.#highest ? time : time + wrap;
    this.#highest = Math.max(this.#highest, this.#time);
    return !follows;
  }

  /** Of any RTP timestamp near the last one taken, e.g. a sender report's; undefined before the first. */
  at(rtpTimestamp: number): MediaTime | undefined {
    if (this.#timestamp === undefined) return undefined;
    return this.#time + rtpTicksBetween(rtpTimestamp, this.#timestamp);
  }
}
