import { rtpTicksBetween, videoClockRate } from '../../rtpTime.ts';
import { correctFilter, filterFloats, predictBox, predictionFloats, startFilter } from './BoxFilter.ts';
import type { DetectedObject } from '../DetectedObject.ts';
import type { TrackParameters } from './TrackParameters.ts';

/** How much surer a detection of high score is of its box. */
const lowScoreDoubt = 2;
/** Weight of the newest Frame in a mean embedding. */
const newestLook = 0.25;

/**
 * The ObjectTracks of one Tracker, in columns of numbers; `i` below is a row, valid until the next `forget` or `clear`.
 * Rows are in the order of their ids. Grows to `maxTracks` rows and keeps its memory.
 */
export class TrackTable {
  static readonly maxTracks = 1000;
  readonly #parameters: TrackParameters;
  #count = 0;
  /** Float64: ids outlive 2^31. */
  #ids = new Float64Array(0);
  #labels = new Float64Array(0);
  #seenAtTicks = new Int32Array(0);
  #seenAtFrame = new Float64Array(0);
  /** Analysed Frames that had it. */
  #hits = new Float64Array(0);
  #bestScore = new Float64Array(0);
  #filters = new Float64Array(0);
  /** Mean of the last embeddings, of length 1, `#dimensions` each; zeros where there was none. */
  #looks = new Float32Array(0);
  #dimensions = 0;
  /** Of the present Frame: `predictionFloats` each. */
  predictions = new Float64Array(0);

  constructor(parameters: TrackParameters) {
    this.#parameters = parameters;
    this.#grow(64);
  }

  get count(): number {
    return this.#count;
  }

  idOf(i: number): number {
    return this.#ids[i]!;
  }

  labelOf(i: number): number {
    return this.#labels[i]!;
  }

  seenAtFrame(i: number): number {
    return this.#seenAtFrame[i]!;
  }

  isConfirmed(i: number): boolean {
    return this.#hits[i]! >= this.#parameters.confirmAfter && this.#bestScore[i]! >= this.#parameters.highScore;
  }

  /** Cosine to its mean embedding; undefined where there is nothing to compare. */
  likenessTo(i: number, embedding: Float32Array | undefined): number | undefined {
    const dimensions = this.#dimensions;
    if (!embedding || dimensions === 0 || embedding.length !== dimensions) return undefined;
    const at = i * dimensions;
    let dot = 0;
    let length = 0;
    for (let d = 0; d < dimensions; d++) {
      dot += this.#looks[at + d]! * embedding[d]!;
      length += this.#looks[at + d]! ** 2;
    }
    return length > 0 ? dot : undefined;
  }

  /** Of the picture's width and height per second. */
  speedX(i: number): number {
    return this.#filters[i * filterFloats + 1]!;
  }

  speedY(i: number): number {
    return this.#filters[i * filterFloats + 6]!;
  }

