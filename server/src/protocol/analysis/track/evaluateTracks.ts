import type { DetectedObject } from '../DetectedObject.ts';
import { Assignment } from './Assignment.ts';

/** For tests and benches: one box with the identity that the truth, or a Tracker, gave it. */
export interface IdentifiedBox {
  id: number;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface EvaluatedFrame {
  truth: readonly IdentifiedBox[];
  tracked: readonly IdentifiedBox[];
}

export interface TrackFigures {
  /** 1 - (misses + false positives + id switches) / true boxes: CLEAR MOT (Bernardin and Stiefelhagen 2008, doi:10.1155/2008/246309). */
  mota: number;
  /** 2 IDTP / (true boxes + tracked boxes): Ristani et al. 2016, arXiv:1609.01775. */
  idf1: number;
  idSwitches: number;
  misses: number;
  falsePositives: number;
  trueBoxes: number;
  trackedBoxes: number;
}

interface SceneToTrack {
  rtpTicks: number;
  truth: IdentifiedBox[];
  objects: DetectedObject[];
}

/** What a Tracker makes of a sequence; `shows` says which of its boxes are judged, all of them by default. */
export function trackScene(
  tracker: { update(objects: readonly DetectedObject[], rtpTicks: number): number[] },
  frames: readonly SceneToTrack[],
  shows: (id: number) => boolean = () => true,
): EvaluatedFrame[] {
  return frames.map(({ rtpTicks, truth, objects }) => {
    const ids = tracker.update(objects, rtpTicks);
    const tracked = objects.map(({ x, y, w, h }, i) => ({ id: ids[i]!, x, y, w, h }));
    return { truth, tracked: tracked.filter(({ id }) => shows(id)) };
  });
}

export function iou(a: IdentifiedBox, b: IdentifiedBox): number {
  const width = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  if (!(width > 0 && height > 0)) return 0;
  return (width * height) / (a.w * a.h + b.w * b.h - width * height);
}

/** MOTA, IDF1 and what they are made of, over all frames of a sequence; a pair is one with at least `minIou`. */
export function evaluateTracks(frames: readonly EvaluatedFrame[], minIou = 0.5): TrackFigures {
  const figures = { idSwitches: 0, misses: 0, falsePositives: 0, trueBoxes: 0, trackedBoxes: 0 };
  const assignment = new Assignment();
  /** By true identity: the one it had when it was last matched. */
  const partner = new Map<number, number>();
  for (const { truth, tracked } of frames) {
    figures.trueBoxes += truth.length;
    figures.trackedBoxes += tracked.length;
    const byId = new Map(tracked.map((box, i) => [box.id, i]));
    assignment.begin(tracked.length);
    for (const box of truth) {
      assignment.beginRow();
      const before = byId.get(partner.get(box.id) ?? Number.NaN);
      // A pair that still fits stays a pair: CLEAR MOT's first step.
      const stays = before !== undefined && iou(box, tracked[before]!) >= minIou;
      for (let i = 0; i < tracked.length; i++) {
        const overlap = iou(box, tracked[i]!);
        if (overlap >= minIou) assignment.offer(i, (stays && i === before ? 1000 : 1) + overlap);
      }
    }
    assignment.solve();
    let pairs = 0;
    for (const [row, box] of truth.entries()) {
      const column = assignment.columnOf(row);
      if (column < 0) continue;
      pairs++;
      const now = tracked[column]!.id;
      const before = partner.get(box.id);
      if (before !== undefined && before !== now) figures.idSwitches++;
      partner.set(box.id, now);
    }
    figures.misses += truth.length - pairs;
    figures.falsePositives += tracked.length - pairs;
  }
  const wrong = figures.misses + figures.falsePositives + figures.idSwitches;
  const mota = figures.trueBoxes === 0 ? 1 : 1 - wrong / figures.trueBoxes;
  const boxes = figures.trueBoxes + figures.trackedBoxes;
  const idf1 = boxes === 0 ? 1 : (2 * identifiedBoxes(frames, minIou)) / boxes;
  return { mota, idf1, ...figures };
}

/** IDTP: boxes in common under the best one-to-one map from true identities to the Tracker's. */
function identifiedBoxes(frames: readonly EvaluatedFrame[], minIou: number): number {
  const together = new Map<number, Map<number, number>>();
  for (const { truth, tracked } of frames) {
    for (const box of truth) {
      for (const other of tracked) {
        if (iou(box, other) < minIou) continue;
        const row = together.get(box.id) ?? new Map<number, number>();
        together.set(box.id, row.set(other.id, (row.get(other.id) ?? 0) + 1));
      }
    }
  }
  const columns = new Map<number, number>();
  for (const row of together.values()) for (const id of row.keys()) columns.set(id, columns.get(id) ?? columns.size);
  const assignment = new Assignment();
  assignment.begin(columns.size);
  const rows = [...together.values()];
  const names = [...columns.keys()];
  for (const row of rows) {
    assignment.beginRow();
    for (const [id, count] of row) assignment.offer(columns.get(id)!, count);
  }
  assignment.solve();
  let identified = 0;
  for (const [i, row] of rows.entries()) {
    const column = assignment.columnOf(i);
    if (column >= 0) identified += row.get(names[column]!)!;
  }
  return identified;
}
