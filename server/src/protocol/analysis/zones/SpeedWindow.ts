import { videoClockRate } from '../../rtpTime.ts';

/** Speeds are of the movement over this long, RTP ticks; of less than the second, none is told. */
const windowTicks = videoClockRate;
const leastTicks = videoClockRate * 0.3;
const capacity = 12;
/** Places nearer in time than this are passed over, so that the window holds all of its second at any frame rate. */
const apartTicks = windowTicks / (capacity - 1);
/** A Frame this much early counts as due: capture jitter must not halve the rate. */
const earlyTicks = videoClockRate * 0.01;

/** Of all windows, for one is asked at a time. */
const slopes = new Float64Array((capacity * (capacity - 1)) / 2);

/**
 * Where one object was on the ground over the last second, and how fast that makes it: on each axis the median of the
 * slopes of all pairs of places (Theil 1950, Sen 1968), which bears with up to 29 % of places that are wrong.
 */
export class SpeedWindow {
  /** [ticks, xMetres, yMetres] of each place, a ring. */
  readonly #places = new Float64Array(capacity * 3);
  #next = 0;
  #count = 0;
  #lastTicks = -Infinity;

  add(ticks: number, xMetres: number, yMetres: number): void {
    if (ticks - this.#lastTicks < apartTicks - earlyTicks) return;
    this.#lastTicks = ticks;
    const at = this.#next * 3;
    this.#places[at] = ticks;
    this.#places[at + 1] = xMetres;
    this.#places[at + 2] = yMetres;
    this.#next = (this.#next + 1) % capacity;
    this.#count = Math.min(capacity, this.#count + 1);
  }

  /** Metres a second up to `ticks`; NaN where not enough was seen of it lately. */
  metresPerSecond(ticks: number): number {
    const from = ticks - windowTicks - earlyTicks;
    let earliest = Infinity;
    let recent = 0;
    for (let i = 0; i < this.#count; i++) {
      const at = this.#places[i * 3]!;
      if (at < from) continue;
      recent++;
      earliest = Math.min(earliest, at);
    }
    if (recent < 3 || this.#lastTicks - earliest < leastTicks) return NaN;
    return Math.hypot(this.#slope(1, from), this.#slope(2, from)) * videoClockRate;
  }

  #slope(axis: 1 | 2, from: number): number {
    const places = this.#places;
    let pairs = 0;
    for (let i = 0; i < this.#count * 3; i += 3) {
      if (places[i]! < from) continue;
      for (let j = 0; j < i; j += 3) {
        if (places[j]! < from) continue;
        slopes[pairs++] = (places[i + axis]! - places[j + axis]!) / (places[i]! - places[j]!);
      }
    }
    const sorted = slopes.subarray(0, pairs).sort();
    const middle = pairs >> 1;
    return pairs % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }
}