  /** Row of an id, -1 where it is over. */
  find(id: number): number {
    let from = 0;
    let to = this.#count;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#ids[middle]! < id) from = middle + 1;
      else to = middle;
    }
    return from < this.#count && this.#ids[from] === id ? from : -1;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Ends those that were out of sight for too long; all, where the clock ran backwards. */
  forget(rtpTicks: number, frame: number): void {
    const { keepSeconds, keepUnconfirmedSeconds } = this.#parameters;
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const seconds = this.#secondsUnseen(i, rtpTicks);
      const isFlicker = seconds > keepUnconfirmedSeconds && frame - this.#seenAtFrame[i]! > 2 && !this.isConfirmed(i);
      if (seconds < 0 || seconds > keepSeconds || isFlicker) continue;
      this.#move(i, kept++);
    }
    this.#count = kept;
  }

  #secondsUnseen(i: number, rtpTicks: number): number {
    return rtpTicksBetween(rtpTicks, this.#seenAtTicks[i]!) / videoClockRate;
  }

  predictAll(rtpTicks: number): void {
    for (let i = 0; i < this.#count; i++) {
      const seconds = this.#secondsUnseen(i, rtpTicks);
      predictBox(this.#filters, i * filterFloats, seconds, this.#parameters, this.predictions, i * predictionFloats);
    }
  }

  /** False: there are too many. */
  add(id: number, object: DetectedObject, rtpTicks: number, frame: number): boolean {
    if (this.#count === TrackTable.maxTracks) return false;
    if (this.#count === this.#ids.length) this.#grow(Math.min(TrackTable.maxTracks, this.#count * 2));
    const i = this.#count++;
    this.#ids[i] = id;
    this.#labels[i] = object.label;
    this.#hits[i] = 0;
    this.#bestScore[i] = 0;
    startFilter(this.#filters, i * filterFloats, object, this.#parameters);
    this.#looks.fill(0, i * this.#dimensions, (i + 1) * this.#dimensions);
    this.#see(i, object, rtpTicks, frame);
    return true;
  }

  follow(i: number, object: DetectedObject, rtpTicks: number, frame: number): void {
    const seconds = this.#secondsUnseen(i, rtpTicks);
    const doubt = object.score >= this.#parameters.highScore ? 1 : lowScoreDoubt;
    correctFilter(this.#filters, i * filterFloats, seconds, object, this.#parameters, doubt);
    this.#see(i, object, rtpTicks, frame);
  }

  #see(i: number, object: DetectedObject, rtpTicks: number, frame: number): void {
    this.#seenAtTicks[i] = rtpTicks | 0;
    this.#seenAtFrame[i] = frame;
    this.#hits[i]!++;
    this.#bestScore[i] = Math.max(this.#bestScore[i]!, object.score);
    if (object.embedding) this.#look(i, object.embedding);
  }

  #look(i: number, embedding: Float32Array): void {
    if (this.#dimensions === 0) {
      this.#dimensions = embedding.length;
      this.#looks = new Float32Array(this.#ids.length * embedding.length);
    }
    const dimensions = this.#dimensions;
    if (embedding.length !== dimensions) return;
    const at = i * dimensions;
    let length = 0;
    for (let d = 0; d < dimensions; d++) {
      const mean = this.#looks[at + d]! * (1 - newestLook) + embedding[d]! * newestLook;
      this.#looks[at + d] = mean;
      length += mean * mean;
    }
    const scale = length > 0 ? 1 / Math.sqrt(length) : 0;
    for (let d = 0; d < dimensions; d++) this.#looks[at + d]! *= scale;
  }

  /** Makes room by ending the ones that were out of sight the longest. */
  endLongestUnseen(howMany: number, frame: number): void {
    if (howMany <= 0) return;
    const seenAt = this.#seenAtFrame.slice(0, this.#count).sort();
    const limit = Math.min(frame - 1, seenAt[Math.min(howMany, this.#count) - 1]!);
    let kept = 0;
    for (let i = 0; i < this.#count; i++) if (this.#seenAtFrame[i]! > limit) this.#move(i, kept++);
    this.#count = kept;
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    this.#ids[to] = this.#ids[from]!;
    this.#labels[to] = this.#labels[from]!;
    this.#seenAtTicks[to] = this.#seenAtTicks[from]!;
    this.#seenAtFrame[to] = this.#seenAtFrame[from]!;
    this.#hits[to] = this.#hits[from]!;
    this.#bestScore[to] = this.#bestScore[from]!;
    const dimensions = this.#dimensions;
    this.#looks.copyWithin(to * dimensions, from * dimensions, (from + 1) * dimensions);
    this.#filters.copyWithin(to * filterFloats, from * filterFloats, (from + 1) * filterFloats);
  }

  #grow(rows: number): void {
    this.#ids = larger(this.#ids, new Float64Array(rows));
    this.#labels = larger(this.#labels, new Float64Array(rows));
    this.#seenAtTicks = larger(this.#seenAtTicks, new Int32Array(rows));
    this.#seenAtFrame = larger(this.#seenAtFrame, new Float64Array(rows));
    this.#hits = larger(this.#hits, new Float64Array(rows));
    this.#bestScore = larger(this.#bestScore, new Float64Array(rows));
    this.#filters = larger(this.#filters, new Float64Array(rows * filterFloats));
    this.#looks = larger(this.#looks, new Float32Array(rows * this.#dimensions));
    this.predictions = larger(this.predictions, new Float64Array(rows * predictionFloats));
  }
}

function larger<A extends Float64Array | Float32Array | Int32Array>(from: A, to: A): A {
  to.set(from as never);
  return to;
}
