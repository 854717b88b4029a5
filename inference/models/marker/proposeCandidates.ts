import type { GraphBuilder, Tensor } from './GraphBuilder.ts';
import type { MarkerSet } from './markerSet.ts';
import { levels, perCandidate } from './pyramid.ts';
import { bandProfile, blurred, commonProfile, correlationKernel } from './ringTemplates.ts';

/** Marker diameters that one level looks for, level pixels: a quarter octave apart, each standing for +-9 %. */
const templateDiameters = [12.75, 15.16, 18.03, 21.44];

/**
 * The search runs on the next coarser picture, where fine rings melt: wide peaks and few operations. There the largest
 * template reaches 8 pixels from its centre.
 */
const kernelSize = 16;
const reach = 1.4;

/** Grid cells of a level: 2 level pixels apart, an even number each way. */
const cellsOf = (level: { width: number; height: number }) => ({
  columns: Math.ceil(level.width / 4) * 2,
  rows: Math.ceil(level.height / 4) * 2,
});

/** Codes are unknown to this stage: their bands count as mid grey. [16, 1, 16, 16] */
function proposalKernels(set: MarkerSet): number[] {
  const common = commonProfile(set);
  const ring = bandProfile(set, 'codeRing');
  const disc = bandProfile(set, 'codeDisc');
  const sharp = (radius: number) => common(radius) + 0.5 * (ring(radius) + disc(radius));
  // Output channel = phase * 4 + template, as DepthToSpace (DCR) reads it; the phases are 1 coarse pixel apart.
  const phases = [0, 1, 2, 3].map((phase) => [phase % 2, Math.floor(phase / 2)] as const);
  return phases.flatMap(([phaseX, phaseY]) =>
    templateDiameters.flatMap((diameter) => {
      // A peak lies up to half a coarse pixel from its grid point; more blur than this cost recall on busy pictures.
      const profile = blurred(sharp, 0.2 / (diameter / 4));
      const [centreX, centreY] = [7.5 + phaseX, 7.5 + phaseY];
      return [...correlationKernel(profile, { size: kernelSize, centreX, centreY, diameter: diameter / 2, reach })];
    }),
  );
}

/** Correlation coefficients, about -1..1, of one level with each template: [batch, 4, rows, columns]. */
function correlate(g: GraphBuilder, coarse: Tensor, at: number, kernels: Tensor): Tensor {
  const level = levels[at]!;
  const extra = cellsOf(level).rows - level.height / 2;
  const edge = { mode: 'edge' };
  const picture = extra === 0 ? coarse : g.op('Pad', [coarse, g.integers([0, 0, 0, 0, 0, 0, extra, 0])], edge);
  // The picture's border goes on outside, so that it is no edge itself. Kernel at 2i - 7: its phases' centres are those of pixels 2i, 2i + 1.
  const wider = g.op('Pad', [coarse, g.integers([0, 0, 7, 7, 0, 0, 7 + extra, 7])], edge);
  const correlated = g.op('Conv', [wider, kernels], { kernel_shape: [kernelSize, kernelSize], strides: [2, 2] });
  const responses = g.op('DepthToSpace', [correlated], { blocksize: 2, mode: 'DCR' });
  const moments = g.op('Concat', [picture, g.op('Mul', [picture, picture])], { axis: 1 });
  // Square windows of about the templates' area.
  const deviation = (window: number) => {
    const margin = (window - 1) / 2;
    const pooling = { kernel_shape: [window, window], strides: [1, 1], pads: [margin, margin, margin, margin] };
    const local = g.op('AveragePool', [moments], { ...pooling, count_include_pad: 0 });
    const names = [g.fresh('mean'), g.fresh('square')];
    const [mean, square] = g.ops('Split', [local, g.integers([1, 1])], { axis: 1 }, names) as [Tensor, Tensor];
    const variance = g.op('Relu', [g.op('Sub', [square, g.op('Mul', [mean, mean])])]);
    // A contrast of 2 % counts as none.
    return g.op('Add', [g.op('Sqrt', [variance]), g.scalar(0.02)]);
  };
  const [small, large] = [deviation(9), deviation(13)];
  return g.op('Div', [responses, g.op('Concat', [small, small, large, large], { axis: 1 })]);
}

