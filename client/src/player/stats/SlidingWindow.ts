/** The newest `capacity` numbers and their percentiles. Adding allocates nothing. */
export class SlidingWindow {
  readonly #values: Float64Array;
  #count = 0;
  #next = 0;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  get size(): number {
    return this.#count;
  }

  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#values.length;
    if (this.#count < this.#values.length) this.#count++;
  }

  /** Nearest-rank percentile, p in 0..1; null of nothing. */
  percentile(p: number): number | null {
    return this.percentiles(p)[0]!;
  }

  percentiles(...ps: number[]): (number | null)[] {
    if (this.#count === 0) return ps.map(() => null);
    const sorted = this.#values.slice(0, this.#count).sort();
    return ps.map((p) => sorted[Math.min(this.#count - 1, Math.max(0, Math.ceil(p * this.#count) - 1))]!);
  }

  get median(): number | null {
    return this.percentile(0.5);
  }

  clear(): void {
    this.#count = this.#next = 0;
  }
}
