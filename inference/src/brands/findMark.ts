import type { PixelBox, ReferenceImage } from './ReferenceImage.ts';

/** Alpha (0..255) from which a pixel belongs to the drawing. */
const visibleAlpha = 41;
/** Difference in any channel (0..255) from the background that makes a pixel part of the drawing. */
const differs = 32;
/** Share of the picture's edge that has one colour where the picture is a drawing on a plain background. */
const plainShare = 0.9;

export interface FoundMark {
  box: PixelBox;
  /** `alpha`: cut out already. `plain`: on one colour. `full`: a photograph, or a mark that fills the image. */
  background: 'alpha' | 'plain' | 'full';
}

/** The part of a reference image that has something on it; undefined when nothing has. */
export function findMark(image: ReferenceImage): FoundMark | undefined {
  if (hasAlpha(image)) {
    const box = boundsOf(image, (at) => image.rgba[at + 3]! >= visibleAlpha);
    return box && { box, background: 'alpha' };
  }
  const colour = edgeColour(image);
  if (!colour) return { box: { x1: 0, y1: 0, x2: image.width, y2: image.height }, background: 'full' };
  const box = boundsOf(image, (at) => differsFrom(image.rgba, at, colour));
  return box && { box, background: 'plain' };
}

/**
 * The mark in a box that somebody drew. On clear or plain ground it is still a drawing, whose ground is not the mark's.
 * Undefined when all that is in the box is clear.
 */
export function markInBox(image: ReferenceImage, box: PixelBox): FoundMark | undefined {
  if (hasAlpha(image)) {
    const visible = someIn(image, box, (at) => image.rgba[at + 3]! >= visibleAlpha);
    return visible ? { box, background: 'alpha' } : undefined;
  }
  const colour = edgeColour(image);
  // Too faint to be told from its ground: as it is.
  const stands = colour && someIn(image, box, (at) => differsFrom(image.rgba, at, colour));
  return { box, background: stands ? 'plain' : 'full' };
}

function someIn({ width }: ReferenceImage, box: PixelBox, belongs: (at: number) => boolean): boolean {
  for (const i of pixelsIn(width, box)) if (belongs(i * 4)) return true;
  return false;
}

/** The numbers of all pixels that a box touches. */
export function* pixelsIn(width: number, { x1, y1, x2, y2 }: PixelBox): Generator<number> {
  for (let y = Math.floor(y1); y < y2; y++) for (let x = Math.floor(x1); x < x2; x++) yield y * width + x;
}

export function hasAlpha({ rgba, width, height }: ReferenceImage): boolean {
  let clear = 0;
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at]! < 250) clear++;
  return clear > width * height * 0.005;
}

type Colour = readonly [number, number, number];

const differsFrom = (rgba: Uint8Array, at: number, colour: Colour): boolean =>
  colour.some((value, channel) => Math.abs(rgba[at + channel]! - value) > differs);

function boundsOf({ width, height }: ReferenceImage, belongs: (at: number) => boolean): PixelBox | undefined {
  let [x1, y1, x2, y2] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!belongs((y * width + x) * 4)) continue;
      x1 = Math.min(x1, x);
      x2 = Math.max(x2, x + 1);
      y1 = Math.min(y1, y);
      y2 = y + 1;
    }
  }
  return x2 - x1 >= 2 && y2 - y1 >= 2 ? { x1, y1, x2, y2 } : undefined;
}

/** The top left pixel's colour, if nearly all of the edge is like it. */
function edgeColour({ rgba, width, height }: ReferenceImage): Colour | undefined {
  const colour: Colour = [rgba[0]!, rgba[1]!, rgba[2]!];
  let like = 0;
  let all = 0;
  const look = (x: number, y: number): void => {
    all++;
    if (!differsFrom(rgba, (y * width + x) * 4, colour)) like++;
  };
  for (let x = 0; x < width; x++) {
    look(x, 0);
    look(x, height - 1);
  }
  for (let y = 0; y < height; y++) {
    look(0, y);
    look(width - 1, y);
  }
  return like >= all * plainShare ? colour : undefined;
}
