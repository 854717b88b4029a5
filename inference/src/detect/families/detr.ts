import {
  type Decode,
  type FamilyContext,
  type FamilyMatch,
  floatsOf,
  type MatchFamily,
  type OutputTensor,
  shapeText,
  wrongOutputCount,
} from './Family.ts';

/**
 * DETR-like models: RT-DETR, D-FINE, DEIM. Their deployed form takes `orig_target_sizes` and gives `labels` [N, Q],
 * `boxes` [N, Q, 4] (x1, y1, x2, y2; pixels of the given size, which is the input's here) and `scores` [N, Q]. Their
 * raw form gives logits [N, Q, labels] and boxes [N, Q, 4] (cx, cy, w, h in 0..1 of the input); sigmoid scores.
 */
export const matchDetr: MatchFamily = (outputs, context) => {
  const boxesAt = outputs.findIndex(({ dims }) => dims.length === 3 && dims[2] === 4);
  const boxes = outputs[boxesAt];
  if (!boxes) return wrongOutputCount(outputs, 'detr', 'boxes [N,queries,4]');
  const queries = boxes.dims[1];
  if (outputs.length === 3) {
    const labelsAt = outputs.findIndex(({ name, dims }) => /label/i.test(name) && dims[1] === queries);
    const scoresAt = outputs.findIndex(({ name, dims }) => /score/i.test(name) && dims[1] === queries);
    if (labelsAt >= 0 && scoresAt >= 0) return deployed(labelsAt, boxesAt, scoresAt, context);
  }
  const logitsAt = outputs.findIndex(
    (output, i) => i !== boxesAt && output.dims.length === 3 && output.dims[1] === queries,
  );
  if (outputs.length === 2 && logitsAt >= 0) return raw(outputs[logitsAt]!, logitsAt, boxesAt, context);
  return wrongOutputCount(outputs, 'detr', `labels [N,Q], boxes [N,Q,4] and scores [N,Q], or logits and boxes`);
};

function deployed(labelsAt: number, boxesAt: number, scoresAt: number, context: FamilyContext): FamilyMatch {
  const decode: Decode = (outputs, image, boxes) => {
    const scores = floatsOf(outputs[scoresAt]!, image);
    const corners = floatsOf(outputs[boxesAt]!, image);
    const labels = outputs[labelsAt]!;
    const queries = outputs[scoresAt]!.dims[1]!;
    for (let query = 0; query < queries; query++) {
      const score = scores.data[scores.begin + query]!;
      if (!(score >= context.scoreThreshold)) continue;
      const label = Number(labels.data[image * queries + query]!);
      if (!(label >= 0 && (context.labelCount === undefined || label < context.labelCount))) continue;
      const { data } = corners;
      const at = corners.begin + query * 4;
      boxes.push(data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!, score, label);
    }
  };
  return { labelCount: context.labelCount ?? 80, decode };
}

function raw(logits: OutputTensor, logitsAt: number, boxesAt: number, context: FamilyContext): FamilyMatch {
  const labelCount = context.labelCount ?? logits.dims[2]!;
  if (logits.dims[2] !== labelCount) {
    const found = `output '${logits.name}' is ${shapeText(logits.dims)}`;
    return { mismatch: `${found}, but detr with ${labelCount} labels needs [N,${logits.dims[1]},${labelCount}]` };
  }
  const threshold = context.scoreThreshold;
  // The threshold as a logit: the sigmoid is then needed for the few that pass.
  const minLogit = threshold <= 0 ? -Infinity : Math.log(threshold / (1 - threshold));
  const decode: Decode = (outputs, image, boxes) => {
    const scores = floatsOf(outputs[logitsAt]!, image);
    const centres = floatsOf(outputs[boxesAt]!, image);
    const { data } = centres;
    for (let query = 0; query < logits.dims[1]!; query++) {
      for (let label = 0; label < labelCount; label++) {
        const logit = scores.data[scores.begin + query * labelCount + label]!;
        if (!(logit >= minLogit)) continue;
        const at = centres.begin + query * 4;
        const [cx, cy] = [data[at]! * context.width, data[at + 1]! * context.height];
        const [w, h] = [data[at + 2]! * context.width, data[at + 3]! * context.height];
        boxes.pushCentred(cx, cy, w, h, 1 / (1 + Math.exp(-logit)), label);
      }
    }
  };
  return { labelCount, decode };
}
