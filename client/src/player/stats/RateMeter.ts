const windowMs = 2_000;

/** Events per second over the last two seconds; the newest 256 times are kept. */
export class RateMeter {
  readonly #times = new Float64Array(256);
  #total = 0;
  #firstAtMs: number | undefined;

  add(nowMs: number): void {
    this.#firstAtMs ??= nowMs;
    this.#times[this.#total++ % this.#times.length] = nowMs;
  }

  rate(nowMs: number): number {
    if (this.#firstAtMs === undefined) return 0;
    let inWindow = 0;
    for (let i = Math.min(this.#total, this.#times.length) - 1; i >= 0; i--) {
      if (nowMs - this.#times[i]! <= windowMs) inWindow++;
    }
    const spanMs = Math.min(windowMs, Math.max(500, nowMs - this.#firstAtMs));
    return (inWindow * 1000) / spanMs;
  }

  clear(): void {
    this.#total = 0;
    this.#firstAtMs = undefined;
  }
}