/** Candidates as frames [x, y, xx, xy, yx, yy] in input pixels: circles, [batch, candidates, 6]; and their correlations, [batch, candidates]. */
export function proposeCandidates(
  g: GraphBuilder,
  greys: Tensor[],
  set: MarkerSet,
): { frames: Tensor; response: Tensor } {
  const kernels = g.floats(proposalKernels(set), [16, 1, kernelSize, kernelSize]);
  const starts: number[] = [];
  let cellCount = 0;
  const found = levels.map((level, at) => {
    const { columns, rows } = cellsOf(level);
    const correlations = correlate(g, greys[at + 1]!, at, kernels);
    const best = g.op('ReduceMax', [correlations], { axes: [1], keepdims: 1 });
    const around = g.op('MaxPool', [best], { kernel_shape: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] });
    const peaks = g.op('Where', [g.op('GreaterOrEqual', [best, around]), best, g.scalar(-100)]);
    const flat = (tensor: Tensor, dims: number[]) =>
      g.op('Reshape', [tensor, g.integers([0, ...dims, columns * rows])]);
    const names = [g.fresh('peak'), g.fresh('cell')];
    const [, cell] = g.ops('TopK', [flat(peaks, []), g.integers([level.candidates])], { axis: 1 }, names);
    starts.push(cellCount);
    cellCount += columns * rows;
    return {
      cell: g.op('Add', [cell!, g.integers([starts[at]!], [1])]),
      best: flat(best, []),
      each: flat(correlations, [4]),
    };
  });
  const join = (tensors: Tensor[], axis: number) => g.op('Concat', tensors, { axis });
  const cell = join(
    found.map((level) => level.cell),
    1,
  );
  const best = join(
    found.map((level) => level.best),
    1,
  );
  const each = join(
    found.map((level) => level.each),
    2,
  );

  const constant = (value: (level: { width: number; height: number }, at: number) => number) => {
    const values = perCandidate((level, at) => [value(level, at)]).flat();
    return g.floats(values, [1, values.length]);
  };
  const columns = constant((level) => cellsOf(level).columns);
  const position = g.op('Cast', [cell], { to: 1 });
  const local = g.op('Sub', [position, constant((_, at) => starts[at]!)]);
  const row = g.op('Floor', [g.op('Div', [g.op('Add', [local, g.scalar(0.5)]), columns])]);
  const column = g.op('Sub', [local, g.op('Mul', [row, columns])]);

  const one = g.scalar(1);
  const neighbours = ['Sub', 'Add'].flatMap((side) => [g.op(side, [position, one]), g.op(side, [position, columns])]);
  const clipped = g.op('Clip', [join(neighbours, 1), g.scalar(0), g.scalar(cellCount - 1)]);
  const around = g.op('GatherElements', [best, g.op('Cast', [clipped], { to: 7 })], { axis: 1 });
  const count = perCandidate(() => [0]).length;
  const names = ['left', 'above', 'right', 'below'].map((stem) => g.fresh(stem));
  const [left, above, right, below] = g.ops(
    'Split',
    [around, g.integers([count, count, count, count])],
    { axis: 1 },
    names,
  );
  const here = g.op('GatherElements', [best, cell], { axis: 1 });
  /** Centre in input pixels: the vertex of the parabola through three values, at most 0.6 cells from the middle one. */
  const centre = (index: Tensor, before: Tensor, after: Tensor) => {
    const curve = g.op('Sub', [g.op('Add', [here, here]), g.op('Add', [before, after])]);
    const halfSlope = g.op('Mul', [g.op('Sub', [after, before]), g.scalar(0.5)]);
    const vertex = g.op('Div', [halfSlope, g.op('Add', [g.op('Abs', [curve]), g.scalar(0.001)])]);
    const shift = g.op('Clip', [vertex, g.scalar(-0.6), g.scalar(0.6)]);
    const cells = g.op('Add', [g.op('Add', [index, shift]), g.scalar(0.5)]);
    return g.op('Mul', [cells, constant((_, at) => 2 ** (at + 1))]);
  };

  // The templates' correlations weigh their sizes: softmax with a temperature at which the best one counts for most.
  const cells = g.op('Tile', [
    g.op('Unsqueeze', [cell, g.integers([1])]),
    g.integers([1, templateDiameters.length, 1]),
  ]);
  const profile = g.op('GatherElements', [each, cells], { axis: 2 });
  const share = g.op('Softmax', [g.op('Mul', [profile, g.scalar(12)])], { axis: 1 });
  const logRadii = g.floats(
    templateDiameters.map((diameter) => Math.log(diameter / 2)),
    [1, templateDiameters.length, 1],
  );
  const logRadius = g.op('ReduceSum', [g.op('Mul', [share, logRadii]), g.integers([1])], { keepdims: 0 });
  const radius = g.op('Mul', [g.op('Exp', [logRadius]), constant((_, at) => 2 ** at)]);
  const zero = g.op('Mul', [radius, g.scalar(0)]);
  const state = [centre(column, left!, right!), centre(row, above!, below!), radius, zero, zero, radius];
  const frames = join(
    state.map((tensor) => g.op('Unsqueeze', [tensor, g.integers([2])])),
    2,
  );
  return { frames, response: here };
}
