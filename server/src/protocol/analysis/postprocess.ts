import { maxObjectsPerFrame } from '../index.ts';
import { type BoxList, boxStride } from './BoxList.ts';
import type { DetectedObject } from './DetectedObject.ts';
import type { Placement } from './inputSpec.ts';
import { suppressDuplicates } from './nms.ts';

/** Floats per object as they travel between threads: label, score, x, y, w, h. */
export const objectStride = 6;

const clip = (value: number): number => Math.min(1, Math.max(0, value));

/**
 * Duplicates out, input pixels to 0..1 of the picture, clipped to it; what lies wholly in the padding goes. Appends to
 * `packed`, best score first, and says how many objects it appended; their rows are appended to `rows`.
 */
export function packObjects(
  boxes: BoxList,
  placement: Placement,
  nmsIou: number,
  packed: number[],
  rows?: number[],
): number {
  const { contentX, contentY, contentWidth, contentHeight } = placement;
  let count = 0;
  for (const i of suppressDuplicates(boxes, nmsIou, maxObjectsPerFrame)) {
    const at = i * boxStride;
    const x1 = clip((boxes.data[at]! - contentX) / contentWidth);
    const y1 = clip((boxes.data[at + 1]! - contentY) / contentHeight);
    const x2 = clip((boxes.data[at + 2]! - contentX) / contentWidth);
    const y2 = clip((boxes.data[at + 3]! - contentY) / contentHeight);
    // Written so that a NaN from a broken model goes too.
    if (!(x2 > x1 && y2 > y1)) continue;
    packed.push(boxes.data[at + 5]!, Math.min(1, boxes.data[at + 4]!), x1, y1, x2 - x1, y2 - y1);
    rows?.push(boxes.data[at + 6]!);
    count++;
  }
  return count;
}

/** The `count` objects from float `offset` on. */
export function unpackObjects(packed: Float32Array, offset: number, count: number): DetectedObject[] {
  const objects: DetectedObject[] = [];
  for (let at = offset; objects.length < count; at += objectStride) {
    objects.push({
      label: packed[at]!,
      score: packed[at + 1]!,
      x: packed[at + 2]!,
      y: packed[at + 3]!,
      w: packed[at + 4]!,
      h: packed[at + 5]!,
    });
  }
  return objects;
}
