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

  /** False = over the limit. */
  take(): boolean {
    const nowMs = this.#nowMs();
    this.#tokens = Math.min(this.#capacity, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
