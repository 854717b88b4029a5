import type { FoundMark } from './findMark.ts';
import type { ReferenceImage } from './ReferenceImage.ts';

/** A picture without alpha to embed, in the image's own pixels; what lies around it has the colour `around`. */
export interface ReferenceView {
  /** RGB, 8 bits each. */
  rgb: Uint8Array;
  around: Rgb;
}

type Rgb = readonly [number, number, number];

const white: Rgb = [255, 255, 255];
const dark: Rgb = [20, 20, 20];
/** Brightness that mark and background must differ by to make a view, 0..255. */
const leastContrast = 48;
/** Spread of each channel within which a mark is of one colour, 0..255. */
const flatSpread = 26;

/**
 * A mark is met on light and dark ground, in its own colours or in one: a cut-out image is laid on both; a mark of one
 * colour also becomes dark on light and light on dark. A photograph is taken as it is.
 */
export function referenceViews(image: ReferenceImage, { box, background }: FoundMark): ReferenceView[] {
  if (background === 'full') return [asItIs(image, [114, 114, 114])];
  const { coverage, colour, isFlat } = background === 'alpha' ? ofAlpha(image) : ofPlain(image);
  const views = background === 'plain' ? [asItIs(image, pixelAt(image, 0))] : [];
  if (background === 'alpha') {
    for (const ground of [white, dark]) {
      if (Math.abs(brightness(ground) - brightness(colour)) >= leastContrast) views.push(laidOn(image, ground));
    }
    // A mark of many colours, or of a middling one: on the ground that it stands out from the most.
    if (views.length === 0) views.push(laidOn(image, brightness(colour) > 128 ? dark : white));
  }
  if (isFlat && box.x2 > box.x1) {
    views.push(painted(image, coverage, dark, white), painted(image, coverage, white, dark));
  }
  return views;
}

const brightness = ([r, g, b]: Rgb): number => 0.299 * r + 0.587 * g + 0.114 * b;

const pixelAt = ({ rgba }: ReferenceImage, at: number): Rgb => [rgba[at]!, rgba[at + 1]!, rgba[at + 2]!];

interface Drawing {
  /** 0..1 for each pixel. */
  coverage: Float32Array;
  /** Mean, weighted by coverage. */
  colour: Rgb;
  isFlat: boolean;
}

function ofAlpha(image: ReferenceImage): Drawing {
  const coverage = Float32Array.from({ length: image.width * image.height }, (_, i) => image.rgba[i * 4 + 3]! / 255);
  return { coverage, ...colourOf(image, coverage) };
}

/** On one colour: a pixel's difference from it, as a share of the largest there is. */
function ofPlain(image: ReferenceImage): Drawing {
  const ground = pixelAt(image, 0);
  const coverage = Float32Array.from({ length: image.width * image.height }, (_, i) => {
    const [r, g, b] = pixelAt(image, i * 4);
    return Math.max(Math.abs(r - ground[0]), Math.abs(g - ground[1]), Math.abs(b - ground[2]));
  });
  const most = coverage.reduce((largest, value) => Math.max(largest, value), 1);
  for (let i = 0; i < coverage.length; i++) coverage[i]! /= most;
  return { coverage, ...colourOf(image, coverage) };
}

/** Of what is well covered: at the rim colours mix. */
function colourOf(image: ReferenceImage, coverage: Float32Array): { colour: Rgb; isFlat: boolean } {
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < coverage.length; i++) {
    if (coverage[i]! < 0.85) continue;
    count++;
    for (const [channel, value] of pixelAt(image, i * 4).entries()) {
      sum[channel]! += value;
      squares[channel]! += value * value;
    }
  }
  const mean = sum.map((value) => value / Math.max(1, count));
  const spread = squares.map((value, i) => Math.sqrt(Math.max(0, value / Math.max(1, count) - mean[i]! ** 2)));
  return { colour: [mean[0]!, mean[1]!, mean[2]!], isFlat: count > 0 && Math.max(...spread) <= flatSpread };
}

function asItIs(image: ReferenceImage, around: Rgb): ReferenceView {
  const rgb = new Uint8Array(image.width * image.height * 3);
  for (let i = 0; i < image.width * image.height; i++) rgb.set(pixelAt(image, i * 4), i * 3);
  return { rgb, around };
}

function laidOn(image: ReferenceImage, ground: Rgb): ReferenceView {
  const rgb = new Uint8Array(image.width * image.height * 3);
  for (let i = 0; i < image.width * image.height; i++) {
    const alpha = image.rgba[i * 4 + 3]! / 255;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = ground[c]! + (image.rgba[i * 4 + c]! - ground[c]!) * alpha;
  }
  return { rgb, around: ground };
}

function painted({ width, height }: ReferenceImage, coverage: Float32Array, ink: Rgb, ground: Rgb): ReferenceView {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = ground[c]! + (ink[c]! - ground[c]!) * coverage[i]!;
  }
  return { rgb, around: ground };
}
