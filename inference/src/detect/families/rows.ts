import {
  type Decode,
  type FamilyContext,
  type FamilyMatch,
  floatsOf,
  mismatchOf,
  type OutputTensor,
  wrongOutputCount,
} from './Family.ts';

/** Rows [N, K, 6] of x1, y1, x2, y2 (input pixels), score, label: finished detections, nothing left to decode. */
export function matchRows(
  family: string,
  output: OutputTensor | undefined,
  outputs: readonly OutputTensor[],
  context: FamilyContext,
): FamilyMatch {
  if (!output) return wrongOutputCount(outputs, family, 'one');
  if (output.dims.length !== 3 || output.dims[2] !== 6) {
    return mismatchOf(output, family, context.labelCount, `[${output.dims[0]},K,6]`);
  }
  const rows = output.dims[1]!;
  const at = outputs.indexOf(output);
  const decode: Decode = (tensors, image, boxes) => {
    const { data, begin } = floatsOf(tensors[at]!, image);
    for (let row = 0, i = begin; row < rows; row++, i += 6) {
      const score = data[i + 4]!;
      if (!(score > 0 && score >= context.scoreThreshold)) continue;
      const label = Math.round(data[i + 5]!);
      if (!(label >= 0 && (context.labelCount === undefined || label < context.labelCount))) continue;
      boxes.push(data[i]!, data[i + 1]!, data[i + 2]!, data[i + 3]!, score, label, row);
    }
  };
  // Rows do not say how many labels there are; a model without any listed is read as COCO by its makers' habit.
  return { labelCount: context.labelCount ?? 80, decode };
}
