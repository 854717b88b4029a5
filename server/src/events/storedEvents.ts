import type { HistoryQueries } from '@framelock/db';
import { eventViews } from '../history/historyViews.ts';
import type { EventView } from '../protocol/index.ts';
import type { FeedQuery } from './EventFeed.ts';

/** Reads what history stored, newest first; several kinds are read one by one, since an index is by one. */
export function storedEvents(queries: Pick<HistoryQueries, 'events'>) {
  return async ({ streamId, kinds, from }: FeedQuery & { from: Date }, limit: number): Promise<EventView[]> => {
    const pages = await Promise.all(
      (kinds ?? [undefined]).map((kind) => queries.events({ streamId, kind, from }, undefined, limit)),
    );
    return pages
      .flat()
      .flatMap(eventViews)
      .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
      .slice(0, limit);
  };
}
