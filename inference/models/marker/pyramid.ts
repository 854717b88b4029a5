import type { GraphBuilder, Tensor } from './GraphBuilder.ts';

/** Input size, pixels, and rows of the output. */
export const modelSize = { width: 512, height: 288, rows: 32 } as const;

/** Octaves, each half the size of the one before, how many candidates each may name, and its place in the atlas. */
export const levels = [
  { width: 512, height: 288, candidates: 100, x: 0, y: 0 },
  { width: 256, height: 144, candidates: 56, x: 0, y: 324 },
  { width: 128, height: 72, candidates: 24, x: 292, y: 324 },
  { width: 64, height: 36, candidates: 8, x: 292, y: 432 },
  { width: 32, height: 18, candidates: 6, x: 392, y: 432 },
] as const;
export type PyramidLevel = (typeof levels)[number];

/** The atlas: all octaves in one picture, at least 36 white pixels apart, so that one GridSample serves all candidates. */
export const atlasSize = { width: 512, height: 468 } as const;

/** Values per candidate, in candidate order. */
export function perCandidate(value: (level: PyramidLevel, at: number) => number[]): number[][] {
  return levels.flatMap((level, at) => Array.from({ length: level.candidates }, () => value(level, at)));
}

/** Grey pictures of all octaves and one more, [batch, 1, height, width], grey minus white: what lies outside is paper. */
export function buildPyramid(g: GraphBuilder, images: Tensor): Tensor[] {
  // BT.601 luma.
  const luma = g.floats([0.299, 0.587, 0.114], [1, 3, 1, 1]);
  const greys = [g.op('Conv', [images, luma, g.floats([-1], [1])], { kernel_shape: [1, 1] })];
  for (let at = 0; at < levels.length; at++) {
    greys.push(g.op('AveragePool', [greys[at]!], { kernel_shape: [2, 2], strides: [2, 2] }));
  }
  return greys;
}

/** Packs the octaves as `levels` places them, [batch, 1, 468, 512]. */
export function buildAtlas(g: GraphBuilder, greys: Tensor[]): Tensor {
  const pad = (tensor: Tensor, top: number, bottom: number, right: number) =>
    g.op('Pad', [tensor, g.integers([0, 0, top, 0, 0, 0, bottom, right])]);
  const beside = (...tensors: Tensor[]) => g.op('Concat', tensors, { axis: 3 });
  const below = (...tensors: Tensor[]) => g.op('Concat', tensors, { axis: 2 });
  const small = beside(pad(greys[3]!, 0, 0, 36), pad(greys[4]!, 0, 18, 88));
  const column = below(pad(greys[2]!, 0, 36, 92), small);
  return below(greys[0]!, pad(beside(pad(greys[1]!, 0, 0, 36), column), 36, 0, 0));
}
