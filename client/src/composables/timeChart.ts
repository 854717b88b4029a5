export interface ChartSeries {
  name: string;
  /** CSS custom property of its colour. */
  color: string;
  /** Oldest first; null = nothing to tell. All series of a chart end at the same moment. */
  values: readonly (number | null)[];
}

export interface ChartLine {
  /** Of `points` attributes, one for each stretch without a gap. */
  stretches: string[];
}

/** 1, 2 or 5 times a power of ten, not below `value`. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value * 0.9999)!;
  return step * power;
}

/** The highest value that the chart has to show, as a round number. */
export function chartTop(series: readonly ChartSeries[], stacked: boolean, floor: number): number {
  let top = floor;
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  for (let index = 0; index < length; index++) {
    const values = series.map((one) => one.values[index] ?? 0);
    top = Math.max(top, stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values));
  }
  return niceTop(top);
}

/**
 * Lines in a box of `width` x 100, newest at the right edge; a gap where there is nothing to tell. `limit` is how many
 * samples fill the width.
 */
export function chartLines(series: readonly ChartSeries[], top: number, width: number, limit: number): ChartLine[] {
  return series.map(({ values }) => {
    const stretches: string[] = [];
    let points: string[] = [];
    values.forEach((value, index) => {
      if (value === null) {
        if (points.length > 0) stretches.push(points.join(' '));
        points = [];
        return;
      }
      points.push(`${xOf(index, values.length, width, limit)},${yOf(value, top)}`);
    });
    if (points.length > 0) stretches.push(points.join(' '));
    return { stretches };
  });
}

/** Areas on top of each other, the first at the bottom: nothing to tell counts as nothing. As `points` of polygons. */
export function chartAreas(series: readonly ChartSeries[], top: number, width: number, limit: number): string[] {
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  let below = new Array<number>(length).fill(0);
  return series.map(({ values }) => {
    const above = below.map((base, index) => base + (values[index] ?? 0));
    const line = (heights: number[]) =>
      heights.map((height, index) => `${xOf(index, length, width, limit)},${yOf(height, top)}`);
    const polygon = [...line(above), ...line(below).toReversed()].join(' ');
    below = above;
    return polygon;
  });
}

/** Which sample lies under a position, 0..1 of the width; undefined where there is none yet. */
export function sampleAt(share: number, length: number, limit: number): number | undefined {
  const index = Math.round(share * (limit - 1)) - (limit - length);
  return index >= 0 && index < length ? index : undefined;
}

function xOf(index: number, length: number, width: number, limit: number): number {
  return round(((limit - length + index) / Math.max(1, limit - 1)) * width);
}

function yOf(value: number, top: number): number {
  return round(100 - (Math.max(0, value) / top) * 100);
}

const round = (value: number): number => Math.round(value * 10) / 10;
