import { type InputSpec, placePicture } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';

export type Colour = [number, number, number];
/** x, y in 0..1 of the picture. */
export type Draw = (x: number, y: number) => Colour;

export const bytesSpec: InputSpec = {
  ...{ width: 320, height: 192, resize: 'letterbox', channels: 'rgb', pad: 114 },
  ...{ scale: [1, 1, 1], bias: [0, 0, 0] },
};

/** For tests: what a Model with this input would see of a drawing. */
export function pictureOf(draw: Draw, spec = bytesSpec, frameWidth = 1280, frameHeight = 720): AnalysedPicture {
  const plane = spec.width * spec.height;
  const tensor = new Float32Array(3 * plane);
  const { contentX, contentY, contentWidth, contentHeight } = placePicture(spec, frameWidth, frameHeight);
  for (let c = 0; c < 3; c++) tensor.fill(spec.pad * spec.scale[c]! + spec.bias[c]!, c * plane, (c + 1) * plane);
  for (let y = 0; y < contentHeight; y++) {
    for (let x = 0; x < contentWidth; x++) {
      const colour = draw((x + 0.5) / contentWidth, (y + 0.5) / contentHeight);
      for (let c = 0; c < 3; c++) {
        const value = colour[spec.channels === 'rgb' ? c : 2 - c]!;
        tensor[c * plane + (contentY + y) * spec.width + contentX + x] = value * spec.scale[c]! + spec.bias[c]!;
      }
    }
  }
  return { tensor, spec, frameWidth, frameHeight };
}
