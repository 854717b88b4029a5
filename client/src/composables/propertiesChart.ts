import type { PropertiesAnswer, PropertiesPoint } from '@framelock/server/protocol';

/** Units of the view boxes. */
export const stripWidth = 1_000;
export const rowHeight = 40;

export const propertyRows = [
  { key: 'brightness', label: 'Brightness', hint: 'mean luma: 0 % is black, 100 % is white' },
  { key: 'contrast', label: 'Contrast', hint: 'spread of luma: 100 % is half black, half white' },
  { key: 'saturation', label: 'Saturation', hint: '0 % is grey' },
  { key: 'motion', label: 'Motion', hint: 'share of the picture that changes in 0.1 s' },
] as const;
export type PropertyKey = (typeof propertyRows)[number]['key'];

/** A gap of more than this many points is a gap and no line. */
const joinedPoints = 2.5;

interface Placed {
  x: number;
  point: PropertiesPoint;
}

export function placePoints({ from, to, seconds }: PropertiesAnswer): Placed[] {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const span = Math.max(1, toMs - fromMs);
  return seconds.map((point) => ({ x: ((Date.parse(point.at) - fromMs) / span) * stripWidth, point }));
}

/** What a row's scale ends at: motion is often a few percent, and would be a flat line on the whole scale. */
export function scaleTop(key: PropertyKey, seconds: readonly PropertiesPoint[]): number {
  if (key !== 'motion') return 1;
  const most = Math.max(0, ...seconds.map(({ motion }) => motion ?? 0));
  return [0.05, 0.1, 0.25, 0.5, 1].find((top) => top >= most) ?? 1;
}

/** A line and the area below it, broken where nothing was analysed. */
export function propertyPaths(answer: PropertiesAnswer, key: PropertyKey): { line: string; area: string } {
  const top = scaleTop(key, answer.seconds);
  const longest = (answer.pointSeconds * joinedPoints * 1_000 * stripWidth) / rangeMs(answer);
  const runs: { x: number; y: number }[][] = [];
  let lastX = -Infinity;
  for (const { x, point } of placePoints(answer)) {
    const value = point[key];
    if (value === null) continue;
    if (x - lastX > longest || runs.length === 0) runs.push([]);
    lastX = x;
    runs.at(-1)!.push({ x, y: rowHeight * (1 - Math.min(1, value / top)) });
  }
  let [line, area] = ['', ''];
  for (const run of runs) {
    const [first, last] = [run[0]!, run.at(-1)!];
    const points = run.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L');
    // A single point is a dot that can be seen: a line of no length with round ends.
    line += `M${points}${run.length === 1 ? 'h0.01' : ''}`;
    area += `M${round(first.x)} ${rowHeight}L${points}L${round(last.x)} ${rowHeight}z`;
  }
  return { line, area };
}

export interface ColourBar {
  x: number;
  width: number;
  y: number;
  height: number;
  colour: string;
}

/** Each point's colours above each other, the largest below. */
export function colourBars(answer: PropertiesAnswer): ColourBar[] {
  const width = (answer.pointSeconds * 1_000 * stripWidth) / rangeMs(answer);
  const placed = placePoints(answer);
  return placed.flatMap(({ x, point }, i) => {
    // A second of media is seldom a second of the clock to the millisecond: what is no gap shows none.
    const toNext = (placed[i + 1]?.x ?? Infinity) - x;
    const wide = toNext < width * joinedPoints ? toNext : width;
    const sum = point.colours.reduce((total, { share }) => total + share, 0) || 1;
    let below = 0;
    return point.colours.map(({ colour, share }): ColourBar => {
      const height = (share / sum) * rowHeight;
      below += height;
      // A little wider than its place, so that no line shows between two.
      return { x: round(x), width: round(wide + 0.4), y: round(rowHeight - below), height: round(height), colour };
    });
  });
}

/** The point nearest to a place of the strip, 0..1. */
export function pointAt(answer: PropertiesAnswer, share: number): PropertiesPoint | undefined {
  let nearest: Placed | undefined;
  const x = share * stripWidth;
  for (const placed of placePoints(answer)) {
    if (!nearest || Math.abs(placed.x - x) < Math.abs(nearest.x - x)) nearest = placed;
  }
  return nearest?.point;
}

function rangeMs({ from, to }: PropertiesAnswer): number {
  return Math.max(1, Date.parse(to) - Date.parse(from));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
