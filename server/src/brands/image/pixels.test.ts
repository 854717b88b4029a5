import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropAndFit, isEmpty, type Pixels, unmultiply } from './pixels.ts';

function picture(width: number, height: number, at: (x: number, y: number) => number[]): Pixels {
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(at(x, y), (y * width + x) * 4);
  return { data, width, height };
}
const whole = ({ width, height }: Pixels) => ({ x: 0, y: 0, width, height });

describe('cropAndFit', () => {
  it('leaves a small picture as it is', () => {
    const source = picture(5, 3, (x, y) => [x * 9, y * 9, 7, 255]);
    expect([...cropAndFit(source, whole(source), 640).data]).toEqual([...source.data]);
  });

  it('cuts out, by whole pixels', () => {
    const source = picture(10, 10, (x, y) => [x, y, 0, 255]);
    const { data, width, height } = cropAndFit(source, { x: 3, y: 4, width: 2, height: 1 }, 640);
    expect([width, height, ...data]).toEqual([2, 1, 3, 4, 0, 255, 4, 4, 0, 255]);
  });

  it('takes the mean of what each pixel covers, also of parts of pixels', () => {
    const source = picture(3, 3, (x) => [x * 100, 0, 0, 255]);
    const { data, width, height } = cropAndFit(source, whole(source), 2);
    expect([width, height]).toEqual([2, 2]);
    expect([data[0], data[4], data[8], data[12]]).toEqual([33, 167, 33, 167]);
    expect(data[3]).toBe(255);
  });

  it('weighs by alpha: what can not be seen gives no colour', () => {
    const source = picture(2, 2, (x) => (x === 0 ? [0, 200, 0, 255] : [255, 0, 255, 0]));
    expect([...cropAndFit(source, whole(source), 1).data]).toEqual([0, 200, 0, 128]);
  });

  it('keeps one colour one colour, at any size', () => {
    const sizes = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 1, max: 60 }), (width, height, maxSide) => {
        const source = picture(width, height, () => [10, 100, 250, 200]);
        const fitted = cropAndFit(source, whole(source), maxSide);
        expect(Math.max(fitted.width, fitted.height)).toBeLessThanOrEqual(Math.max(maxSide, 1));
        for (let at = 0; at < fitted.data.length; at += 4) {
          const [red, green, blue, alpha] = fitted.data.subarray(at, at + 4);
          expect(Math.abs(red! - 10) + Math.abs(green! - 100) + Math.abs(blue! - 250)).toBeLessThanOrEqual(2);
          expect(Math.abs(alpha! - 200)).toBeLessThanOrEqual(1);
        }
      }),
      { seed: 20_261_121, numRuns: 200 },
    );
  });
});

it('undoes multiplied alpha, and sees what is empty', () => {
  expect([...unmultiply(new Uint8Array([128, 64, 0, 128, 0, 0, 0, 0]))]).toEqual([255, 128, 0, 128, 0, 0, 0, 0]);
  expect(isEmpty(picture(2, 2, () => [9, 9, 9, 0]))).toBe(true);
  expect(isEmpty(picture(2, 2, (x, y) => [9, 9, 9, x + y]))).toBe(false);
});
