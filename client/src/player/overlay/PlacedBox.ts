import type { DetectionTuple } from '@framelock/server/protocol';

/** One box for one picture, before it has a name and a colour. x, y = top left corner; all in 0..1 of the picture. */
export interface PlacedBox {
  trackId: number;
  labelIndex: number;
  score: number;
  x: number;
  y: number;
  w: number;
  h: number;
}

export function placedBox([trackId, labelIndex, score, x, y, w, h]: DetectionTuple): PlacedBox {
  return { trackId, labelIndex, score, x, y, w, h };
}

/** Intersection over union of two boxes, 0..1. */
export function boxOverlap(a: PlacedBox, b: PlacedBox): number {
  const width = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (a.w * a.h + b.w * b.h - intersection);
}
