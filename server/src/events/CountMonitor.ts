/** Objects are missed in a Frame now and then: being no more than so many for this long does not end a crowd. */
const toleranceMs = 500;
/** Nothing was seen for longer: what was before is not known to go on. */
const unknownAfterMs = 5_000;

/** Whether something has been so for long enough; once, until it was not so any more. Times of samples never go back. */
export class CountMonitor {
  readonly #forMs: number;
  #sinceMs: number | undefined;
  #lastMs = -Infinity;
  #lastOverMs = -Infinity;
  #fired = false;

  constructor(options: { seconds: number }) {
    this.#forMs = options.seconds * 1000;
  }

  /** Since when it is so; undefined: it is not. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** True at the moment from which on it counts. */
  sample(atMs: number, isOver: boolean): boolean {
    if (atMs - this.#lastMs > unknownAfterMs) this.#end();
    this.#lastMs = Math.max(this.#lastMs, atMs);
    if (!isOver) {
      if (atMs - this.#lastOverMs > toleranceMs) this.#end();
      return false;
    }
    this.#sinceMs ??= atMs;
    this.#lastOverMs = atMs;
    if (this.#fired || atMs - this.#sinceMs < this.#forMs) return false;
    this.#fired = true;
    return true;
  }

  #end(): void {
    this.#sinceMs = undefined;
    this.#fired = false;
  }
}
