import { type CsvValue, csvLine } from '../exposure/csv.ts';
import type { EventView, TrackView } from '../protocol/index.ts';

const rowsPerRead = 1_000;

/** Page after page as they are asked for; the first is read at once, so that what is wrong is told before the body. */
export async function readPages<Row>(
  read: (after: Row | undefined, limit: number) => Promise<Row[]>,
): Promise<AsyncGenerator<Row[]>> {
  const first = await read(undefined, rowsPerRead);
  return (async function* () {
    for (let page = first; ; page = await read(page.at(-1), rowsPerRead)) {
      yield page;
      if (page.length < rowsPerRead) return;
    }
  })();
}

export async function* tracksCsv(pages: AsyncIterable<TrackView[]>): AsyncGenerator<string> {
  yield csvLine([
    ...['run_id', 'track_id', 'stream_id', 'publication_id', 'label', 'from', 'to', 'seconds', 'frames', 'best_score'],
    ...['best_x', 'best_y', 'best_w', 'best_h', 'best_rtp', 'first_rtp', 'last_rtp', 'zone_ids', 'ended', 'thumbnail'],
  ]);
  yield* linesOf(pages, (one) => [
    ...[one.runId, one.trackId, one.streamId, one.publicationId, one.label, one.from, one.to, one.seconds, one.frames],
    ...[one.bestScore, one.bestBox.x, one.bestBox.y, one.bestBox.w, one.bestBox.h, one.bestRtp, one.firstRtp],
    ...[one.lastRtp, one.zoneIds.join(' '), one.ended, one.thumbnailUrl],
  ]);
}

export async function* eventsCsv(pages: AsyncIterable<EventView[]>): AsyncGenerator<string> {
  yield csvLine([
    ...['id', 'kind', 'at', 'stream_id', 'stream_name', 'publication_id', 'rtp', 'zone_id', 'zone_name', 'run_id'],
    ...['track_id', 'label', 'data'],
  ]);
  yield* linesOf(pages, (one) => [
    ...[one.id, one.kind, one.at, one.streamId, one.streamName, one.publicationId, one.rtpTimestamp, one.zoneId],
    ...[one.zoneName, one.runId, one.trackId, one.label, JSON.stringify(one.data)],
  ]);
}

async function* linesOf<T>(pages: AsyncIterable<T[]>, valuesOf: (one: T) => CsvValue[]): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((one) => csvLine(valuesOf(one))).join('');
}
