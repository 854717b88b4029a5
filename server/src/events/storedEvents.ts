import type { HistoryQueries } from '@framelock/db';
import { type EventView, eventViewSchema } from '../protocol/index.ts';
import type { FeedQuery } from './EventFeed.ts';

type EventRow = Awaited<ReturnType<HistoryQueries['events']>>[number];

/** Reads what history stored, newest first; several kinds are read one by one, since an index is by one. */
export function storedEvents(queries: Pick<HistoryQueries, 'events'>) {
  return async ({ streamId, kinds, from }: FeedQuery & { from: Date }, limit: number): Promise<EventView[]> => {
    const pages = await Promise.all(
      (kinds ?? [undefined]).map((kind) => queries.events({ streamId, kind, from }, undefined, limit)),
    );
    return pages
      .flat()
      .flatMap((row) => viewOf(row) ?? [])
      .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
      .slice(0, limit);
  };
}

/** Undefined: another version stored it, and this one does not know its kind. */
function viewOf(row: EventRow): EventView | undefined {
  return eventViewSchema.safeParse({ ...row, at: row.at.toISOString() }).data;
}
