import { videoClockRate } from '@framelock/server/protocol';
import { PictureSample, sampleCells } from './PictureSample.ts';

/** A picture of less contrast (deviation of luma, of 255) shows no scene: a flash, a fade, a slate of one colour. */
const leastDeviation = 6;
/** Pictures further apart than this are not compared, RTP ticks. */
const longestGapTicks = videoClockRate;
/** No second cut within this, RTP ticks. */
const leastSceneTicks = videoClockRate / 4;
/** A cut changes this share of the picture, and of its colours, */
const leastChange = 0.3;
const leastRecoloured = 0.2;
/** leaves little of where it is light and where dark (Pearson), which light that is switched on or off does not, */
const mostLikeness = 0.6;
/** and stands out from the movement just before: mean of both shares less the same of the last Frames. */
const leastLeap = 0.25;
/** Half of what is remembered of movement is of the last so many RTP ticks. */
const memoryTicks = videoClockRate / 3;
/** 2 bits of each of R, G and B. */
const bins = 64;

/** What `compare` found of one Frame; the same object each time. `changedShare`: of the picture, since the last one. */
export interface SceneChange {
  cut: boolean;
  changedShare: number;
}

/** Finds cuts between the pictures of one Publication. Fades and dissolves are none. */
export class SceneDetector {
  readonly #found: SceneChange = { cut: false, changedShare: 0 };
  /** The last picture that shows a scene. */
  readonly #before = new PictureSample();
  #histogram = new Float64Array(bins);
  #histogramBefore = new Float64Array(bins);
  #meanBefore = 0;
  #deviationBefore = 0;
  #hasBefore = false;
  #beforeTicks = 0;
  #cutAtTicks = -Infinity;
  #movement = 0;

  /** Each analysed picture, in order. `ticks`: unwrapped media time. */
  compare(sample: PictureSample, ticks: number): SceneChange {
    const found = this.#found;
    found.cut = false;
    const isScene = sample.deviation >= leastDeviation;
    if (this.#hasBefore && ticks - this.#beforeTicks > longestGapTicks) this.forget();
    found.changedShare = this.#hasBefore ? sample.changeSince(this.#before) : 0;
    if (!isScene) return found;
    this.#count(sample);
    if (this.#hasBefore) this.#decide(sample, ticks);
    this.#keep(sample, ticks);
    return found;
  }

  #count({ red, green, blue }: PictureSample): void {
    const histogram = this.#histogram;
    histogram.fill(0);
    for (let i = 0; i < sampleCells; i++) {
      histogram[((red[i]! >> 6) << 4) | ((green[i]! >> 6) << 2) | (blue[i]! >> 6)]!++;
    }
  }

  #decide(sample: PictureSample, ticks: number): void {
    const found = this.#found;
    let common = 0;
    for (let i = 0; i < bins; i++) common += Math.min(this.#histogram[i]!, this.#histogramBefore[i]!);
    const recoloured = 1 - common / sampleCells;
    const score = (found.changedShare + recoloured) / 2;
    found.cut =
      found.changedShare >= leastChange &&
      recoloured >= leastRecoloured &&
      score - this.#movement >= leastLeap &&
      ticks - this.#cutAtTicks >= leastSceneTicks &&
      this.#likeness(sample) < mostLikeness;
    if (found.cut) {
      this.#cutAtTicks = ticks;
      this.#movement = 0;
      return;
    }
    const fresh = 1 - 0.5 ** ((ticks - this.#beforeTicks) / memoryTicks);
    this.#movement += fresh * (score - this.#movement);
  }

  /** Correlation of luma, -1..1. */
  #likeness(sample: PictureSample): number {
    let products = 0;
    for (let i = 0; i < sampleCells; i++) products += sample.luma[i]! * this.#before.luma[i]!;
    const covariance = products / sampleCells - sample.mean * this.#meanBefore;
    return covariance / (sample.deviation * this.#deviationBefore);
  }

  #keep(sample: PictureSample, ticks: number): void {
    this.#before.copyPixels(sample);
    this.#before.luma.set(sample.luma);
    this.#meanBefore = sample.mean;
    this.#deviationBefore = sample.deviation;
    [this.#histogram, this.#histogramBefore] = [this.#histogramBefore, this.#histogram];
    this.#beforeTicks = ticks;
    this.#hasBefore = true;
  }

  /** What came before is not to be compared with. */
  forget(): void {
    this.#hasBefore = false;
    this.#movement = 0;
  }
}
