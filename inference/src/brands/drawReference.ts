import type { InputSpec } from '@framelock/server/protocol/analysis';
import type { PixelBox, ReferenceImage } from './ReferenceImage.ts';
import type { ReferenceView } from './referenceViews.ts';

/** Longer side of the mark as it is shown, input pixels: with its margin what the Model's own crop has, pixel for pixel. */
export const referenceSide = 64 / 1.24;

/** Where the image's top left corner lies in the input, and input pixels per pixel of the image. */
export interface DrawnPlace {
  x: number;
  y: number;
  scale: number;
}

/**
 * Draws a view into an input tensor so that the mark is `referenceSide` long and in the middle. Area averaging when it
 * gets smaller, bilinear when larger.
 */
export function drawReference(
  { width, height }: Pick<ReferenceImage, 'width' | 'height'>,
  { rgb, around }: ReferenceView,
  box: PixelBox,
  spec: InputSpec,
  tensor: Float32Array,
): DrawnPlace {
  const scale = referenceSide / Math.max(box.x2 - box.x1, box.y2 - box.y1);
  const originX = spec.width / 2 - ((box.x1 + box.x2) / 2) * scale;
  const originY = spec.height / 2 - ((box.y1 + box.y2) / 2) * scale;
  const plane = spec.width * spec.height;
  const planeOf = spec.channels === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  for (let c = 0; c < 3; c++) {
    const at = planeOf[c]! * plane;
    tensor.fill(around[c]! * spec.scale[planeOf[c]!]! + spec.bias[planeOf[c]!]!, at, at + plane);
  }
  /** Source pixels that one of the input covers, on each axis. */
  const reach = Math.max(1, 1 / scale);
  // The image is a small part of the input: around it nothing has to be looked up.
  const [left, right] = pixelsWithin(originX, width * scale, spec.width);
  const [top, bottom] = pixelsWithin(originY, height * scale, spec.height);
  for (let y = top; y < bottom; y++) {
    const sourceY = (y + 0.5 - originY) / scale;
    for (let x = left; x < right; x++) {
      const sourceX = (x + 0.5 - originX) / scale;
      for (let c = 0; c < 3; c++) {
        const value = average(rgb, width, height, sourceX, sourceY, reach, c);
        const tensorPlane = planeOf[c]!;
        tensor[tensorPlane * plane + y * spec.width + x] = value * spec.scale[tensorPlane]! + spec.bias[tensorPlane]!;
      }
    }
  }
  return { x: originX, y: originY, scale };
}

/** The first pixel whose centre is within `length` from `origin`, and the first beyond; of so many that there are. */
function pixelsWithin(origin: number, length: number, count: number): [first: number, end: number] {
  const clamp = (at: number): number => Math.max(0, Math.min(count, Math.ceil(at - 0.5)));
  return [clamp(origin), clamp(origin + length)];
}

/** Mean over a square of side `reach` about the place, each pixel by how much of it lies inside. */
function average(
  rgb: Uint8Array,
  width: number,
  height: number,
  x: number,
  y: number,
  reach: number,
  channel: number,
): number {
  const [left, right, top, bottom] = [x - reach / 2, x + reach / 2, y - reach / 2, y + reach / 2];
  let sum = 0;
  let weights = 0;
  for (let py = Math.floor(top); py < bottom; py++) {
    const row = Math.min(height - 1, Math.max(0, py));
    const rowWeight = Math.min(bottom, py + 1) - Math.max(top, py);
    for (let px = Math.floor(left); px < right; px++) {
      const weight = rowWeight * (Math.min(right, px + 1) - Math.max(left, px));
      sum += weight * rgb[(row * width + Math.min(width - 1, Math.max(0, px))) * 3 + channel]!;
      weights += weight;
    }
  }
  return weights > 0 ? sum / weights : 0;
}
