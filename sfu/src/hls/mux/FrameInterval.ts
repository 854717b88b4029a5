const remembered = 15;
const defaultTicks = 3_000;

/** How long a picture usually lasts: the median of the last few, so that one gap changes nothing. */
export class FrameInterval {
  readonly #ring = new Float64Array(remembered);
  readonly #sorted = new Float64Array(remembered);
  #count = 0;
  #ticks = defaultTicks;

  add(ticks: number): void {
    this.#ring[this.#count++ % remembered] = ticks;
    const known = Math.min(this.#count, remembered);
    // Insertion into a buffer of its own: nothing is allocated per picture.
    for (let i = 0; i < known; i++) {
      const value = this.#ring[i]!;
      let at = i;
      while (at > 0 && this.#sorted[at - 1]! > value) this.#sorted[at] = this.#sorted[--at]!;
      this.#sorted[at] = value;
    }
    this.#ticks = this.#sorted[known >> 1]!;
  }

  get ticks(): number {
    return this.#ticks;
  }
}
