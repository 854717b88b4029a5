import type { DetectedObject } from '../DetectedObject.ts';
import { Assignment } from './Assignment.ts';
import { predictionFloats } from './BoxFilter.ts';
import { defaultTrackParameters, type TrackParameters } from './TrackParameters.ts';
import { TrackTable } from './TrackTable.ts';

/** What is known of a Frame beside its objects. */
export interface SceneHint {
  /** The picture is another scene than the one before, for certain: no object is the same. */
  cut?: boolean;
  /** How much the picture changed since the last analysed one, 0..1 (SceneMeter). */
  change?: number;
}

/** So many objects have to be gone all at once to be taken for a cut without a hint, and so many others there instead. */
const fewestGone = 3;
const fewestNew = 2;
/** With a hint that there may be one, this share of them may still seem to be there. */
const stillThere = 0.5;
/** And this share of them, without a hint, may seem to have jumped to where something else is. */
const foundByChance = 1 / 3;
/** Weight of the least overlap that counts; more comes on top of it. */
const leastWeight = 0.1;
/** What may be a flicker of the Model gets an object only if no thing that was there for longer wants it as much. */
const unconfirmedWeight = 0.7;
/** Mahalanobis distance squared of two dimensions that 99.9 % stay under (chi square). */
const gate = 13.8;

/** Who stood still and moves off at once leaves what the filter deems possible: then so far, lengths, at the same size. */
const leapLengths = 1.5;
const leapGrowth = 1.25;

const unmatched = -1;

/** What makes a pair: the predicted box covered, its place as near as the filter expects, or a leap away from it. */
type Closeness = 'overlap' | 'near' | 'leap';

/**
 * Gives the objects of one Publication's analysed Frames the ids of their ObjectTracks, in the manner of ByteTrack
 * (Zhang et al. 2022, arXiv:2110.06864): detections of high score are matched first, those of low score with what is
 * left, each time as the best assignment there is between boxes and the boxes that a Kalman filter predicts. Analysis
 * may have few Frames a second, so what did not overlap is then matched by nearness.
 *
 * Only ids come out of it. Nothing is smoothed: an object of an analysed Frame keeps the box that the Model gave it on
 * that very Frame, and the filter's own box is used for matching and never shown. Other labels are never matched.
 * Pure; used on inference nodes and in browsers. Allocates the returned array and, past the first Frames, nothing else.
 */
export class Tracker {
  readonly #parameters: TrackParameters;
  readonly #table: TrackTable;
  readonly #assignment = new Assignment();
  #nextId = 1;
  #frame = 0;
  /** The last Frame in which a confirmed ObjectTrack was seen. */
  #lastGoodFrame = 0;
  #cuts = 0;
  /** Of the present Frame, by object: its ObjectTrack's row, or `unmatched`. */
  #rowOf = new Int32Array(64);
  /** By row: whether an object has it already. */
  #isTaken = new Uint8Array(64);
  /** The rows that take part in a stage. */
  #candidates = new Int32Array(64);

  /** What is left out has its default. */
  constructor(parameters: Partial<TrackParameters> = {}) {
    this.#parameters = { ...defaultTrackParameters, ...parameters };
    this.#table = new TrackTable(this.#parameters);
  }

  /** A confirmed one that is out of sight for longer is over. */
  get keepSeconds(): number {
    return this.#parameters.keepSeconds;
  }

  /** Camera cuts so far, told or found. */
  get cuts(): number {
    return this.#cuts;
  }

