import { decodePictureCode } from '../clip/pictureCode.ts';
import type { ProofPage } from './proofReader.ts';

export interface ProofVerdict {
  composites: number;
  /** Composites whose number strip could be read. */
  readable: number;
  /** Analysed frames (a detection message for that RTP timestamp arrived) among the pictures shown. */
  analysedShown: number;
  /** Of those, the ones whose drawn box fits the object in that very picture. */
  fitting: number;
  fittingShare: number;
  /** Drawn as exact, by the player's own word, and not on the object. The others that do not fit had no box yet. */
  exactMisfits: number;
  /** All composites but the unanalysed, whatever was drawn on them. */
  kinds: Record<string, number>;
  iou: { p1: number; p50: number; min: number };
  /** Different clip frames seen: a frozen picture can't pass. */
  distinctFrames: number;
}

type Box = readonly [number, number, number, number];

export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Holds each composite's box, read from its pixels, against the truth read from the same pixels. */
export function judgeProof(page: ProofPage, clip: { width: number; height: number }, minimumIou = 0.7): ProofVerdict {
  const analysed = new Set(page.messages);
  const seen = new Set<number>();
  const ious: number[] = [];
  const kinds: Record<string, number> = {};
  let readable = 0;
  let exactMisfits = 0;
  for (const record of page.records) {
    kinds[record.kind] = (kinds[record.kind] ?? 0) + 1;
    const truth = decodePictureCode(record.cells);
    if (!truth) continue;
    readable++;
    seen.add(truth.frame);
    if (record.analysedRtp === null || !analysed.has(record.analysedRtp)) continue;
    const radius = truth.diameter / 4;
    const [cx, cy] = [truth.cx / 2, truth.cy / 2];
    const object: Box = [
      (cx - radius) / clip.width,
      (cy - radius) / clip.height,
      (cx + radius) / clip.width,
      (cy + radius) / clip.height,
    ];
    const iou = record.box ? intersectionOverUnion(record.box, object) : 0;
    ious.push(iou);
    if (record.kind === 'exact' && iou < minimumIou) exactMisfits++;
  }
  const sorted = ious.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const fitting = ious.filter((iou) => iou >= minimumIou).length;
  return {
    composites: page.records.length,
    readable,
    analysedShown: ious.length,
    fitting,
    exactMisfits,
    fittingShare: ious.length === 0 ? 0 : fitting / ious.length,
    kinds,
    iou: { p1: at(0.01), p50: at(0.5), min: at(0) },
    distinctFrames: seen.size,
  };
}
