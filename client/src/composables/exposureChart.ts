/** Geometry of the charts of a report, in the units of their view boxes. */

/** What a strip is wide. */
export const stripWidth = 1_000;
/** Of a moment on a long strip: as wide as can be seen. */
const leastWidth = 1.6;

/** Times on screen as one SVG path of lying lines at height `y`; a moment of nothing is a dot that can be seen. */
export function stripPath(timeline: readonly (readonly [number, number])[], span: number, y: number): string {
  if (!(span > 0)) return '';
  let path = '';
  for (const [from, to] of timeline) {
    const begin = Math.min(stripWidth, Math.max(0, (from / span) * stripWidth));
    const end = Math.min(stripWidth, Math.max(0, (to / span) * stripWidth));
    const middle = (begin + end) / 2;
    const half = Math.max(leastWidth, end - begin) / 2;
    const left = Math.max(0, Math.min(stripWidth - 2 * half, middle - half));
    path += `M${round(left)} ${y}h${round(Math.min(2 * half, stripWidth))}`;
  }
  return path;
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

export interface Tick {
  /** 0..1 of the strip. */
  at: number;
  /** Seconds since the beginning. */
  seconds: number;
}

/** Round times since the beginning, at most `most` of them. */
export function ticks(span: number, most: number): Tick[] {
  if (!(span > 0) || most < 1) return [];
  const step = steps.find((one) => span / one <= most) ?? Math.ceil(span / most / 86_400) * 86_400;
  const found: Tick[] = [];
  for (let seconds = 0; seconds <= span; seconds += step) found.push({ at: seconds / span, seconds });
  return found;
}

/** How strong a cell of a heatmap is drawn, 0..1: by its root, since one place is often much longer than all others. */
export function cellStrengths(heatmap: readonly number[]): number[] {
  const most = Math.max(0, ...heatmap);
  return heatmap.map((seconds) => (most > 0 && seconds > 0 ? 0.12 + 0.88 * Math.sqrt(seconds / most) : 0));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