  /**
   * Track ids (from 1, never used twice), one for each object in its order; the array is the caller's to keep, the
   * objects are not touched. Call with analysed Frames in their order. `rtpTicks`: u32, or unwrapped.
   */
  update(objects: readonly DetectedObject[], rtpTicks: number, hint?: SceneHint): number[] {
    const table = this.#table;
    this.#frame++;
    table.forget(rtpTicks, this.#frame);
    if (hint?.cut === true || (hint?.change ?? 0) >= this.#parameters.cutChange) this.#cut();
    table.predictAll(rtpTicks);
    this.#prepare(objects.length);
    const { highScore } = this.#parameters;
    this.#match(objects, 'overlap', highScore, Infinity);
    this.#match(objects, 'overlap', -Infinity, highScore);
    const overlapping = this.#foundOfLast();
    this.#match(objects, 'near', -Infinity, Infinity);
    this.#match(objects, 'leap', highScore, Infinity);
    if (this.#looksLikeCut(objects, overlapping, hint?.change ?? 0)) {
      this.#cut();
      this.#prepare(objects.length);
    }
    return this.#settle(objects, rtpTicks);
  }

  /** Whether an id of the last Frames is that of a thing that was there for some time, and no flicker of the Model. */
  isConfirmed(trackId: number): boolean {
    const row = this.#table.find(trackId);
    return row >= 0 && this.#table.isConfirmed(row);
  }

  #cut(): void {
    if (this.#table.count > 0) this.#cuts++;
    this.#table.clear();
  }

  #prepare(objects: number): void {
    if (this.#rowOf.length < objects) this.#rowOf = new Int32Array(objects * 2);
    this.#rowOf.fill(unmatched, 0, objects);
    const rows = this.#table.count;
    if (this.#isTaken.length < rows) {
      this.#isTaken = new Uint8Array(TrackTable.maxTracks);
      this.#candidates = new Int32Array(TrackTable.maxTracks);
    }
    this.#isTaken.fill(0, 0, rows);
  }

  /** Pairs those without an ObjectTrack and with such a score with ObjectTracks that nobody has. */
  #match(objects: readonly DetectedObject[], by: Closeness, fromScore: number, toScore: number): void {
    const candidates = this.#listCandidates();
    if (candidates === 0) return;
    const assignment = this.#assignment;
    assignment.begin(candidates);
    for (let i = 0; i < objects.length; i++) {
      if (!this.#takesPart(i, objects[i]!.score, fromScore, toScore)) continue;
      assignment.beginRow();
      if (by === 'overlap') this.#offerOverlapping(objects[i]!, candidates);
      else this.#offerNear(objects[i]!, candidates, by === 'leap');
    }
    assignment.solve();
    let offering = 0;
    for (let i = 0; i < objects.length; i++) {
      if (!this.#takesPart(i, objects[i]!.score, fromScore, toScore)) continue;
      const column = assignment.columnOf(offering++);
      if (column < 0) continue;
      this.#rowOf[i] = this.#candidates[column]!;
      this.#isTaken[this.#candidates[column]!] = 1;
    }
  }

  #takesPart(i: number, score: number, fromScore: number, toScore: number): boolean {
    return this.#rowOf[i] === unmatched && score >= fromScore && score < toScore;
  }

  #listCandidates(): number {
    let candidates = 0;
    for (let row = 0; row < this.#table.count; row++) {
      if (this.#isTaken[row] === 0) this.#candidates[candidates++] = row;
    }
    return candidates;
  }

  #offerOverlapping({ label, score, x, y, w, h, embedding }: DetectedObject, candidates: number): void {
    const table = this.#table;
    const minIou = score >= this.#parameters.highScore ? this.#parameters.minIou : this.#parameters.minIouLow;
    const { predictions } = table;
    for (let column = 0; column < candidates; column++) {
      const row = this.#candidates[column]!;
      const at = row * predictionFloats;
      const width = Math.min(x + w, predictions[at + 2]!) - Math.max(x, predictions[at]!);
      const height = Math.min(y + h, predictions[at + 3]!) - Math.max(y, predictions[at + 1]!);
      if (!(width > 0 && height > 0) || table.labelOf(row) !== label) continue;
      const overlap = width * height;
      const area = (predictions[at + 2]! - predictions[at]!) * (predictions[at + 3]! - predictions[at + 1]!);
      const iou = overlap / (w * h + area - overlap);
      if (iou < minIou) continue;
      const isThere = table.seenAtFrame(row) === this.#frame - 1;
      if (!isThere && this.#looksOther(row, embedding)) continue;
      const weight = leastWeight + iou - minIou;
      this.#assignment.offer(column, table.isConfirmed(row) ? weight : weight * unconfirmedWeight);
    }
  }

  /** `leap`: only to what was there in the last Frame, for certain. */
  #offerNear({ label, x, y, w, h, embedding }: DetectedObject, candidates: number, leap: boolean): void {
    const table = this.#table;
    const { predictions } = table;
    const maxJump = leap ? Math.min(leapLengths, this.#parameters.maxJump) : this.#parameters.maxJump;
    const maxGrowth = leap ? Math.min(leapGrowth, this.#parameters.maxGrowth) : this.#parameters.maxGrowth;
    for (let column = 0; column < candidates; column++) {
      const row = this.#candidates[column]!;
      if (table.labelOf(row) !== label) continue;
      const isConfirmed = table.isConfirmed(row);
      if (leap && !(isConfirmed && table.seenAtFrame(row) === this.#frame - 1)) continue;
      const at = row * predictionFloats;
      const width = predictions[at + 2]! - predictions[at]!;
      const height = predictions[at + 3]! - predictions[at + 1]!;
      const dx = x + w / 2 - predictions[at]! - width / 2;
      const dy = y + h / 2 - predictions[at + 1]! - height / 2;
      const away = (dx * dx) / predictions[at + 4]! + (dy * dy) / predictions[at + 5]!;
      if (!(away < gate) && !leap) continue;
      if (!(dx * dx + dy * dy <= maxJump * maxJump * Math.max(w * h, width * height))) continue;
      if (!(Math.max(w / width, width / w, h / height, height / h) <= maxGrowth)) continue;
      if (this.#looksOther(row, embedding)) continue;
      // Of more than one possible leap the shortest.
      const weight = leap ? 1 / (1 + away) : 1 - away / gate;
      this.#assignment.offer(column, isConfirmed ? weight : weight * unconfirmedWeight);
    }
  }

  #looksOther(row: number, embedding: Float32Array | undefined): boolean {
    const likeness = this.#table.likenessTo(row, embedding);
    return likeness !== undefined && likeness < this.#parameters.minLikeness;
  }

  /** How many of the confirmed ones of the last good Frame have an object. */
  #foundOfLast(): number {
    let found = 0;
    for (let row = 0; row < this.#table.count; row++) if (this.#wasThere(row)) found += this.#isTaken[row]!;
    return found;
  }

  #wasThere(row: number): boolean {
    return this.#table.isConfirmed(row) && this.#table.seenAtFrame(row) === this.#lastGoodFrame;
  }

  /** All that was there is gone at once, and other things are there. `overlapping`: of those, found where predicted. */
  #looksLikeCut(objects: readonly DetectedObject[], overlapping: number, change: number): boolean {
    const table = this.#table;
    let there = 0;
    for (let row = 0; row < table.count; row++) if (this.#wasThere(row)) there++;
    let others = 0;
    for (let i = 0; i < objects.length; i++) {
      if (this.#rowOf[i] === unmatched && objects[i]!.score >= this.#parameters.highScore) others++;
    }
    if (change >= this.#parameters.cutChangeWithLoss)
      return there > 0 && others > 0 && overlapping <= there * stillThere;
    const byChance = this.#foundOfLast() <= there * foundByChance;
    return there >= fewestGone && others >= fewestNew && overlapping === 0 && byChance;
  }

  #settle(objects: readonly DetectedObject[], rtpTicks: number): number[] {
    const table = this.#table;
    const ids = new Array<number>(objects.length);
    let births = 0;
    for (let i = 0; i < objects.length; i++) {
      const row = this.#rowOf[i]!;
      if (row === unmatched) {
        births++;
        ids[i] = 0;
        continue;
      }
      table.follow(row, objects[i]!, rtpTicks, this.#frame);
      ids[i] = table.idOf(row);
      if (table.isConfirmed(row)) this.#lastGoodFrame = this.#frame;
    }
    table.endLongestUnseen(table.count + births - TrackTable.maxTracks, this.#frame);
    for (let i = 0; births > 0 && i < objects.length; i++) {
      if (ids[i] !== 0) continue;
      ids[i] = this.#nextId++;
      table.add(ids[i]!, objects[i]!, rtpTicks, this.#frame);
    }
    return ids;
  }
}
