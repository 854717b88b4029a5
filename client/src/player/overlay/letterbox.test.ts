import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { letterbox } from './letterbox.ts';

describe('letterbox', () => {
  it('fills a canvas of the picture’s shape', () => {
    expect(letterbox(1280, 720, 640, 360)).toEqual({ x: 0, y: 0, width: 1280, height: 720 });
  });

  it('leaves no line where the canvas was rounded to whole pixels of its own', () => {
    // A stage of 1100.6 x 619.1 CSS pixels.
    expect(letterbox(1101, 619, 1280, 720)).toEqual({ x: 0, y: 0, width: 1101, height: 619 });
    expect(letterbox(1100, 620, 1280, 720)).toEqual({ x: 0, y: 0, width: 1100, height: 620 });
  });

  it('puts bars at the sides or above and below', () => {
    expect(letterbox(1000, 500, 640, 480)).toEqual({ x: 166, y: 0, width: 667, height: 500 });
    expect(letterbox(500, 1000, 640, 480)).toEqual({ x: 0, y: 312, width: 500, height: 375 });
  });

  it('has no place for a picture without a size', () => {
    expect(letterbox(100, 100, 0, 0)).toEqual({ x: 0, y: 0, width: 0, height: 0 });
  });

  it('lies inside the canvas, touches two sides, in whole pixels', () => {
    const side = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(side, side, side, side, (canvasWidth, canvasHeight, pictureWidth, pictureHeight) => {
        const { x, y, width, height } = letterbox(canvasWidth, canvasHeight, pictureWidth, pictureHeight);
        expect([x, y, width, height].every(Number.isInteger)).toBe(true);
        expect(x >= 0 && y >= 0 && x + width <= canvasWidth && y + height <= canvasHeight).toBe(true);
        expect(width === canvasWidth || height === canvasHeight).toBe(true);
      }),
      { seed: 20261120 },
    );
  });
});
