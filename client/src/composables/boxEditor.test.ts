import fc from 'fast-check';
import { pictureBoxSchema } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import {
  boxAt,
  boxBetween,
  boxByKey,
  cropAround,
  firstBox,
  handles,
  isLargeEnough,
  leastSide,
  pointIn,
  pulled,
  settled,
} from './boxEditor.ts';

const share = fc.double({ min: -0.5, max: 1.5, noNaN: true });
const inside = fc
  .record({ x: share, y: share, w: share, h: share })
  .map(({ x, y, w, h }) => settled({ x, y, w: Math.abs(w), h: Math.abs(h) }));
const anyHandle = fc.constantFrom(...handles, 'move' as const);

describe('a box in a picture', () => {
  it('is drawn from any corner to any other, and ends at the edge', () => {
    expect(boxBetween({ x: 0.6, y: 0.8 }, { x: 0.2, y: 0.3 })).toEqual({ x: 0.2, y: 0.3, w: 0.6 - 0.2, h: 0.5 });
    expect(boxBetween({ x: 0.5, y: 0.5 }, { x: 1.4, y: -1 })).toEqual({ x: 0.5, y: 0, w: 0.5, h: 0.5 });
    expect(isLargeEnough(boxBetween({ x: 0.5, y: 0.5 }, { x: 0.504, y: 0.9 }))).toBe(false);
  });

  it('stays a box that the server takes, whatever is pulled how far', () => {
    fc.assert(
      fc.property(inside, anyHandle, share, share, (box, handle, x, y) => {
        const next = pulled(box, handle, { x, y });
        expect(pictureBoxSchema.safeParse(next).success).toBe(true);
        expect(next.w).toBeGreaterThanOrEqual(leastSide - 1e-9);
        expect(next.h).toBeGreaterThanOrEqual(leastSide - 1e-9);
      }),
    );
  });

  it('moves by arrows, resizes with Shift, and knows no other key', () => {
    const box = { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
    expect(boxByKey(box, 'ArrowRight', false)!.x).toBeCloseTo(0.41);
    expect(boxByKey(box, 'ArrowUp', false)!.y).toBeCloseTo(0.39);
    expect(boxByKey(box, 'ArrowRight', true)).toMatchObject({ x: 0.4, y: 0.4 });
    expect(boxByKey(box, 'ArrowRight', true)!.w).toBeCloseTo(0.21);
    expect(boxByKey(box, 'ArrowUp', true)!.h).toBeCloseTo(0.19);
    expect(boxByKey({ ...box, x: 0.8 }, 'ArrowRight', false)!.x).toBeCloseTo(0.8);
    expect(boxByKey(box, 'Enter', false)).toBeUndefined();
    expect(pictureBoxSchema.safeParse(firstBox).success).toBe(true);
  });

  it('knows the side that is pulled from the one that stays', () => {
    const box = { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
    const wider = pulled(box, 'w', { x: -0.1, y: 0.3 });
    expect(wider.x).toBeCloseTo(0.3);
    expect(wider.x + wider.w).toBeCloseTo(0.6);
    expect(wider).toMatchObject({ y: 0.4 });
    expect(pulled(box, 'se', { x: -1, y: -1 })).toMatchObject({ x: 0.4, y: 0.4 });
  });

  it('is found under a pointer, the smaller before the larger', () => {
    const large = { x: 0, y: 0, w: 1, h: 1 };
    const small = { x: 0.4, y: 0.4, w: 0.1, h: 0.1 };
    expect(boxAt([large, small], { x: 0.45, y: 0.45 })).toBe(small);
    expect(boxAt([large, small], { x: 0.2, y: 0.45 })).toBe(large);
    expect(boxAt([small], { x: 0.2, y: 0.45 })).toBeUndefined();
    expect(pointIn({ left: 100, top: 50, width: 400, height: 200 }, { x: 300, y: 100 })).toEqual({ x: 0.5, y: 0.25 });
  });
});

describe('what is sent of a picture', () => {
  it('is the mark and some of what is around it, in whole pixels', () => {
    const crop = cropAround({ x: 0.5, y: 0.5, w: 0.1, h: 0.2 }, 1280, 720);
    expect(crop).toMatchObject({ x: 576, y: 288, width: 256, height: 288 });
    expect(crop.box).toEqual({ x: 0.25, y: 0.25, w: 0.5, h: 0.5 });
  });

  it('ends at the edges of the picture', () => {
    const crop = cropAround({ x: 0, y: 0, w: 1, h: 1 }, 641, 361);
    expect(crop).toEqual({ x: 0, y: 0, width: 641, height: 361, box: { x: 0, y: 0, w: 1, h: 1 } });
  });

  it('shows the same place of the picture, wherever the box is', () => {
    fc.assert(
      fc.property(
        inside,
        fc.integer({ min: 16, max: 4096 }),
        fc.integer({ min: 16, max: 2304 }),
        (box, width, height) => {
          const crop = cropAround(box, width, height);
          expect(pictureBoxSchema.safeParse(crop.box).success).toBe(true);
          expect(crop.x + crop.width).toBeLessThanOrEqual(width);
          expect(crop.y + crop.height).toBeLessThanOrEqual(height);
          expect((crop.x + crop.box.x * crop.width) / width).toBeCloseTo(box.x, 6);
          expect((crop.y + crop.box.y * crop.height) / height).toBeCloseTo(box.y, 6);
          expect((crop.box.w * crop.width) / width).toBeCloseTo(box.w, 6);
        },
      ),
    );
  });
});
