import { describe, expect, it } from 'vitest';
import { drawReference, referenceSide } from './drawReference.ts';
import { findMark, markInBox } from './findMark.ts';
import type { ReferenceImage } from './ReferenceImage.ts';
import { referenceViews } from './referenceViews.ts';

type Rgba = readonly [number, number, number, number];

/** A rectangle of one colour on a ground of another. */
function drawing(ground: Rgba, ink: Rgba, size = { width: 40, height: 30 }): ReferenceImage {
  const rgba = new Uint8Array(size.width * size.height * 4);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const inside = x >= 10 && x < 30 && y >= 5 && y < 15;
      rgba.set(inside ? ink : ground, (y * size.width + x) * 4);
    }
  }
  return { ...size, rgba };
}

const box = { x1: 10, y1: 5, x2: 30, y2: 15 };
const clear: Rgba = [0, 0, 0, 0];
const red: Rgba = [220, 20, 20, 255];
const spec = {
  ...{ width: 640, height: 384, resize: 'letterbox', channels: 'rgb', pad: 114 },
  ...{ scale: [1 / 255, 1 / 255, 1 / 255], bias: [0, 0, 0] },
} as Parameters<typeof drawReference>[3];

describe('findMark', () => {
  it('trims what is clear, and what has one colour', () => {
    expect(findMark(drawing(clear, red))).toEqual({ box, background: 'alpha' });
    expect(findMark(drawing([255, 255, 255, 255], red))).toEqual({ box, background: 'plain' });
  });

  it('takes a photograph whole', () => {
    const noise = { width: 20, height: 20, rgba: Uint8Array.from({ length: 1600 }, (_, i) => (i * 7919) % 256) };
    for (let at = 3; at < noise.rgba.length; at += 4) noise.rgba[at] = 255;
    expect(findMark(noise)).toEqual({ box: { x1: 0, y1: 0, x2: 20, y2: 20 }, background: 'full' });
  });

  it('finds nothing on an image of one colour or a clear one', () => {
    expect(findMark(drawing(clear, clear))).toBeUndefined();
    expect(findMark(drawing(red, red))).toBeUndefined();
  });
});

describe('markInBox', () => {
  const drawn = { x1: 8.5, y1: 4.25, x2: 30.75, y2: 16 };

  it('keeps the box that somebody drew, and sees a clear or plain ground', () => {
    expect(markInBox(drawing(clear, red), drawn)).toEqual({ box: drawn, background: 'alpha' });
    expect(markInBox(drawing([255, 255, 255, 255], red), drawn)).toEqual({ box: drawn, background: 'plain' });
    expect(markInBox(drawing([200, 30, 30, 255], red), drawn)).toEqual({ box: drawn, background: 'full' });
  });

  it('finds nothing where the box is clear', () => {
    expect(markInBox(drawing(clear, red), { x1: 0, y1: 20, x2: 40, y2: 30 })).toBeUndefined();
  });

  it('lays a black mark that is cut out on grounds, so that it can be seen', () => {
    const image = drawing(clear, [0, 0, 0, 255]);
    const views = referenceViews(image, markInBox(image, drawn)!);
    expect(views).toHaveLength(3);
    for (const { rgb } of views) {
      expect(Math.abs(rgb[0]! - rgb[(10 * 40 + 20) * 3]!)).toBeGreaterThan(200);
    }
  });

  it('takes the colour of what is in the box, and not of another mark beside it', () => {
    const image = drawing(clear, red);
    image.rgba.set([0, 0, 255, 255], (25 * 40 + 35) * 4);
    for (let i = 0; i < 40; i++) image.rgba.set([0, 0, 255, 255], (25 * 40 + i) * 4);
    expect(referenceViews(image, markInBox(image, drawn)!)).toHaveLength(3);
  });
});

describe('referenceViews', () => {
  const centre = (rgb: Uint8Array) => [...rgb.subarray((10 * 40 + 20) * 3, (10 * 40 + 20) * 3 + 3)];
  const corner = (rgb: Uint8Array) => [...rgb.subarray(0, 3)];

  const seen = (...[ink, ground]: [Rgba, Rgba?]) => {
    const image = drawing(ground ?? clear, ink);
    const views = referenceViews(image, { box, background: ground ? 'plain' : 'alpha' });
    return views.map(({ rgb }) => [corner(rgb), centre(rgb)]);
  };
  const [light, dark] = [
    [245, 245, 245],
    [20, 20, 20],
  ];

  it('draws a mark of one colour dark on light, light on dark, and as it is on what it stands out from', () => {
    expect(seen(red)).toEqual([
      [light, dark],
      [dark, light],
      [light, [220, 20, 20]],
    ]);
    expect(seen([255, 255, 255, 255])[2]).toEqual([dark, [255, 255, 255]]);
  });

  it('takes a plain ground away', () => {
    expect(seen(red, [0, 200, 0, 255])).toEqual(seen(red));
  });

  it('takes a photograph as it is, once', () => {
    expect(referenceViews(drawing([90, 90, 90, 255], red), { box, background: 'full' })).toHaveLength(1);
  });
});

describe('drawReference', () => {
  it('puts the mark into the middle at its size, in the tensor channels, and the ground around it', () => {
    const image = drawing([0, 0, 255, 255], red);
    const tensor = new Float32Array(3 * 640 * 384);
    const view = referenceViews(image, { box, background: 'plain' })[2];
    const place = drawReference(image, view!, box, spec, tensor);
    expect(place.scale).toBeCloseTo(referenceSide / 20);
    expect(20 * place.scale + place.x).toBeCloseTo(320);
    expect(10 * place.scale + place.y).toBeCloseTo(192);
    const at = (x: number, y: number) => [0, 1, 2].map((plane) => tensor[plane * 640 * 384 + y * 640 + x]! * 255);
    expect(at(320, 192).map(Math.round)).toEqual([220, 20, 20]);
    expect(at(2, 2).map(Math.round)).toEqual([245, 245, 245]);
  });

  it('keeps the mean brightness when it makes a large image small', () => {
    const rgba = Uint8Array.from({ length: 1000 * 1000 * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : ((i >> 2) + Math.floor((i >> 2) / 1000)) % 2 === 0 ? 255 : 0,
    );
    const tensor = new Float32Array(3 * 640 * 384);
    const whole = { x1: 0, y1: 0, x2: 1000, y2: 1000 };
    const image = { width: 1000, height: 1000, rgba };
    const [view] = referenceViews(image, { box: whole, background: 'full' });
    drawReference(image, view!, whole, spec, tensor);
    // A checkerboard of single pixels: point sampling would give black or white.
    expect(tensor[192 * 640 + 320]! * 255).toBeGreaterThan(100);
    expect(tensor[192 * 640 + 320]! * 255).toBeLessThan(155);
  });
});
