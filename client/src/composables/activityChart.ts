import type { ActivityAnswer } from '@framelock/server/protocol';

/** Units of the view box of the chart. */
export const chartWidth = 1_000;
export const chartHeight = 160;
const gap = 0.18;

/** What the server sums up further labels as; it is drawn in grey. */
export const othersLabel = 'others';
const seriesColours = [1, 2, 3, 5, 6, 7, 8, 9];

export interface ActivitySeries {
  label: string;
  colour: string;
  total: number;
  /** One path of all its bars. */
  path: string;
}

export interface ActivityBucket {
  fromMs: number;
  toMs: number;
  total: number;
  /** Largest first, none that is 0. */
  byLabel: { label: string; colour: string; count: number }[];
}

export interface ActivityChart {
  series: ActivitySeries[];
  buckets: ActivityBucket[];
  /** Top of the scale: a round number not below the highest bar. */
  top: number;
  total: number;
}

/** Stacked bars, the most frequent label at the bottom. */
export function activityChart({ from, to, bucketSeconds, series }: ActivityAnswer): ActivityChart {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const count = Math.max(1, ...series.map(({ counts }) => counts.length));
  const totals = Array.from({ length: count }, (_, i) => series.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0));
  const top = roundTop(Math.max(0, ...totals));
  // The last bucket may reach beyond the range.
  const width = (bucketSeconds * 1_000 * chartWidth) / Math.max(1, toMs - fromMs);
  const heights = totals.map(() => 0);
  let colour = 0;
  const drawn = series.map(({ label, counts }): ActivitySeries => {
    let path = '';
    for (const [i, value] of counts.entries()) {
      if (value <= 0) continue;
      const height = (value / top) * chartHeight;
      const x = i * width + (width * gap) / 2;
      const y = chartHeight - heights[i]! - height;
      path += `M${round(x)} ${round(y)}h${round(barWidth(x, width))}v${round(height)}h${round(-barWidth(x, width))}z`;
      heights[i]! += height;
    }
    const total = counts.reduce((sum, value) => sum + value, 0);
    const named = label === othersLabel ? 4 : seriesColours[colour++ % seriesColours.length];
    return { label, colour: `var(--series-${named})`, total, path };
  });
  const buckets = totals.map((total, i): ActivityBucket => {
    const begin = fromMs + i * bucketSeconds * 1_000;
    const byLabel = series
      .map(({ label, counts }, s) => ({ label, colour: drawn[s]!.colour, count: counts[i] ?? 0 }))
      .filter(({ count: some }) => some > 0)
      .sort((a, b) => b.count - a.count);
    return { fromMs: begin, toMs: Math.min(toMs, begin + bucketSeconds * 1_000), total, byLabel };
  });
  return { series: drawn, buckets, top, total: totals.reduce((sum, value) => sum + value, 0) };
}

/** The bar below a place of the chart, 0..1; undefined = none is there. */
export function bucketAt(
  { from, to, bucketSeconds }: ActivityAnswer,
  share: number,
  count: number,
): number | undefined {
  const index = Math.floor((share * (Date.parse(to) - Date.parse(from))) / (bucketSeconds * 1_000));
  return index >= 0 && index < count ? index : undefined;
}

/** 1, 2 or 5 with zeros behind, not below `value`; a scale of nothing still has a height. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * size >= value - 1e-9)!;
  return step * size;
}

function barWidth(x: number, width: number): number {
  return Math.max(0.5, Math.min(width * (1 - gap), chartWidth - x));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
