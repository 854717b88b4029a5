import type { BoxList } from '@framelock/server/protocol/analysis';

/** Appends the rows [K, 6] of x1, y1, x2, y2 (input pixels), score, label that are sure enough; score 0 = an empty row. */
export function readRows(
  rows: Float32Array,
  { scoreThreshold, labelCount }: { scoreThreshold: number; labelCount: number },
  boxes: BoxList,
): void {
  for (let row = 0, at = 0; at + 6 <= rows.length; row++, at += 6) {
    const score = rows[at + 4]!;
    if (!(score > 0 && score >= scoreThreshold)) continue;
    const label = Math.round(rows[at + 5]!);
    if (!(label >= 0 && label < labelCount)) continue;
    boxes.push(rows[at]!, rows[at + 1]!, rows[at + 2]!, rows[at + 3]!, score, label, row);
  }
}
