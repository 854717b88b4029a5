import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeCells, decodePictureCode, encodePictureCode, type PictureTruth } from './pictureCode.ts';

const truth: fc.Arbitrary<PictureTruth> = fc.record({
  frame: fc.integer({ min: 0, max: 1023 }),
  cx: fc.integer({ min: 0, max: 4095 }),
  cy: fc.integer({ min: 0, max: 4095 }),
  diameter: fc.integer({ min: 0, max: 1023 }),
});
const lumaOf = (bits: number[], noise: number[]) => bits.map((bit, i) => (bit ? 220 : 30) + (noise[i] ?? 0));

describe('picture code', () => {
  it('reads back what was written, through noise below a quarter of its contrast', () => {
    const noise = fc.array(fc.integer({ min: -45, max: 45 }), { minLength: codeCells, maxLength: codeCells });
    fc.assert(
      fc.property(truth, noise, (written, cellNoise) => {
        const cells = lumaOf(encodePictureCode(written), cellNoise);
        expect(decodePictureCode(cells)).toEqual(written);
      }),
      { seed: 1 },
    );
  });

  it('reads nothing from a strip with one or two flipped cells', () => {
    const flips = fc.uniqueArray(fc.integer({ min: 2, max: codeCells - 1 }), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(truth, flips, (written, flipped) => {
        const bits = encodePictureCode(written);
        for (const at of flipped) bits[at] = 1 - bits[at]!;
        expect(decodePictureCode(lumaOf(bits, []))).toBeNull();
      }),
      { seed: 2 },
    );
  });

  it('reads nothing from a flat picture', () => {
    expect(decodePictureCode(new Array<number>(codeCells).fill(128))).toBeNull();
  });
});
