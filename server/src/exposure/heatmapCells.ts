import { heatmapCells } from '../protocol/index.ts';

const bytesPerCell = 5;

/** As the database keeps it: the cells that are not 0, 5 bytes each: number of the cell, seconds as float32 little endian. */
export function encodeHeatmap(heatmap: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(heatmap.filter((seconds) => seconds > 0).length * bytesPerCell);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [cell, seconds] of heatmap.entries()) {
    if (seconds <= 0) continue;
    view.setUint8(at, cell);
    view.setFloat32(at + 1, seconds, true);
    at += bytesPerCell;
  }
  return bytes;
}

/** Adds one such heatmap, or any number of them one behind the other, to `sums`, weighted. */
export function addHeatmaps(sums: Float64Array, bytes: Uint8Array, weight = 1): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + bytesPerCell <= bytes.byteLength; at += bytesPerCell) {
    const cell = view.getUint8(at);
    if (cell < heatmapCells) sums[cell]! += view.getFloat32(at + 1, true) * weight;
  }
}
