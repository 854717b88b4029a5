import { type FoundMark, pixelsIn } from './findMark.ts';
import type { PixelBox, ReferenceImage } from './ReferenceImage.ts';

/** A picture without alpha to embed, in the image's own pixels; what lies around it has the colour `around`. */
export interface ReferenceView {
  /** RGB, 8 bits each. */
  rgb: Uint8Array;
  around: Rgb;
}

type Rgb = readonly [number, number, number];

// As in models/brands/README.md, "Enrolling a reference image": the bundled gallery was made the same way.
const light: Rgb = [245, 245, 245];
const dark: Rgb = [20, 20, 20];
/** Brightness below which a mark's own colour is shown on light ground. */
const darkBelow = 150;
/** Difference from a plain ground at which a pixel is wholly the mark's. */
const solidDifference = 60;
/** Alpha (0..1) that belongs to the mark, and the share of its box from which its outline says nothing. */
const visibleAlpha = 40 / 255;
const filledShare = 0.95;
/** Spread of each channel within which a mark is of one colour, 0..255. */
const flatSpread = 26;

/**
 * A mark is met on light and dark ground, in its own colours or in one. What is cut out, or lies on one colour, is shown
 * in these ways, three views for a mark of one colour and up to four for others; a photograph is taken as it is.
 */
export function referenceViews(image: ReferenceImage, { box, background }: FoundMark): ReferenceView[] {
  if (background === 'full') return [asItIs(image)];
  const alpha = background === 'alpha' ? alphaOf(image) : differenceFromGround(image);
  const { colour, isFlat } = colourOf(image, alpha, box);
  const inked = [painted(image, alpha, dark, light), painted(image, alpha, light, dark)];
  if (isFlat) return [...inked, laidOn(image, alpha, brightness(colour) < darkBelow ? light : dark)];
  const own = [laidOn(image, alpha, light), laidOn(image, alpha, dark)];
  return coveredShare(image, alpha, box) < filledShare ? [...own, ...inked] : own;
}

const brightness = ([r, g, b]: Rgb): number => 0.299 * r + 0.587 * g + 0.114 * b;

const pixelAt = ({ rgba }: ReferenceImage, at: number): Rgb => [rgba[at]!, rgba[at + 1]!, rgba[at + 2]!];

/** 0..1 for each pixel. */
function alphaOf(image: ReferenceImage): Float32Array {
  return Float32Array.from({ length: image.width * image.height }, (_, i) => image.rgba[i * 4 + 3]! / 255);
}

/** On one colour: how far a pixel is from it. */
function differenceFromGround(image: ReferenceImage): Float32Array {
  const [red, green, blue] = pixelAt(image, 0);
  return Float32Array.from({ length: image.width * image.height }, (_, i) => {
    const [r, g, b] = pixelAt(image, i * 4);
    return Math.min(1, Math.max(Math.abs(r - red), Math.abs(g - green), Math.abs(b - blue)) / solidDifference);
  });
}

/** Of what is well covered: at the rim colours mix. Other marks around a box that somebody drew do not count. */
function colourOf(image: ReferenceImage, alpha: Float32Array, box: PixelBox): { colour: Rgb; isFlat: boolean } {
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  let count = 0;
  for (const i of pixelsIn(image.width, box)) {
    if (alpha[i]! < 0.98) continue;
    count++;
    for (const [channel, value] of pixelAt(image, i * 4).entries()) {
      sum[channel]! += value;
      squares[channel]! += value * value;
    }
  }
  const mean = sum.map((value) => value / Math.max(1, count));
  const spread = squares.map((value, i) => Math.sqrt(Math.max(0, value / Math.max(1, count) - mean[i]! ** 2)));
  return { colour: [mean[0]!, mean[1]!, mean[2]!], isFlat: Math.max(...spread) <= flatSpread };
}

function coveredShare({ width }: ReferenceImage, alpha: Float32Array, box: PixelBox): number {
  let covered = 0;
  let all = 0;
  for (const i of pixelsIn(width, box)) {
    all++;
    if (alpha[i]! > visibleAlpha) covered++;
  }
  return covered / all;
}

function asItIs(image: ReferenceImage): ReferenceView {
  const rgb = new Uint8Array(image.width * image.height * 3);
  for (let i = 0; i < image.width * image.height; i++) rgb.set(pixelAt(image, i * 4), i * 3);
  return { rgb, around: pixelAt(image, 0) };
}

function laidOn(image: ReferenceImage, alpha: Float32Array, ground: Rgb): ReferenceView {
  const rgb = new Uint8Array(image.width * image.height * 3);
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = ground[c]! + (image.rgba[i * 4 + c]! - ground[c]!) * alpha[i]!;
  }
  return { rgb, around: ground };
}

function painted({ width, height }: ReferenceImage, alpha: Float32Array, ink: Rgb, ground: Rgb): ReferenceView {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = ground[c]! + (ink[c]! - ground[c]!) * alpha[i]!;
  }
  return { rgb, around: ground };
}
