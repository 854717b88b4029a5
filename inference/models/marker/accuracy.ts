import { intersectionOverUnion, type FoundMarker } from './modelInput.ts';
import type { SceneMarker } from './syntheticScene.ts';

/** Counts over many pictures; `shares` turns them into a table row. */
export interface Accuracy {
  truth: number;
  found: number;
  labelled: number;
  falsePositives: number;
  overlaps: number[];
  scores: number[];
  falseScores: number[];
}

export function emptyAccuracy(): Accuracy {
  return { truth: 0, found: 0, labelled: 0, falsePositives: 0, overlaps: [], scores: [], falseScores: [] };
}

/** Each true marker is found by its best-overlapping row (IoU >= 0.5); every other row is a false positive. */
export function addPicture(accuracy: Accuracy, truth: SceneMarker[], found: FoundMarker[]): void {
  const free = new Set(found);
  for (const marker of truth) {
    accuracy.truth++;
    let best: FoundMarker | undefined;
    let overlap = 0.5;
    for (const candidate of free) {
      const candidateOverlap = intersectionOverUnion(candidate.box, marker.box);
      if (candidateOverlap >= overlap) [best, overlap] = [candidate, candidateOverlap];
    }
    if (!best) continue;
    free.delete(best);
    accuracy.found++;
    if (best.label === marker.label) accuracy.labelled++;
    accuracy.overlaps.push(overlap);
    accuracy.scores.push(best.score);
  }
  accuracy.falsePositives += free.size;
  for (const candidate of free) accuracy.falseScores.push(candidate.score);
}

export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export interface AccuracyShares {
  truth: number;
  recall: number;
  labelled: number;
  meanOverlap: number;
  /** 99 % of the found markers overlap at least this much. */
  overlapOf99: number;
  scoreOf99: number;
  falsePositives: number;
}

export function shares(accuracy: Accuracy): AccuracyShares {
  return {
    truth: accuracy.truth,
    recall: accuracy.found / accuracy.truth,
    labelled: accuracy.labelled / accuracy.found,
    meanOverlap: accuracy.overlaps.reduce((sum, value) => sum + value, 0) / accuracy.overlaps.length,
    overlapOf99: quantile(accuracy.overlaps, 0.01),
    scoreOf99: quantile(accuracy.scores, 0.01),
    falsePositives: accuracy.falsePositives,
  };
}
