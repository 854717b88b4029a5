import type { BrandTotals, ExposureCoverageRow, ExposureScope, ExposureStore, ListedAppearance } from '@framelock/db';
import {
  type BrandExposure,
  type ExposureQuery,
  type ExposureSummary,
  heatmapCells,
  joinGapSeconds,
} from '../protocol/index.ts';
import { addHeatmaps } from './heatmapCells.ts';
import { coarsen, joinSpans, lengthOf, readSpans, type Spans } from './spans.ts';

/** An open Appearance that nothing was told of for this long is over, and a Publication no longer looked at. */
export const staleAfterMs = 10_000;
const maxTimeline = 2_000;

export const scopeOf = ({ streamId, publicationId, from, to }: ExposureQuery): ExposureScope => ({
  streamId,
  publicationId,
  from: from === undefined ? undefined : new Date(from),
  to: to === undefined ? undefined : new Date(to),
});

/** The report. Four statements, however many Appearances there are. */
export async function exposureSummary(
  store: ExposureStore,
  query: ExposureQuery,
  nowMs: number,
): Promise<ExposureSummary> {
  const scope = scopeOf(query);
  const freshAfter = new Date(nowMs - staleAfterMs);
  const [runs, totals, across] = await Promise.all([
    store.coverage(scope),
    store.brandTotals(scope, freshAfter),
    store.heatmapsAcross(scope),
  ]);
  const brands = totals.map((one) => ({ totals: one, spans: readSpans(one.spans) }));
  const edges = await edgesOf(store, scope, brands);
  const range = rangeOf(scope, runs, brands);
  const coveredMs = sum(runs.map((run) => run.seconds * 1000 * partWithin(run, scope)));
  const live = runs.some(({ endedAt }) => endedAt > freshAfter) && (scope.to?.getTime() ?? Infinity) > nowMs;
  return {
    streamId: query.streamId ?? null,
    publicationId: query.publicationId ?? null,
    from: range && new Date(range.from).toISOString(),
    to: range && new Date(range.to).toISOString(),
    analysedSeconds: coveredMs / 1000,
    live,
    joinGapSeconds,
    brands: brands
      .flatMap((brand) => {
        const found = edges.get(brand.totals.brandId);
        // Deleted between the two statements.
        if (!found || !range) return [];
        const heatmap = new Float64Array(heatmapCells);
        if (brand.totals.heatmaps) addHeatmaps(heatmap, brand.totals.heatmaps);
        for (const one of across) {
          if (one.brandId === brand.totals.brandId) addHeatmaps(heatmap, one.heatmap, one.part);
        }
        return [
          { ...exposureOf(brand, found, heatmap, range, coveredMs), onScreenNow: live && brand.totals.onScreenNow },
        ];
      })
      .sort((a, b) => b.seconds - a.seconds || a.name.localeCompare(b.name)),
  };
}

interface Brand {
  totals: BrandTotals;
  spans: Spans;
}

interface Edges {
  first: ListedAppearance;
  last: ListedAppearance;
}

/** The first and the last Appearance of each brand. */
async function edgesOf(store: ExposureStore, scope: ExposureScope, brands: Brand[]): Promise<Map<string, Edges>> {
  // Of those that began before the range only the clipped begin is known here: they are read as a whole.
  const moments = new Set<number>();
  const fromMs = scope.from?.getTime() ?? -Infinity;
  let clipped = false;
  for (const { spans } of brands) {
    for (const [beginMs] of [spans[0]!, latestOf(spans)]) {
      if (beginMs <= fromMs) clipped = true;
      else moments.add(beginMs);
    }
  }
  const rows = await store.startedAt(
    scope,
    [...moments].map((ms) => new Date(ms)),
  );
  if (clipped) rows.push(...(await store.list({ ...scope, to: new Date(fromMs + 1) }, { limit: 10_000 })));
  const edges = new Map<string, Edges>();
  for (const row of rows) {
    const known = edges.get(row.brandId);
    if (!known) edges.set(row.brandId, { first: row, last: row });
    else if (row.startedAt < known.first.startedAt) known.first = row;
    if (known && row.endedAt > known.last.endedAt) known.last = row;
  }
  return edges;
}

const latestOf = (spans: Spans): [number, number] => spans.reduce((last, one) => (one[1] > last[1] ? one : last));

function exposureOf(
  { totals, spans }: Brand,
  { first, last }: Edges,
  heatmap: Float64Array,
  range: { from: number; to: number },
  coveredMs: number,
): BrandExposure {
  const joined = joinSpans(spans);
  const onScreenMs = lengthOf(joined);
  const second = (ms: number): number => Math.round(ms - range.from) / 1000;
  return {
    brandId: totals.brandId,
    name: last.name,
    seconds: onScreenMs / 1000,
    shareOfTime: coveredMs > 0 ? Math.min(1, onScreenMs / coveredMs) : 0,
    appearances: totals.appearances,
    longestSeconds: totals.longestSeconds,
    meanShare: totals.seconds > 0 ? totals.shareSeconds / totals.seconds : 0,
    largestShare: totals.largestShare,
    meanScore: totals.seconds > 0 ? totals.scoreSeconds / totals.seconds : 0,
    heatmap: [...heatmap],
    first: momentOf(first, 'first', Math.max(range.from, first.startedAt.getTime())),
    last: momentOf(last, 'last', Math.min(range.to, last.endedAt.getTime())),
    onScreenNow: totals.onScreenNow,
    timeline: coarsen(joined, maxTimeline).map(([begin, end]) => [second(begin), second(end)]),
  };
}

const momentOf = (row: ListedAppearance, which: 'first' | 'last', atMs: number): BrandExposure['first'] => ({
  at: new Date(atMs).toISOString(),
  appearanceId: row.id,
  thumbnailUrl: thumbnailUrl(row, which),
});

export function thumbnailUrl(row: ListedAppearance, which: 'first' | 'last'): string | null {
  return (which === 'first' ? row.hasFirst : row.hasLast) ? `/api/v1/appearances/${row.id}/${which}.jpg` : null;
}

/** Of what was looked at, or where nothing is known of that, of what was seen. */
function rangeOf(scope: ExposureScope, runs: ExposureCoverageRow[], brands: Brand[]) {
  const fromMs = scope.from?.getTime() ?? -Infinity;
  const toMs = scope.to?.getTime() ?? Infinity;
  let [from, to] = [Infinity, -Infinity];
  const reach = (begin: number, end: number): void => {
    from = Math.min(from, Math.max(begin, fromMs));
    to = Math.max(to, Math.min(end, toMs));
  };
  for (const { startedAt, endedAt } of runs) reach(startedAt.getTime(), endedAt.getTime());
  for (const { spans } of brands) reach(spans[0]![0], latestOf(spans)[1]);
  if (from === Infinity) return null;
  return { from: scope.from ? fromMs : from, to: scope.to ? toMs : to };
}

/** Which part of a row's time is within the range. */
function partWithin({ startedAt, endedAt }: { startedAt: Date; endedAt: Date }, { from, to }: ExposureScope): number {
  const [begin, end] = [startedAt.getTime(), endedAt.getTime()];
  const seen = Math.min(end, to?.getTime() ?? end) - Math.max(begin, from?.getTime() ?? begin);
  return end > begin ? Math.max(0, seen) / (end - begin) : 1;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
