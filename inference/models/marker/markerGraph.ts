import { alignFrames, candidatePlaces, PolarView, type Look } from './alignCandidates.ts';
import { GraphBuilder, type Tensor } from './GraphBuilder.ts';
import type { MarkerSet } from './markerSet.ts';
import { proposeCandidates } from './proposeCandidates.ts';
import { buildAtlas, buildPyramid, modelSize } from './pyramid.ts';
import { polarGrid } from './ringTemplates.ts';

/** Candidates that are looked at closely. */
const finalists = 56;

/** Score of a correlation: 0 at `zero` and below, 1 at `one` and above. Set by judgement; the README says what it gives. */
const correlationScore = { zero: 0.6, one: 0.95 } as const;

/** Splits the last axis into columns of one. */
function splitColumns(g: GraphBuilder, tensor: Tensor, stems: string[]): Tensor[] {
  return g.ops(
    'Split',
    [tensor, g.integers(stems.map(() => 1))],
    { axis: 2 },
    stems.map((stem) => g.fresh(stem)),
  );
}

/** Box, score and label of every candidate, [batch, candidates, 6]. */
function scoreFrames(g: GraphBuilder, frames: Tensor, look: Look, correlations: Tensor): Tensor {
  const best = g.op('ReduceMax', [correlations], { axes: [2], keepdims: 1 });
  const label = g.op('Cast', [g.op('ArgMax', [correlations], { axis: 2, keepdims: 1 })], { to: 1 });
  const product = (a: Tensor, b: Tensor) => g.op('Mul', [a, b]);
  const unit = (value: Tensor) => g.op('Clip', [value, g.scalar(0), g.scalar(1)]);
  const slope = g.scalar(1 / (correlationScore.one - correlationScore.zero));
  const likeness = unit(product(g.op('Sub', [best, g.scalar(correlationScore.zero)]), slope));
  const contrast = unit(product(look.deviation, g.scalar(1 / 0.03)));

  const [x, y, xx, xy, yx, yy] = splitColumns(g, frames, ['x', 'y', 'xx', 'xy', 'yx', 'yy']) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const sum = (a: Tensor, b: Tensor) => g.op('Add', [a, b]);
  const minus = (a: Tensor, b: Tensor) => g.op('Sub', [a, b]);
  const halfWidth2 = sum(product(xx, xx), product(xy, xy));
  const halfHeight2 = sum(product(yx, yx), product(yy, yy));
  const determinant = minus(product(xx, yy), product(xy, yx));
  // 1 for a circle, 2ab / (a^2 + b^2) for an ellipse: 0.85 is a tilt of 55 degrees.
  const roundness = g.op('Div', [
    product(g.scalar(2), determinant),
    sum(sum(halfWidth2, halfHeight2), g.scalar(0.001)),
  ]);
  const isRound = g.op('Cast', [g.op('Greater', [roundness, g.scalar(0.85)])], { to: 1 });
  const score = product(product(likeness, contrast), isRound);
  const halfWidth = g.op('Sqrt', [halfWidth2]);
  const halfHeight = g.op('Sqrt', [halfHeight2]);
  const columns = [minus(x, halfWidth), minus(y, halfHeight), sum(x, halfWidth), sum(y, halfHeight), score, label];
  return g.op('Concat', columns, { axis: 2 });
}

/** Rows of [batch, rows, columns] in the order of the best of [batch, rows]. */
function bestRows(g: GraphBuilder, scores: Tensor, count: number): Tensor {
  const names = [g.fresh('best'), g.fresh('order')];
  return g.ops('TopK', [scores, g.integers([count])], { axis: 1 }, names)[1]!;
}

function gatherRows(g: GraphBuilder, rows: Tensor, order: Tensor, columns: number): Tensor {
  const index = g.op('Tile', [g.op('Unsqueeze', [order, g.integers([2])]), g.integers([1, 1, columns])]);
  return g.op('GatherElements', [rows, index], { axis: 1 });
}

