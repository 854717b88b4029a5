import type { InputSpec } from '@framelock/server/protocol/analysis';

/** Turns RGBA pixels of the whole input (width * height * 4 bytes) into its three planes. */
export function fillTensor(spec: InputSpec, rgba: Uint8ClampedArray, tensor: Float32Array): void {
  const size = spec.width * spec.height;
  for (let c = 0; c < 3; c++) {
    const from = spec.channels === 'rgb' ? c : 2 - c;
    const scale = spec.scale[c]!;
    const bias = spec.bias[c]!;
    const begin = c * size;
    for (let i = 0, at = from; i < size; i++, at += 4) tensor[begin + i] = rgba[at]! * scale + bias;
  }
}
