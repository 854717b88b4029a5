/** Lets `capacity` through at once and `perSecond` in the long run. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: { capacity: number; perSecond: number; nowMs?: () => number }) {
    this.#capacity = options.capacity;
    this.#perSecond = options.perSecond;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#tokens = options.capacity;
    this.#filledAtMs = this.#nowMs();
  }

  /** Whether `take` would answer false. */
  get isEmpty(): boolean {
    const nowMs = this.#nowMs();
    this.#tokens = Math.min(this.#capacity, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond);
    this.#filledAtMs = nowMs;
    return this.#tokens < 1;
  }

  /** False = over the limit. */
  take(): boolean {
    if (this.isEmpty) return false;
    this.#tokens--;
    return true;
  }
}
