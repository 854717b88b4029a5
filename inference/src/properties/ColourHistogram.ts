import { type DominantColour, maxDominantColours } from '@framelock/server/protocol';
import { type PictureSample, sampleCells } from './PictureSample.ts';

/** 4 bits of each of R, G and B. */
const bins = 4096;
/** Distance in OKLab below which two colours are one to the eye of somebody who names them. */
const oneColour = 0.07;
const leastShare = 0.01;
const rounds = 6;

const linear = Float64Array.from({ length: 256 }, (_, i) => {
  const value = i / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

/**
 * Colours of many pictures together, and the few that stand for them: k-means in OKLab (Ottosson 2020) over the bins of a
 * histogram, from seeds that are many and far from one another. The same pictures always give the same colours.
 */
export class ColourHistogram {
  readonly #counts = new Float64Array(bins);
  readonly #red = new Float64Array(bins);
  readonly #green = new Float64Array(bins);
  readonly #blue = new Float64Array(bins);
  /** For `dominant` alone: bins in use, their place in OKLab (3 each), and which seed each belongs to. */
  readonly #used = new Int32Array(bins);
  readonly #lab = new Float64Array(bins * 3);
  readonly #nearest = new Float64Array(bins);
  readonly #owner = new Int32Array(bins);
  readonly #centres = new Float64Array(maxDominantColours * 3);
  readonly #sums = new Float64Array(maxDominantColours * 4);

  add({ red, green, blue }: PictureSample): void {
    for (let i = 0; i < sampleCells; i++) {
      const r = red[i]!;
      const g = green[i]!;
      const b = blue[i]!;
      const bin = ((r >> 4) << 8) | ((g >> 4) << 4) | (b >> 4);
      this.#counts[bin]!++;
      this.#red[bin]! += r;
      this.#green[bin]! += g;
      this.#blue[bin]! += b;
    }
  }

  clear(): void {
    this.#counts.fill(0);
    this.#red.fill(0);
    this.#green.fill(0);
    this.#blue.fill(0);
  }

  /** Largest first; none where nothing was added. Some 0.3 ms for a picture of many colours. */
  dominant(): DominantColour[] {
    const used = this.#place();
    const seeds = this.#seed(used);
    for (let round = 0; round < rounds; round++) {
      this.#assign(used, seeds);
      this.#move(used, seeds);
    }
    return this.#describe(used, this.#merge(used, seeds));
  }

  /** Puts the bins in use into OKLab. How many there are. */
  #place(): number {
    let used = 0;
    for (let bin = 0; bin < bins; bin++) {
      const count = this.#counts[bin]!;
      if (count === 0) continue;
      const r = linear[Math.round(this.#red[bin]! / count)]!;
      const g = linear[Math.round(this.#green[bin]! / count)]!;
      const b = linear[Math.round(this.#blue[bin]! / count)]!;
      const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
      const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
      const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
      this.#lab[used * 3] = 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
      this.#lab[used * 3 + 1] = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
      this.#lab[used * 3 + 2] = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
      this.#used[used++] = bin;
    }
    return used;
  }

  /** The fullest bin first, then each time the one with the most count times squared distance to the seeds before. */
  #seed(used: number): number {
    this.#nearest.fill(Infinity, 0, used);
    let seeds = 0;
    while (seeds < maxDominantColours) {
      let chosen = -1;
      let best = 0;
      for (let i = 0; i < used; i++) {
        if (this.#nearest[i]! < oneColour * oneColour) continue;
        const weight = this.#counts[this.#used[i]!]! * Math.min(4, this.#nearest[i]!);
        if (weight <= best) continue;
        best = weight;
        chosen = i;
      }
      if (chosen < 0) break;
      for (let axis = 0; axis < 3; axis++) this.#centres[seeds * 3 + axis] = this.#lab[chosen * 3 + axis]!;
      for (let i = 0; i < used; i++) this.#nearest[i] = Math.min(this.#nearest[i]!, this.#distance(i, seeds));
      seeds++;
    }
    return seeds;
  }

  /** Squared, in OKLab. */
  #distance(i: number, seed: number): number {
    const l = this.#lab[i * 3]! - this.#centres[seed * 3]!;
    const a = this.#lab[i * 3 + 1]! - this.#centres[seed * 3 + 1]!;
    const b = this.#lab[i * 3 + 2]! - this.#centres[seed * 3 + 2]!;
    return l * l + a * a + b * b;
  }

  #assign(used: number, seeds: number): void {
    for (let i = 0; i < used; i++) {
      let nearest = Infinity;
      for (let seed = 0; seed < seeds; seed++) {
        const distance = this.#distance(i, seed);
        if (distance >= nearest) continue;
        nearest = distance;
        this.#owner[i] = seed;
      }
    }
  }

  #move(used: number, seeds: number): void {
    this.#sums.fill(0);
    for (let i = 0; i < used; i++) {
      const at = this.#owner[i]! * 4;
      const count = this.#counts[this.#used[i]!]!;
      for (let axis = 0; axis < 3; axis++) this.#sums[at + axis]! += count * this.#lab[i * 3 + axis]!;
      this.#sums[at + 3]! += count;
    }
    for (let seed = 0; seed < seeds; seed++) {
      const count = this.#sums[seed * 4 + 3]!;
      if (count === 0) continue;
      for (let axis = 0; axis < 3; axis++) this.#centres[seed * 3 + axis] = this.#sums[seed * 4 + axis]! / count;
    }
  }

  /** Seeds that came to lie together become one. How many seeds there were. */
  #merge(used: number, seeds: number): number {
    for (let one = 0; one < seeds; one++) {
      for (let other = one + 1; other < seeds; other++) {
        let distance = 0;
        for (let axis = 0; axis < 3; axis++) {
          distance += (this.#centres[one * 3 + axis]! - this.#centres[other * 3 + axis]!) ** 2;
        }
        if (distance >= oneColour * oneColour) continue;
        for (let i = 0; i < used; i++) if (this.#owner[i] === other) this.#owner[i] = one;
      }
    }
    return seeds;
  }

  #describe(used: number, seeds: number): DominantColour[] {
    const sums = Array.from({ length: seeds }, () => [0, 0, 0, 0] as [number, number, number, number]);
    let total = 0;
    for (let i = 0; i < used; i++) {
      const sum = sums[this.#owner[i]!]!;
      const bin = this.#used[i]!;
      sum[0] += this.#red[bin]!;
      sum[1] += this.#green[bin]!;
      sum[2] += this.#blue[bin]!;
      sum[3] += this.#counts[bin]!;
      total += this.#counts[bin]!;
    }
    const hex = (sum: number, count: number): string =>
      Math.round(sum / count)
        .toString(16)
        .padStart(2, '0');
    return sums
      .filter((sum) => sum[3] >= leastShare * total && sum[3] > 0)
      .map(([r, g, b, count]) => ({
        colour: `#${hex(r, count)}${hex(g, count)}${hex(b, count)}`,
        share: count / total,
      }))
      .sort((a, b) => b.share - a.share || (a.colour < b.colour ? -1 : 1));
  }
}
