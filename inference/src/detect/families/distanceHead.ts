import type { BoxList } from '@framelock/server/protocol/analysis';
import {
  type Decode,
  type FamilyContext,
  type FamilyMatch,
  floatsOf,
  mismatchOf,
  type OutputTensor,
  wrongOutputCount,
} from './Family.ts';

/** Bins of the distribution of each side's distance (Generalized Focal Loss, arXiv 2006.04388): 0..7 strides. */
const bins = 8;

/**
 * Heads that give, per stride, label scores [N, cells, labels] and four distance distributions [N, cells, 4 * 8]:
 * NanoDet and PicoDet. Outputs are told apart by their shapes, since exporters number and order them as they like.
 */
export function matchDistanceHead(
  family: string,
  strides: readonly number[],
  outputs: readonly OutputTensor[],
  context: FamilyContext,
): FamilyMatch {
  const needed = `scores and distances for each of the strides ${strides.join(', ')}`;
  if (outputs.length !== strides.length * 2) return wrongOutputCount(outputs, family, needed);
  const levels: { stride: number; scores: number; distances: number }[] = [];
  let { labelCount } = context;
  for (const stride of strides) {
    const cells = Math.ceil(context.width / stride) * Math.ceil(context.height / stride);
    const ofLevel = [...outputs.keys()].filter((i) => outputs[i]!.dims.length === 3 && outputs[i]!.dims[1] === cells);
    const columnsOf = (i: number): number => outputs[i]!.dims[2]!;
    // With 32 labels both look alike: scores come first in every exporter seen.
    const distances = ofLevel.findLast((i) => columnsOf(i) === 4 * bins);
    const scores = ofLevel.find((i) => i !== distances);
    if (ofLevel.length !== 2 || distances === undefined || scores === undefined) {
      return {
        mismatch: `stride ${stride} needs outputs [N,${cells},labels] and [N,${cells},${4 * bins}] for ${family}`,
      };
    }
    labelCount ??= columnsOf(scores);
    if (columnsOf(scores) !== labelCount) {
      return mismatchOf(outputs[scores]!, family, labelCount, `[${outputs[scores]!.dims[0]},${cells},${labelCount}]`);
    }
    levels.push({ stride, scores, distances });
  }
  const labels = labelCount!;
  const decode: Decode = (tensors, image, boxes) => {
    for (const { stride, scores, distances } of levels) {
      decodeLevel(tensors[scores]!, tensors[distances]!, image, stride, context, boxes);
    }
  };
  return { labelCount: labels, decode };
}

function decodeLevel(
  scores: OutputTensor,
  distances: OutputTensor,
  image: number,
  stride: number,
  { width, scoreThreshold }: FamilyContext,
  boxes: BoxList,
): void {
  const across = Math.ceil(width / stride);
  const [, cells = 0, labelCount = 0] = scores.dims;
  const { data, begin } = floatsOf(scores, image);
  const side = floatsOf(distances, image);
  for (let cell = 0; cell < cells; cell++) {
    let best = -1;
    let bestScore = scoreThreshold;
    for (let label = 0, at = begin + cell * labelCount; label < labelCount; label++, at++) {
      if (data[at]! > bestScore || (best < 0 && data[at]! === bestScore)) {
        best = label;
        bestScore = data[at]!;
      }
    }
    if (best < 0) continue;
    const cx = ((cell % across) + 0.5) * stride;
    const cy = (Math.floor(cell / across) + 0.5) * stride;
    const at = side.begin + cell * 4 * bins;
    const left = expectedBin(side.data, at) * stride;
    const top = expectedBin(side.data, at + bins) * stride;
    const right = expectedBin(side.data, at + 2 * bins) * stride;
    const bottom = expectedBin(side.data, at + 3 * bins) * stride;
    boxes.push(cx - left, cy - top, cx + right, cy + bottom, bestScore, best);
  }
}

/** Expectation of the softmax over the bins. */
function expectedBin(data: Float32Array, at: number): number {
  let largest = -Infinity;
  for (let i = 0; i < bins; i++) largest = Math.max(largest, data[at + i]!);
  let weights = 0;
  let sum = 0;
  for (let i = 0; i < bins; i++) {
    const weight = Math.exp(data[at + i]! - largest);
    weights += weight;
    sum += weight * i;
  }
  return sum / weights;
}
