/** So many last delays are known. */
const kept = 48;
/** Delays so far beyond those are not unusual, ms and share of their width. */
const marginMs = 3;
const marginShare = 0.1;

/** How long an encoder usually takes, ms. */
export class DelayRange {
  readonly #delaysMs = new Float64Array(kept);
  #count = 0;
  #leastMs = 0;
  #mostMs = 0;

  constructor(delaysMs: readonly number[] = []) {
    for (const delayMs of delaysMs) this.add(delayMs);
  }

  add(delayMs: number): void {
    this.#delaysMs[this.#count++ % kept] = delayMs;
    const known = Math.min(this.#count, kept);
    let [least, most] = [Infinity, 0];
    for (let i = 0; i < known; i++) {
      least = Math.min(least, this.#delaysMs[i]!);
      most = Math.max(most, this.#delaysMs[i]!);
    }
    const margin = marginMs + marginShare * (most - least);
    this.#leastMs = least - margin;
    this.#mostMs = most + margin;
  }

  isTooShort(delayMs: number): boolean {
    return delayMs < this.#leastMs;
  }

  isUsual(delayMs: number): boolean {
    return delayMs >= this.#leastMs && delayMs <= this.#mostMs;
  }
}
