import { videoClockRate } from '@framelock/server/protocol';

/**
 * Which decoded Frames are to be analysed: at most `maxFps`, evenly spaced by RTP time and not by arrival, so that a
 * 30 fps source under a cap of 15 gives exactly every second Frame, however the network bunched them.
 */
export class FrameSampler {
  readonly #intervalTicks: number;
  /** A Frame this much early counts as due: capture jitter must not push the choice to the Frame after. */
  readonly #toleranceTicks: number;
  #dueTicks: number | undefined;

  constructor(maxFps: number) {
    this.#intervalTicks = videoClockRate / maxFps;
    this.#toleranceTicks = this.#intervalTicks / 4;
  }

  /** `ticks`: unwrapped RTP timestamp, in decoding order. True at most once for each interval. */
  take(ticks: number): boolean {
    const due = this.#dueTicks;
    const restart = due === undefined || ticks < due - 8 * this.#intervalTicks;
    if (!restart && ticks < due - this.#toleranceTicks) return false;
    // On the grid while the source keeps up with it, so that the mean is exact; from this Frame when it does not.
    const onGrid = !restart && ticks < due + this.#intervalTicks;
    this.#dueTicks = (onGrid ? due : ticks) + this.#intervalTicks;
    return true;
  }
}
