import type { SampleName } from '../protocol/index.ts';

/** The last samples of some figures, all equally long: a figure that began late has nulls before. */
export class SampleRing {
  readonly #limit: number;
  readonly #series = new Map<SampleName, (number | null)[]>();
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(sample: Partial<Record<SampleName, number | null | undefined>>): void {
    for (const name of Object.keys(sample) as SampleName[]) {
      if (!this.#series.has(name)) this.#series.set(name, new Array<null>(this.#length).fill(null));
    }
    for (const [name, values] of this.#series) {
      const value = sample[name];
      values.push(value === undefined || value === null || !Number.isFinite(value) ? null : round(value));
      if (values.length > this.#limit) values.shift();
    }
    this.#length = Math.min(this.#limit, this.#length + 1);
  }

  get series(): Partial<Record<SampleName, (number | null)[]>> {
    return Object.fromEntries([...this.#series].map(([name, values]) => [name, [...values]]));
  }
}

/** Three digits are what a chart shows; a message of thousands of figures need not carry sixteen. */
function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Math.round(value * 1_000) / 1_000;
}
