import { cellCount, type Decode, floatsOf, type MatchFamily, mismatchOf, wrongOutputCount } from './Family.ts';

/**
 * The YOLOv8 / YOLO11 layout: [N, 4 + labels, cells], or the same transposed; cx, cy, w, h in input pixels, then
 * label scores after sigmoid.
 */
export const matchYolov8: MatchFamily = (outputs, context) => {
  const [output] = outputs;
  if (outputs.length !== 1 || !output) return wrongOutputCount(outputs, 'yolov8', 'one');
  const cells = cellCount(context.width, context.height, [8, 16, 32]);
  const [batch, second = 0, third = 0] = output.dims;
  const channelMajor = third === cells;
  const columns = channelMajor ? second : third;
  const labelCount = context.labelCount ?? columns - 4;
  const fits = output.dims.length === 3 && (channelMajor || second === cells) && columns === labelCount + 4;
  if (!fits || labelCount < 1) {
    const needed = context.labelCount === undefined ? '4+labels' : labelCount + 4;
    return mismatchOf(output, 'yolov8', context.labelCount, `[${batch},${needed},${cells}]`);
  }
  // Steps between a cell's next column, and between cells.
  const decode = decodeRows(labelCount, cells, context.scoreThreshold, channelMajor ? [cells, 1] : [1, columns]);
  return { labelCount, decode };
};

function decodeRows(
  labelCount: number,
  cells: number,
  scoreThreshold: number,
  [columnStep, cellStep]: [number, number],
): Decode {
  const bestScores = new Float32Array(cells);
  const bestLabels = new Int32Array(cells);
  return (outputs, image, boxes) => {
    const { data, begin } = floatsOf(outputs[0]!, image);
    bestScores.fill(-1);
    // Label by label: for the channel-major layout this walks memory in order.
    for (let label = 0; label < labelCount; label++) {
      let at = begin + (4 + label) * columnStep;
      for (let cell = 0; cell < cells; cell++, at += cellStep) {
        const score = data[at]!;
        if (score > bestScores[cell]!) {
          bestScores[cell] = score;
          bestLabels[cell] = label;
        }
      }
    }
    for (let cell = 0; cell < cells; cell++) {
      const score = bestScores[cell]!;
      if (!(score >= scoreThreshold)) continue;
      const at = begin + cell * cellStep;
      const [cx, cy] = [data[at]!, data[at + columnStep]!];
      const [w, h] = [data[at + 2 * columnStep]!, data[at + 3 * columnStep]!];
      boxes.pushCentred(cx, cy, w, h, score, bestLabels[cell]!);
    }
  };
}
