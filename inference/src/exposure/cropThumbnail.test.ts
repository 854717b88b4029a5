import { type InputSpec, placePicture } from '@framelock/server/protocol/analysis';
import { describe, expect, it } from 'vitest';
import { type AnalysedPicture, cropThumbnail, type Thumbnail } from './cropThumbnail.ts';

const base: InputSpec = {
  ...{ width: 320, height: 320, resize: 'letterbox', channels: 'rgb' },
  ...{ scale: [1 / 255, 1 / 255, 1 / 255], bias: [0, 0, 0], pad: 114 },
};

/** A picture whose pixel at (x, y), 0..1, is what `colour` says (0..255), as the Model gets it. */
function analysed(
  spec: InputSpec,
  frameWidth: number,
  frameHeight: number,
  colour: (x: number, y: number) => [number, number, number],
): AnalysedPicture {
  const tensor = new Float32Array(3 * spec.width * spec.height).fill(Number.NaN);
  const { contentX, contentY, contentWidth, contentHeight } = placePicture(spec, frameWidth, frameHeight);
  for (let y = 0; y < contentHeight; y++) {
    for (let x = 0; x < contentWidth; x++) {
      const rgb = colour((x + 0.5) / contentWidth, (y + 0.5) / contentHeight);
      const planes = spec.channels === 'rgb' ? rgb : rgb.toReversed();
      for (const [c, value] of planes.entries()) {
        const at = (c * spec.height + contentY + y) * spec.width + contentX + x;
        tensor[at] = value * spec.scale[c]! + spec.bias[c]!;
      }
    }
  }
  return { tensor, spec, frameWidth, frameHeight };
}

function rgbAt({ planes, width, height }: Thumbnail, x: number, y: number): number[] {
  const [at, size] = [y * width + x, width * height];
  const [luma, cb, cr] = [planes[at]!, planes[size + at]! - 128, planes[2 * size + at]! - 128];
  return [luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb].map(Math.round);
}

const close = (found: number[], wanted: number[]): void => {
  for (const [c, value] of wanted.entries()) expect(Math.abs(found[c]! - value)).toBeLessThanOrEqual(3);
};

/** Orange, with a blue mark from (0.4, 0.4) to (0.6, 0.6). */
const scene = (x: number, y: number): [number, number, number] =>
  x > 0.4 && x < 0.6 && y > 0.4 && y < 0.6 ? [20, 60, 220] : [250, 130, 10];
const markBox = { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };

describe('cropThumbnail', () => {
  it.each<[string, Partial<InputSpec>]>([
    ['planar 0..1', {}],
    ['BGR 0..255', { channels: 'bgr', scale: [1, 1, 1] }],
    ['ImageNet means', { scale: [0.0171, 0.0175, 0.0174], bias: [-2.1, -2, -1.8] }],
    ['in the corner', { resize: 'letterboxTopLeft' }],
    ['stretched', { resize: 'stretch' }],
  ])('has the mark with its colours and a margin: %s', (_, rest) => {
    const thumbnail = cropThumbnail(analysed({ ...base, ...rest }, 1280, 720, scene), markBox)!;
    const { width, height } = thumbnail;
    expect(Math.abs(width / height - 1280 / 720)).toBeLessThan(0.1);
    close(rgbAt(thumbnail, width >> 1, height >> 1), [20, 60, 220]);
    for (const [x, y] of [
      [0, 0],
      [width - 1, 0],
      [0, height - 1],
      [width - 1, height - 1],
    ] as const) {
      close(rgbAt(thumbnail, x, y), [250, 130, 10]);
    }
  });

  it('is in the resolution of the Model, and no side is over 160 pixels', () => {
    const picture = analysed(base, 1280, 720, scene);
    expect(cropThumbnail(picture, markBox)).toMatchObject({ width: 84, height: 48 });
    const large = analysed({ ...base, width: 640, height: 640 }, 640, 640, scene);
    expect(cropThumbnail(large, { x: 0, y: 0, w: 1, h: 1 })).toMatchObject({ width: 160, height: 160 });
    expect(cropThumbnail(large, { x: 0.1, y: 0.1, w: 0.8, h: 0.1 })!.width).toBe(160);
  });

  it('ends with the picture and never shows its padding', () => {
    const picture = analysed(base, 1280, 720, scene);
    for (const box of [
      { x: 0, y: 0, w: 0.1, h: 0.1 },
      { x: 0.9, y: 0.9, w: 0.1, h: 0.1 },
      { x: -0.2, y: 0.3, w: 1.4, h: 0.1 },
      { x: 0.5, y: 0.5, w: 0, h: 0 },
    ]) {
      const thumbnail = cropThumbnail(picture, box);
      if (!thumbnail) continue;
      const size = thumbnail.width * thumbnail.height;
      // NaN would have become 0, 0, 0: green.
      for (let at = 0; at < size; at++) expect(thumbnail.planes[2 * size + at]).toBeGreaterThan(60);
    }
    expect(cropThumbnail(picture, { x: 1.2, y: 0.5, w: 0.1, h: 0.1 })).toBeUndefined();
  });

  it('uses its memory again', () => {
    const picture = analysed(base, 1280, 720, scene);
    const first = cropThumbnail(picture, markBox)!;
    const again = cropThumbnail(picture, { ...markBox, w: 0.1 }, first)!;
    expect(again.planes).toBe(first.planes);
    close(rgbAt(again, 0, 0), [250, 130, 10]);
    expect(cropThumbnail(picture, { x: 0, y: 0, w: 1, h: 1 }, again)!.planes).not.toBe(first.planes);
  });
});
