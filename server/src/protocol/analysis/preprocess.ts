import type { InputSpec, Placement } from './inputSpec.ts';

/** Fills the whole slot with the normalised pad value. Needed when a slot's Placement changes: frames overwrite only the content. */
export function fillPadding(spec: InputSpec, tensor: Float32Array, placement: Placement): void {
  const planeSize = spec.width * spec.height;
  const covered = placement.contentWidth === spec.width && placement.contentHeight === spec.height;
  if (covered) return;
  for (let c = 0; c < 3; c++) {
    tensor.fill(spec.pad * spec.scale[c]! + spec.bias[c]!, c * planeSize, (c + 1) * planeSize);
  }
}

/**
 * Turns the 0..1 floats that swscale's gbrpf32 wrote (planes already in tensor channel order) into what the model
 * wants, in place over the content rectangle. Free for models that want 0..1.
 */
export function normalisePlanes(spec: InputSpec, tensor: Float32Array, placement: Placement): void {
  const { contentX, contentY, contentWidth, contentHeight } = placement;
  for (let c = 0; c < 3; c++) {
    const scale = spec.scale[c]! * 255;
    const bias = spec.bias[c]!;
    if (bias === 0 && Math.abs(scale - 1) < 1e-6) continue;
    for (let y = 0; y < contentHeight; y++) {
      const begin = (c * spec.height + contentY + y) * spec.width + contentX;
      const end = begin + contentWidth;
      for (let i = begin; i < end; i++) tensor[i] = tensor[i]! * scale + bias;
    }
  }
}
