import type { GraphBuilder, Tensor } from './GraphBuilder.ts';
import type { MarkerSet } from './markerSet.ts';
import { atlasSize, levels, perCandidate } from './pyramid.ts';
import { fitColumns, fitMatrix, motionLimits, scoreMatrix, type PolarGrid } from './ringTemplates.ts';

/**
 * A candidate's frame is six numbers: picture = (x, y) + [[xx, xy], [yx, yy]] * marker units, in input pixels. A place
 * takes frames into GridSample's coordinates of the atlas: frame * place[0..6] + place[6..12].
 */
export function candidatePlaces(finer: number): number[][] {
  return perCandidate((_, at) => {
    const from = Math.max(0, at - finer);
    const level = levels[from]!;
    const scaleX = 2 / atlasSize.width / 2 ** from;
    const scaleY = 2 / atlasSize.height / 2 ** from;
    const originX = (2 * level.x) / atlasSize.width - 1;
    const originY = (2 * level.y) / atlasSize.height - 1;
    return [scaleX, scaleY, scaleX, scaleX, scaleY, scaleY, originX, originY, 0, 0, 0, 0];
  });
}

/** What one look at every candidate gives, each [batch, candidates, n]. */
export interface Look {
  samples: Tensor;
  /** Weighted standard deviation of the samples. */
  deviation: Tensor;
  /** `fitColumns` without the mean. */
  fit: Tensor;
}

/** A polar grid with its matrices, and the blur (outer radii) at which the picture is looked at. */
export class PolarView {
  readonly #g: GraphBuilder;
  readonly #grid: PolarGrid;
  readonly #basis: Tensor;
  readonly #fit: Tensor;
  readonly #weights: Tensor;
  readonly #templates: Tensor;

  constructor(g: GraphBuilder, set: MarkerSet, grid: PolarGrid, sigma: number) {
    this.#g = g;
    this.#grid = grid;
    const points = grid.x.length;
    // Rows x, y, xx, xy, yx, yy; columns interleave x and y of each point.
    const ofPoint = (point: number) => {
      const [x, y] = [grid.x[point]!, grid.y[point]!];
      return [[1, 0], [0, 1], [x, 0], [y, 0], [0, x], [0, y]]; // prettier-ignore
    };
    const rows = [0, 1, 2, 3, 4, 5].flatMap((row) => grid.x.flatMap((_, point) => ofPoint(point)[row]!));
    this.#basis = g.floats(rows, [6, points * 2]);
    this.#fit = g.floats(fitMatrix(set, grid, sigma), [points, fitColumns.length]);
    this.#weights = g.floats(grid.weight, [points, 1]);
    this.#templates = g.floats(scoreMatrix(set, grid, sigma), [points, set.markers.length]);
  }

  look(atlas: Tensor, frames: Tensor, [scale, origin]: [Tensor, Tensor], candidates: number): Look {
    const g = this.#g;
    const placed = g.op('Add', [g.op('Mul', [frames, scale]), origin]);
    const points = this.#grid.x.length;
    const positions = g.op('Reshape', [g.op('MatMul', [placed, this.#basis]), g.integers([0, candidates, points, 2])]);
    const sampling = { mode: 'bilinear', padding_mode: 'zeros', align_corners: 0 };
    const samples = g.op('Reshape', [
      g.op('GridSample', [atlas, positions], sampling),
      g.integers([0, candidates, points]),
    ]);
    const fitted = g.op('MatMul', [samples, this.#fit]);
    const names = [g.fresh('mean'), g.fresh('fit')];
    const sizes = g.integers([1, fitColumns.length - 1]);
    const [mean, fit] = g.ops('Split', [fitted, sizes], { axis: 2 }, names) as [Tensor, Tensor];
    const square = g.op('MatMul', [g.op('Mul', [samples, samples]), this.#weights]);
    const variance = g.op('Relu', [g.op('Sub', [square, g.op('Mul', [mean, mean])])]);
    return { samples, deviation: g.op('Sqrt', [variance]), fit };
  }

  /** Correlation coefficient with each marker, [batch, candidates, markers]. */
  correlations(look: Look): Tensor {
    const g = this.#g;
    const products = g.op('MatMul', [look.samples, this.#templates]);
    return g.op('Div', [products, g.op('Add', [look.deviation, g.scalar(0.0001)])]);
  }
}

/** Terms of a Gauss-Newton update, frame' = frame - sum of sign * frame[from] * motion[by] into [to]: A' = A (I - E). */
const updateTerms = [
  { from: 2, by: 0, to: 0, sign: 1 },
  { from: 3, by: 1, to: 0, sign: 1 },
  { from: 4, by: 0, to: 1, sign: 1 },
  { from: 5, by: 1, to: 1, sign: 1 },
  ...[2, 4].flatMap((x) => [
    { from: x, by: 2, to: x, sign: 1 },
    { from: x, by: 3, to: x, sign: 1 },
    { from: x + 1, by: 4, to: x, sign: 1 },
    { from: x + 1, by: 2, to: x + 1, sign: 1 },
    { from: x + 1, by: 3, to: x + 1, sign: -1 },
    { from: x, by: 4, to: x + 1, sign: 1 },
  ]),
];

/** Moves every frame by what a look at it fitted, within `motionLimits`. */
export function alignFrames(g: GraphBuilder, frames: Tensor, look: Look): Tensor {
  const names = [g.fresh('gain'), g.fresh('motion')];
  const [gain, motion] = g.ops('Split', [look.fit, g.integers([1, motionLimits.length])], { axis: 2 }, names) as [
    Tensor,
    Tensor,
  ];
  // A marker's deviation is about 0.45 of its gain; a misaligned one fits with too small a gain, and would overshoot.
  const floor = g.op('Add', [g.op('Mul', [look.deviation, g.scalar(1.3)]), g.scalar(0.001)]);
  const limited = g.op('Clip', [g.op('Div', [motion, g.op('Max', [gain, floor])]), g.scalar(-1), g.scalar(1)]);
  const select = (rows: number, value: (term: (typeof updateTerms)[number], row: number) => number) =>
    g.floats(Array.from({ length: rows }, (_, row) => updateTerms.map((term) => value(term, row))).flat(), [
      rows,
      updateTerms.length,
    ]);
  const from = g.op('MatMul', [frames, select(6, (term, row) => (term.from === row ? 1 : 0))]);
  const by = g.op('MatMul', [
    limited,
    select(motionLimits.length, (term, row) => (term.by === row ? motionLimits[row]! : 0)),
  ]);
  const into = updateTerms.flatMap((term) => [0, 1, 2, 3, 4, 5].map((to) => (term.to === to ? term.sign : 0)));
  return g.op('Sub', [frames, g.op('MatMul', [g.op('Mul', [from, by]), g.floats(into, [updateTerms.length, 6])])]);
}
