import { type BoxList, boxStride } from './BoxList.ts';

/** Candidates that suppression looks at, best first; a head that fires everywhere must not cost n^2 of its anchors. */
export const maxCandidates = 1000;

/** Intersection over union of boxes i and j of the list; 0 for boxes without area. */
export function iouOf({ data }: BoxList, i: number, j: number): number {
  const a = i * boxStride;
  const b = j * boxStride;
  const width = Math.min(data[a + 2]!, data[b + 2]!) - Math.max(data[a]!, data[b]!);
  const height = Math.min(data[a + 3]!, data[b + 3]!) - Math.max(data[a + 1]!, data[b + 1]!);
  if (!(width > 0 && height > 0)) return 0;
  const overlap = width * height;
  const areaA = (data[a + 2]! - data[a]!) * (data[a + 3]! - data[a + 1]!);
  const areaB = (data[b + 2]! - data[b]!) * (data[b + 3]! - data[b + 1]!);
  return overlap / (areaA + areaB - overlap);
}

/**
 * Greedy non-maximum suppression per label: indices of the boxes that stay, best score first, at most `maxKept`. A box
 * goes when a better one of its label overlaps it by more than `iouThreshold`; 1 keeps all.
 */
export function suppressDuplicates(boxes: BoxList, iouThreshold: number, maxKept: number): number[] {
  const { data, length } = boxes;
  const scoreOf = (i: number): number => data[i * boxStride + 4]!;
  const order = Array.from({ length }, (_, i) => i).sort((i, j) => scoreOf(j) - scoreOf(i) || i - j);
  if (order.length > maxCandidates) order.length = maxCandidates;
  const kept: number[] = [];
  for (const i of order) {
    if (kept.length === maxKept) break;
    const label = data[i * boxStride + 5];
    const duplicate =
      iouThreshold < 1 && kept.some((j) => data[j * boxStride + 5] === label && iouOf(boxes, i, j) > iouThreshold);
    if (!duplicate) kept.push(i);
  }
  return kept;
}
