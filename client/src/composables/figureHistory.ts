/** The last `limit` values of one figure, oldest first; what falls out at the front is gone. */
export function pushFigure(history: readonly number[], value: number, limit: number): number[] {
  const finite = Number.isFinite(value) ? value : 0;
  return history.length < limit ? [...history, finite] : [...history.slice(history.length - limit + 1), finite];
}

/**
 * Points of a sparkline in a box of width x height, newest at the right edge. The scale begins at zero and never
 * shrinks below `floor`, so that noise of a steady figure does not look like a storm.
 */
export function sparklinePoints(
  history: readonly number[],
  box: { width: number; height: number; limit: number; floor: number },
): [number, number][] {
  const top = Math.max(box.floor, ...history);
  const step = box.width / Math.max(1, box.limit - 1);
  const start = box.width - step * (history.length - 1);
  return history.map((value, index) => [
    round(start + index * step),
    round(box.height - (Math.max(0, value) / (top || 1)) * box.height),
  ]);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
