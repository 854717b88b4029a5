import {
  cellCount,
  type Decode,
  type FamilyContext,
  floatsOf,
  type MatchFamily,
  mismatchOf,
  wrongOutputCount,
} from './Family.ts';

const strides = [8, 16, 32];

/**
 * YOLOX (arXiv 2107.08430): [N, cells, 5 + labels], rows cx, cy, w, h, objectness, label scores; score = objectness *
 * label. The exports with `--decode_in_inference` off give cx, cy as offsets in cells and w, h as logarithms; the
 * others give pixels. Which one it is shows in the values.
 */
export const matchYolox: MatchFamily = (outputs, context) => {
  const [output] = outputs;
  if (outputs.length !== 1 || !output) return wrongOutputCount(outputs, 'yolox', 'one');
  const cells = cellCount(context.width, context.height, strides);
  const labelCount = context.labelCount ?? (output.dims[2] ?? 0) - 5;
  if (output.dims.length !== 3 || output.dims[1] !== cells || output.dims[2] !== labelCount + 5 || labelCount < 1) {
    const columns = context.labelCount === undefined ? '5+labels' : labelCount + 5;
    return mismatchOf(output, 'yolox', context.labelCount, `[${output.dims[0]},${cells},${columns}]`);
  }
  const decoded = looksDecoded(output.data as Float32Array, labelCount + 5, context);
  return { labelCount, decode: decoded ? decodePixels(labelCount, context) : decodeCells(labelCount, context) };
};

/** Offsets are a few cells at most, wherever the cell is; pixel centres average half the input. */
function looksDecoded(data: Float32Array, columns: number, { width, height }: FamilyContext): boolean {
  const rows = Math.ceil(width / 8) * Math.ceil(height / 8);
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += Math.abs(data[row * columns]!);
  return sum / rows > Math.min(width, height) / 8;
}

/** The best label of a row, or -1 when it stays below the threshold. */
function bestLabel(data: Float32Array, scoresAt: number, labelCount: number, atLeast: number): number {
  let best = -1;
  let bestScore = atLeast;
  for (let label = 0; label < labelCount; label++) {
    const score = data[scoresAt + label]!;
    if (score >= bestScore) {
      // `>=` against the threshold, `>` among labels: the first of equals stays.
      if (best >= 0 && score === bestScore) continue;
      best = label;
      bestScore = score;
    }
  }
  return best;
}

function decodeCells(labelCount: number, { width, height, scoreThreshold }: FamilyContext): Decode {
  const columns = labelCount + 5;
  return (outputs, image, boxes) => {
    const { data, begin } = floatsOf(outputs[0]!, image);
    let at = begin;
    for (const stride of strides) {
      const across = Math.ceil(width / stride);
      const down = Math.ceil(height / stride);
      for (let cell = 0; cell < across * down; cell++, at += columns) {
        const objectness = data[at + 4]!;
        if (!(objectness >= scoreThreshold)) continue;
        const label = bestLabel(data, at + 5, labelCount, scoreThreshold / objectness);
        if (label < 0) continue;
        const cx = (data[at]! + (cell % across)) * stride;
        const cy = (data[at + 1]! + Math.floor(cell / across)) * stride;
        const w = Math.exp(data[at + 2]!) * stride;
        const h = Math.exp(data[at + 3]!) * stride;
        boxes.pushCentred(cx, cy, w, h, objectness * data[at + 5 + label]!, label);
      }
    }
  };
}

function decodePixels(labelCount: number, { scoreThreshold }: FamilyContext): Decode {
  const columns = labelCount + 5;
  return (outputs, image, boxes) => {
    const { data, begin } = floatsOf(outputs[0]!, image);
    const end = begin + outputs[0]!.dims[1]! * columns;
    for (let at = begin; at < end; at += columns) {
      const objectness = data[at + 4]!;
      if (!(objectness >= scoreThreshold)) continue;
      const label = bestLabel(data, at + 5, labelCount, scoreThreshold / objectness);
      if (label < 0) continue;
      const score = objectness * data[at + 5 + label]!;
      boxes.pushCentred(data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!, score, label);
    }
  };
}