/** The best rows in order; a row whose centre lies on a better one's marker gets score 0. */
function suppressDuplicates(g: GraphBuilder, rows: Tensor): void {
  const count = modelSize.rows;
  const scores = g.op('Slice', [rows, g.integers([4]), g.integers([5]), g.integers([2])]);
  const order = bestRows(g, g.op('Squeeze', [scores, g.integers([2])]), count);
  const columns = splitColumns(g, gatherRows(g, rows, order, 6), ['x1', 'y1', 'x2', 'y2', 'score', 'label']);
  const [x1, y1, x2, y2, score, label] = columns as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const turned = (tensor: Tensor) => g.op('Transpose', [tensor], { perm: [0, 2, 1] });
  const twiceApart2 = (low: Tensor, high: Tensor) => {
    const twice = g.op('Add', [low, high]);
    const apart = g.op('Sub', [twice, turned(twice)]);
    return g.op('Mul', [apart, apart]);
  };
  const apart2 = g.op('Add', [twiceApart2(x1, x2), twiceApart2(y1, y2)]);
  const width = g.op('Sub', [x2, x1]);
  // Nearer than 0.8 of the wider one's radius.
  const nearness = g.op('Mul', [g.op('Max', [width, turned(width)]), g.scalar(0.8)]);
  const isNear = g.op('Less', [apart2, g.op('Mul', [nearness, nearness])]);
  const earlier = Array.from({ length: count * count }, (_, at) => (at % count < Math.floor(at / count) ? 1 : 0));
  const isDuplicate = g.op('Mul', [g.op('Cast', [isNear], { to: 1 }), g.floats(earlier, [1, count, count])]);
  const keep = g.op('Sub', [g.scalar(1), g.op('ReduceMax', [isDuplicate], { axes: [2], keepdims: 1 })]);
  g.op('Concat', [x1, y1, x2, y2, g.op('Mul', [score, keep]), label], { axis: 2 }, 'detections');
}

/** The whole detector as ONNX bytes. Same set, same bytes. */
export function markerGraph(set: MarkerSet): Uint8Array {
  const g = new GraphBuilder();
  const greys = buildPyramid(g, 'images');
  const atlas = buildAtlas(g, greys);
  const proposed = proposeCandidates(g, greys, set);
  let frames = proposed.frames;

  // First a glance at all candidates, on their own octave: the rings tell markers from other dark spots.
  const glance = new PolarView(g, set, polarGrid({ rings: 10, angles: 12, reach: 1.3 }), 0.14);
  const places = [candidatePlaces(0), candidatePlaces(1)] as const;
  const candidates = places[0].length;
  const constants = (from: number) =>
    g.floats(
      places[0].flatMap((place) => place.slice(from, from + 6)),
      [1, candidates, 6],
    );
  let look = glance.look(atlas, frames, [constants(0), constants(6)], candidates);
  const seen = g.op('ReduceMax', [glance.correlations(look)], { axes: [2], keepdims: 0 });
  const promise = g.op('Add', [seen, g.op('Mul', [proposed.response, g.scalar(0.5)])]);
  const chosen = bestRows(g, promise, finalists);
  frames = gatherRows(g, alignFrames(g, frames, look), chosen, 6);
  const placesOfChosen = (octave: number[][]) => {
    const gathered = g.op('Gather', [g.floats(octave.flat(), [candidates, 12]), chosen], { axis: 0 });
    return g.ops('Split', [gathered, g.integers([6, 6])], { axis: 2 }, [g.fresh('scale'), g.fresh('origin')]) as [
      Tensor,
      Tensor,
    ];
  };
  const coarse = new PolarView(g, set, polarGrid({ rings: 12, angles: 16, reach: 1.3 }), 0.14);
  frames = alignFrames(g, frames, coarse.look(atlas, frames, placesOfChosen(places[0]), finalists));
  // Then closely, one octave finer.
  const fine = new PolarView(g, set, polarGrid({ rings: 16, angles: 20, reach: 1.3 }), 0.07);
  const finePlace = placesOfChosen(places[1]);
  for (let step = 0; step < 2; step++) frames = alignFrames(g, frames, fine.look(atlas, frames, finePlace, finalists));
  look = fine.look(atlas, frames, finePlace, finalists);
  suppressDuplicates(g, scoreFrames(g, frames, look, fine.correlations(look)));
  return g.encode({
    name: 'framelock-marker',
    opset: 16,
    input: { name: 'images', dims: ['batch', 3, modelSize.height, modelSize.width] },
    output: { name: 'detections', dims: ['batch', modelSize.rows, 6] },
  });
}
