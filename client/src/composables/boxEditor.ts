import type { PictureBox } from '@framelock/server/protocol';

/** Geometry of a box that a person draws in a picture. All in 0..1 of the picture, as PictureBox is. */
export type { PictureBox } from '@framelock/server/protocol';

export interface Point {
  x: number;
  y: number;
}

/** Corners and sides by compass; `move` = the box as a whole. */
export type Handle = 'n' | 'e' | 's' | 'w' | 'nw' | 'ne' | 'se' | 'sw' | 'move';
export const handles = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'] as const satisfies readonly Handle[];

/** Smaller than this on a side is a click that slipped, and too little for a mark to be recognised by. */
export const leastSide = 0.01;
/** A hundredth at a key press. */
const keyStep = 0.01;

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** The box between two corners, in the picture. */
export function boxBetween(a: Point, b: Point): PictureBox {
  const [left, right] = [clamp(Math.min(a.x, b.x), 0, 1), clamp(Math.max(a.x, b.x), 0, 1)];
  const [top, bottom] = [clamp(Math.min(a.y, b.y), 0, 1), clamp(Math.max(a.y, b.y), 0, 1)];
  return { x: left, y: top, w: right - left, h: bottom - top };
}

export function isLargeEnough({ w, h }: PictureBox): boolean {
  return w >= leastSide && h >= leastSide;
}

/** In the picture, and no smaller than allowed. */
export function settled(box: PictureBox): PictureBox {
  const [w, h] = [clamp(box.w, leastSide, 1), clamp(box.h, leastSide, 1)];
  return { x: clamp(box.x, 0, 1 - w), y: clamp(box.y, 0, 1 - h), w, h };
}

/** The box after one of its handles was pulled by so much. A side stops before the one across, the box at the edge. */
export function pulled(box: PictureBox, handle: Handle, by: Point): PictureBox {
  if (handle === 'move') return settled({ ...box, x: box.x + by.x, y: box.y + by.y });
  let [left, top, right, bottom] = [box.x, box.y, box.x + box.w, box.y + box.h];
  if (handle.includes('w')) left = clamp(left + by.x, 0, right - leastSide);
  if (handle.includes('e')) right = clamp(right + by.x, left + leastSide, 1);
  if (handle.includes('n')) top = clamp(top + by.y, 0, bottom - leastSide);
  if (handle.includes('s')) bottom = clamp(bottom + by.y, top + leastSide, 1);
  return { x: left, y: top, w: right - left, h: bottom - top };
}

const directions: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** What a key makes of the box: arrows move it, with Shift they resize it; undefined = the key is none of these. */
export function boxByKey(box: PictureBox, key: string, shift: boolean): PictureBox | undefined {
  const direction = directions[key];
  if (!direction) return undefined;
  return pulled(box, shift ? 'se' : 'move', { x: direction.x * keyStep, y: direction.y * keyStep });
}

/** Where a pointer is in a picture that is shown at `rect`, 0..1; beyond its edges too. */
export function pointIn(rect: { left: number; top: number; width: number; height: number }, event: Point): Point {
  return { x: (event.x - rect.left) / Math.max(1, rect.width), y: (event.y - rect.top) / Math.max(1, rect.height) };
}

/** What a keyboard begins with: the middle third. */
export const firstBox: PictureBox = { x: 1 / 3, y: 1 / 3, w: 1 / 3, h: 1 / 3 };

export interface Crop {
  /** Whole pixels of the picture. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** The mark within the crop, 0..1 of it. */
  box: PictureBox;
}

/** So much of the mark's own size is left around it, for the finder to see its edges against. */
const marginShare = 0.5;

/**
 * The part of a picture of so many pixels that shows the mark: with some of what is around it, and no more, since what is
 * kept of a picture is small, and a mark in a corner of a large one would be smaller still.
 */
export function cropAround(box: PictureBox, pictureWidth: number, pictureHeight: number): Crop {
  const [marginX, marginY] = [box.w * marginShare, box.h * marginShare];
  const left = Math.floor(clamp(box.x - marginX, 0, 1) * pictureWidth);
  const top = Math.floor(clamp(box.y - marginY, 0, 1) * pictureHeight);
  const right = Math.ceil(clamp(box.x + box.w + marginX, 0, 1) * pictureWidth);
  const bottom = Math.ceil(clamp(box.y + box.h + marginY, 0, 1) * pictureHeight);
  const [width, height] = [Math.max(1, right - left), Math.max(1, bottom - top)];
  const x = clamp((box.x * pictureWidth - left) / width, 0, 1);
  const y = clamp((box.y * pictureHeight - top) / height, 0, 1);
  const w = Math.min((box.w * pictureWidth) / width, 1 - x);
  const h = Math.min((box.h * pictureHeight) / height, 1 - y);
  return { x: left, y: top, width, height, box: { x, y, w, h } };
}

/** The topmost (smallest) of the boxes that a point is in. */
export function boxAt<T extends PictureBox>(boxes: readonly T[], { x, y }: Point): T | undefined {
  return boxes
    .filter((box) => x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h)
    .toSorted((a, b) => a.w * a.h - b.w * b.h)[0];
}
