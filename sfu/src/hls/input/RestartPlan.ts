const windowMs = 30_000;
const maxDeaths = 5;
const firstWaitMs = 100;
const maxWaitMs = 2_000;

/** When a child that died begins again: at once, then later and later; not after five deaths in 30 s. */
export class RestartPlan {
  #deaths: number[] = [];

  /** How long to wait, ms; undefined: not again. */
  died(nowMs: number): number | undefined {
    this.#deaths = this.#deaths.filter((atMs) => nowMs - atMs < windowMs);
    this.#deaths.push(nowMs);
    if (this.#deaths.length >= maxDeaths) return undefined;
    return Math.min(maxWaitMs, firstWaitMs * 2 ** (this.#deaths.length - 1));
  }
}
