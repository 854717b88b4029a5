import { codeBits, codeColumns as columns } from '@framelock/server/protocol/tap/testing';
import type { InputSpec, Placement } from '@framelock/server/protocol/analysis';

/** Tests and benches only: the number of `encodeClip`'s picture in a tensor, or why it can't be read: any doubt is a failure. */
export function readNumber(spec: InputSpec, tensor: Float32Array, placement: Placement): number | string {
  const { contentX, contentY, contentWidth, contentHeight } = placement;
  const pixel = (plane: number, column: number, row: number): number => {
    const x = contentX + Math.floor(((column + 0.5) * contentWidth) / columns);
    const y = contentY + Math.floor(row * contentHeight);
    const value = tensor[(plane * spec.height + y) * spec.width + x]!;
    return (value - spec.bias[plane]!) / spec.scale[plane]! / 255;
  };
  const [red, blue] = spec.channels === 'rgb' ? [0, 2] : [2, 0];
  if (pixel(red, 0, 0.25) < 0.7 || pixel(blue, 0, 0.25) > 0.3) return 'the left edge is not red';
  if (pixel(blue, columns - 1, 0.75) < 0.7 || pixel(red, columns - 1, 0.75) > 0.3) return 'the right edge is not blue';
  let number = 0;
  for (let bit = 0; bit < codeBits; bit++) {
    for (let plane = 0; plane < 3; plane++) {
      const upper = pixel(plane, bit + 1, 0.2);
      const lower = pixel(plane, bit + 1, 0.8);
      if (Math.abs(upper - lower) < 0.6) return `bit ${bit} is not clear: ${upper.toFixed(2)} over ${lower.toFixed(2)}`;
      if (plane === 0 && upper > lower) number |= 1 << bit;
      if (plane > 0 && upper > lower !== ((number >> bit) & 1) > 0) return `bit ${bit} is coloured`;
    }
  }
  const padding = tensor[spec.width * spec.height - 1]!;
  const padded = contentX + contentWidth < spec.width || contentY + contentHeight < spec.height;
  if (padded && Math.abs(padding - (spec.pad * spec.scale[0] + spec.bias[0])) > 1e-3) return 'the padding is not clean';
  return number;
}
