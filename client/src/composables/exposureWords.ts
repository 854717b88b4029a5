import type { BrandExposure, ExposureSummary } from '@framelock/server/protocol';
import { heatmapColumns, heatmapRows } from '@framelock/server/protocol';
import { formatClock, noFigure } from './formatFigures.ts';

/** `0.4 s`, `12.3 s`, `4:05`, `1:02:33`: with a decimal where it says something. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return noFigure;
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths < 60) return `${tenths.toFixed(1)} s`;
  return formatClock(Math.round(seconds) * 1000);
}

/** `4.5 s`, `41 min`, `3 h 5 min`: in a sentence. */
export function spokenSeconds(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ''}`;
}

/** 0..1 as a percentage; what is more than nothing is never shown as nothing. */
export function formatPart(share: number): string {
  if (!Number.isFinite(share)) return noFigure;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  return `${percent.toFixed(percent >= 99.95 ? 0 : 1)} %`;
}

/** From beginning to end of the report, seconds; 0 where nothing was analysed. */
export function spanSeconds({ from, to }: Pick<ExposureSummary, 'from' | 'to'>): number {
  return from && to ? Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000) : 0;
}

/** Analyses miss a Frame here and there and begin a moment late; less than this is nothing to tell. */
const slackSeconds = 1;

export interface CoverageWords {
  text: string;
  /** Of the time that was not looked at; empty = none. */
  missing: string;
}

/** `Analysed 41 min of 45 min`, and what the rest means. */
export function coverageWords(summary: Pick<ExposureSummary, 'from' | 'to' | 'analysedSeconds'>): CoverageWords {
  const span = spanSeconds(summary);
  const { analysedSeconds } = summary;
  if (!(analysedSeconds > 0)) return { text: 'Nothing was analysed', missing: '' };
  const gap = span - analysedSeconds;
  if (gap <= Math.max(slackSeconds, span * 0.005)) {
    return { text: `Analysed all of ${spokenSeconds(analysedSeconds)}`, missing: '' };
  }
  return {
    text: `Analysed ${spokenSeconds(analysedSeconds)} of ${spokenSeconds(span)}`,
    missing: `${spokenSeconds(gap)} were not analysed: what was to be seen then is not known, and counts nowhere.`,
  };
}

export function joinWords(joinGapSeconds: number): string {
  return (
    `A mark that is out of sight for at most ${spokenSeconds(joinGapSeconds)} counts as on screen all along. ` +
    'A longer gap ends the appearance. Two marks of one brand at once count once.'
  );
}

/** Of the wall clock; with the day where the report covers more than one. */
export function formatMoment(iso: string, span: number): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString('en-GB');
  if (span < 12 * 3600) return time;
  return `${at.toLocaleDateString('en', { month: 'short', day: 'numeric' })} ${time.slice(0, 5)}`;
}

const rowWords = ['top', 'middle', 'bottom'];
const columnWords = ['left', 'centre', 'right'];

/** Where a mark was most, in words: `mostly bottom right`. */
export function placeWordsOf(heatmap: readonly number[]): string {
  const thirds = Array.from({ length: 9 }, () => 0);
  let total = 0;
  for (const [i, seconds] of heatmap.entries()) {
    const row = Math.floor((Math.floor(i / heatmapColumns) * 3) / heatmapRows);
    const column = Math.floor(((i % heatmapColumns) * 3) / heatmapColumns);
    thirds[row * 3 + column]! += seconds;
    total += seconds;
  }
  if (!(total > 0)) return 'nowhere yet';
  const most = Math.max(...thirds);
  if (most / total < 0.34) return 'all over the picture';
  const at = thirds.indexOf(most);
  const [row, column] = [rowWords[Math.floor(at / 3)]!, columnWords[at % 3]!];
  const place = row === 'middle' && column === 'centre' ? 'in the centre' : `${row} ${column}`;
  return most / total > 0.95 ? place : `mostly ${place}`;
}

export type SortKey =
  'name' | 'seconds' | 'appearances' | 'longestSeconds' | 'meanShare' | 'largestShare' | 'meanScore';

/** By a column; equal ones by name, so that rows keep their places from one answer to the next. */
export function sortBrands(brands: readonly BrandExposure[], key: SortKey, descending: boolean): BrandExposure[] {
  const sign = descending ? -1 : 1;
  return brands.toSorted((a, b) => {
    const order = key === 'name' ? a.name.localeCompare(b.name) : a[key] - b[key];
    return sign * order || a.name.localeCompare(b.name) || a.brandId.localeCompare(b.brandId);
  });
}

/** Colours of the charts, each told by a name beside it as well. Series 4 is the grey one. */
const series = [1, 2, 3, 5, 6, 7, 8, 9];

/** By who was seen first, so that a brand keeps its colour while others come and go up and down the table. */
export function brandColours(brands: readonly BrandExposure[]): Map<string, string> {
  const inOrder = brands.toSorted((a, b) => a.first.at.localeCompare(b.first.at) || a.brandId.localeCompare(b.brandId));
  return new Map(inOrder.map(({ brandId }, i) => [brandId, `var(--series-${series[i % series.length]})`]));
}
