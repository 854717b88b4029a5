import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoxList } from './BoxList.ts';
import { floatsPerPicture, type InputSpec, placePicture } from './inputSpec.ts';
import { packObjects, unpackObjects } from './postprocess.ts';
import { fillPadding, normalisePlanes } from './preprocess.ts';

const side = fc.integer({ min: 16, max: 64 });
const scale = fc.constantFrom(1, 1 / 255, 1 / 57.375);
const bias = fc.constantFrom(0, -2.1, -1);
const specArbitrary = fc.record<InputSpec>({
  width: side,
  height: side,
  resize: fc.constantFrom('letterbox', 'letterboxTopLeft', 'stretch'),
  channels: fc.constantFrom('rgb', 'bgr'),
  scale: fc.tuple(scale, scale, scale),
  bias: fc.tuple(bias, bias, bias),
  pad: fc.integer({ min: 0, max: 255 }),
});
const frameSide = fc.integer({ min: 1, max: 4000 });

describe('placePicture', () => {
  it('keeps the picture inside the input and, letterboxed, its shape', () => {
    fc.assert(
      fc.property(specArbitrary, frameSide, frameSide, (spec, width, height) => {
        const { contentX, contentY, contentWidth, contentHeight } = placePicture(spec, width, height);
        expect(contentX).toBeGreaterThanOrEqual(0);
        expect(contentY).toBeGreaterThanOrEqual(0);
        expect(contentX + contentWidth).toBeLessThanOrEqual(spec.width);
        expect(contentY + contentHeight).toBeLessThanOrEqual(spec.height);
        expect(contentWidth === spec.width || contentHeight === spec.height).toBe(true);
        if (spec.resize !== 'stretch') {
          const ratio = Math.min(spec.width / width, spec.height / height);
          expect(Math.abs(contentWidth - Math.max(1, width * ratio))).toBeLessThanOrEqual(0.5 + 1e-9);
          expect(Math.abs(contentHeight - Math.max(1, height * ratio))).toBeLessThanOrEqual(0.5 + 1e-9);
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('centres 16:9 in a square', () => {
    const spec = { width: 640, height: 640, resize: 'letterbox' } as InputSpec;
    expect(placePicture(spec, 1280, 720)).toEqual({
      contentX: 0,
      contentY: 140,
      contentWidth: 640,
      contentHeight: 360,
    });
  });
});

describe('preprocess', () => {
  it('gives every float of the tensor its value: pixel * scale + bias inside, the pad value outside', () => {
    fc.assert(
      fc.property(specArbitrary, frameSide, frameSide, (spec, width, height) => {
        const placement = placePicture(spec, width, height);
        const { contentX, contentY, contentWidth, contentHeight } = placement;
        const tensor = new Float32Array(floatsPerPicture(spec));
        fillPadding(spec, tensor, placement);
        const pixelAt = (c: number, x: number, y: number): number => (c * 61 + x * 7 + y * 13) % 256;
        const each = (visit: (i: number, c: number, x: number, y: number, inside: boolean) => void): void => {
          for (let i = 0; i < tensor.length; i++) {
            const x = i % spec.width;
            const y = Math.floor(i / spec.width) % spec.height;
            const insideX = x >= contentX && x < contentX + contentWidth;
            const insideY = y >= contentY && y < contentY + contentHeight;
            visit(i, Math.floor(i / (spec.width * spec.height)), x, y, insideX && insideY);
          }
        };
        each((i, c, x, y, inside) => inside && (tensor[i] = pixelAt(c, x, y) / 255));
        normalisePlanes(spec, tensor, placement);
        let worst = 0;
        each((i, c, x, y, inside) => {
          const wanted = (inside ? pixelAt(c, x, y) : spec.pad) * spec.scale[c]! + spec.bias[c]!;
          worst = Math.max(worst, Math.abs(tensor[i]! - wanted));
        });
        expect(worst).toBeLessThan(1e-3);
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

describe('packObjects', () => {
  const spec = { width: 416, height: 416, resize: 'letterbox' } as InputSpec;

  it('brings boxes back to where they were in the picture', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(specArbitrary, frameSide, frameSide, unit, unit, (anySpec, width, height, x, y) => {
        const placement = placePicture(anySpec, width, height);
        const boxes = new BoxList();
        const toX = (u: number): number => placement.contentX + u * placement.contentWidth;
        const toY = (u: number): number => placement.contentY + u * placement.contentHeight;
        boxes.push(toX(x * 0.5), toY(y * 0.5), toX(x * 0.5 + 0.5), toY(y * 0.5 + 0.5), 0.75, 3);
        const packed: number[] = [];
        expect(packObjects(boxes, placement, 0.5, packed)).toBe(1);
        const [object] = unpackObjects(Float32Array.from(packed), 0, 1);
        expect(object).toMatchObject({ label: 3, score: 0.75 });
        expect(object!.x).toBeCloseTo(x * 0.5, 4);
        expect(object!.y).toBeCloseTo(y * 0.5, 4);
        expect(object!.w).toBeCloseTo(0.5, 4);
        expect(object!.h).toBeCloseTo(0.5, 4);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('clips to the picture and drops what is in the padding or is not a number', () => {
    const placement = placePicture(spec, 1280, 720); // content from y 91 to 325
    const boxes = new BoxList();
    boxes.push(-20, 91, 208, 500, 0.9, 0);
    boxes.push(10, 10, 50, 80, 0.8, 0);
    boxes.push(Number.NaN, 100, 50, 200, 0.7, 0);
    boxes.push(50, 100, 50, 200, 0.7, 0);
    const packed: number[] = [];
    expect(packObjects(boxes, placement, 0.5, packed)).toBe(1);
    expect(packed.slice(2)).toEqual([0, 0, 0.5, 1]);
  });
});
