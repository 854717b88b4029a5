import type { AppearancePosition, ExposureScope, ExposureStore, ListedAppearance } from '@framelock/db';
import { type AppearanceView, type ExposureSummary, heatmapColumns, heatmapRows } from '../protocol/index.ts';
import { type CsvValue, csvLine } from './csv.ts';
import { staleAfterMs, thumbnailUrl } from './exposureSummary.ts';

const rowsPerRead = 1_000;

/** One Appearance as the API shows it: over, where nothing was told of it for a while. */
export function appearanceView(row: ListedAppearance, nowMs: number): AppearanceView {
  return {
    id: row.id,
    streamId: row.streamId,
    publicationId: row.publicationId,
    brandId: row.brandId,
    name: row.name,
    from: row.startedAt.toISOString(),
    to: row.endedAt.toISOString(),
    seconds: row.seconds,
    meanShare: row.seconds > 0 ? row.shareSeconds / row.seconds : 0,
    largestShare: row.largestShare,
    meanScore: row.seconds > 0 ? row.scoreSeconds / row.seconds : 0,
    ended: row.ended || row.endedAt.getTime() < nowMs - staleAfterMs,
    firstThumbnailUrl: thumbnailUrl(row, 'first'),
    lastThumbnailUrl: thumbnailUrl(row, 'last'),
  };
}

/** A line a brand; heatmap columns are named by row and column from the top left. */
export function summaryCsv(summary: ExposureSummary): string {
  const cells = Array.from(
    { length: heatmapColumns * heatmapRows },
    (_, cell) => `heat_r${Math.floor(cell / heatmapColumns)}_c${cell % heatmapColumns}_s`,
  );
  const header = [
    ...['brand_id', 'name', 'seconds', 'share_of_time', 'appearances', 'longest_s', 'mean_share', 'largest_share'],
    ...['mean_score', 'first_at', 'last_at', 'on_screen_now', 'report_from', 'report_to', 'analysed_s', ...cells],
  ];
  const lines = summary.brands.map((brand): CsvValue[] => [
    ...[brand.brandId, brand.name, rounded(brand.seconds), rounded(brand.shareOfTime), brand.appearances],
    ...[rounded(brand.longestSeconds), rounded(brand.meanShare), rounded(brand.largestShare), rounded(brand.meanScore)],
    ...[brand.first.at, brand.last.at, brand.onScreenNow, summary.from, summary.to, rounded(summary.analysedSeconds)],
    ...brand.heatmap.map(rounded),
  ]);
  return [header, ...lines].map(csvLine).join('');
}

/** All Appearances of a scope, newest first, page by page as they are asked for: the first page is read at once. */
export async function readAppearances(
  store: ExposureStore,
  scope: ExposureScope,
  options: { brandId?: string | undefined; nowMs: number },
): Promise<AsyncGenerator<AppearanceView[]>> {
  const read = (after?: AppearancePosition) =>
    store.list(scope, { brandId: options.brandId, after, limit: rowsPerRead });
  const first = await read();
  return (async function* () {
    for (let page = first; ; page = await read(page.at(-1))) {
      yield page.map((row) => appearanceView(row, options.nowMs));
      if (page.length < rowsPerRead) return;
    }
  })();
}

export async function* appearancesCsv(pages: AsyncIterable<AppearanceView[]>): AsyncGenerator<string> {
  yield csvLine([
    ...['id', 'stream_id', 'publication_id', 'brand_id', 'name', 'from', 'to', 'seconds', 'mean_share'],
    ...['largest_share', 'mean_score', 'ended'],
  ]);
  for await (const page of pages) {
    const lines = page.map((one) =>
      csvLine([
        ...[one.id, one.streamId, one.publicationId, one.brandId, one.name, one.from, one.to, rounded(one.seconds)],
        ...[rounded(one.meanShare), rounded(one.largestShare), rounded(one.meanScore), one.ended],
      ]),
    );
    yield lines.join('');
  }
}

/** `{"appearances": […]}`, of any length. */
export async function* appearancesJson(pages: AsyncIterable<AppearanceView[]>): AsyncGenerator<string> {
  let separator = '{"appearances":[';
  for await (const page of pages) {
    for (const one of page) {
      yield separator + JSON.stringify(one);
      separator = ',\n';
    }
  }
  yield separator.startsWith('{') ? `${separator}]}\n` : ']}\n';
}

/** Six places: microseconds, and shares of a picture that small. */
const rounded = (figure: number): number => Math.round(figure * 1e6) / 1e6;
