/** Most objects of a label in one Frame, of a stretch of Frames. Labels are indices; makes no objects per Frame. */
export class LabelPeaks {
  #counts = new Int32Array(64);
  #peaks = new Int32Array(64);
  /** Labels of the present Frame, each once. */
  readonly #touched: number[] = [];

  add(label: number): void {
    if (label >= this.#counts.length) this.#grow(label + 1);
    if (this.#counts[label]!++ === 0) this.#touched.push(label);
  }

  endFrame(): void {
    for (const label of this.#touched) {
      this.#peaks[label] = Math.max(this.#peaks[label]!, this.#counts[label]!);
      this.#counts[label] = 0;
    }
    this.#touched.length = 0;
  }

  /** By name, and begins anew. */
  take(labels: readonly string[]): Record<string, number> {
    const peaks = new Map<string, number>();
    for (let label = 0; label < this.#peaks.length; label++) {
      const peak = this.#peaks[label]!;
      const name = labels[label];
      if (peak > 0 && name !== undefined) peaks.set(name, Math.max(peak, peaks.get(name) ?? 0));
    }
    this.#peaks.fill(0);
    return Object.fromEntries(peaks);
  }

  #grow(labels: number): void {
    const size = Math.max(labels, this.#counts.length * 2);
    const [counts, peaks] = [new Int32Array(size), new Int32Array(size)];
    counts.set(this.#counts);
    peaks.set(this.#peaks);
    [this.#counts, this.#peaks] = [counts, peaks];
  }
}
