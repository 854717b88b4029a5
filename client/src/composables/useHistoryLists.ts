import type { EventView, TrackView } from '@framelock/server/protocol';
import { computed, type Ref } from 'vue';
import { listEvents, listTracks } from '../api/history.ts';
import { addressOfFilters, eventWish, problemOfFilters, trackWish, type HistoryFilters } from './historyFilters.ts';
import { usePages, type Page } from './usePages.ts';

const pageSize = 48;
const refreshMs = 5_000;

type Item = { track: TrackView } | { event: EventView };

/** The tracks or the events that the filters name, newest first, page by page. */
export function useHistoryLists(filters: Ref<HistoryFilters>) {
  /** Pages of one list are of one time, though the clock goes on. */
  let asOfMs = Date.now();

  async function ask(cursor: string | undefined, signal: AbortSignal): Promise<Page<Item>> {
    if (!cursor) asOfMs = Date.now();
    const { view } = filters.value;
    if (view === 'heatmap') return { items: [], nextCursor: null };
    const page = { limit: pageSize, cursor };
    if (view === 'events') {
      const { events, nextCursor } = await listEvents(eventWish(filters.value, asOfMs), page, signal);
      return { items: events.map((event) => ({ event })), nextCursor };
    }
    const { tracks, nextCursor } = await listTracks(trackWish(filters.value, asOfMs), page, signal);
    return { items: tracks.map((track) => ({ track })), nextCursor };
  }

  const asked = computed(() => JSON.stringify(addressOfFilters(filters.value)));
  let lastAsked = asked.value;
  const list = usePages<Item>({
    ask,
    // What cannot be asked for changes nothing.
    key: () => (problemOfFilters(filters.value) ? lastAsked : (lastAsked = asked.value)),
    idOf: (item) => ('track' in item ? `${item.track.runId}/${item.track.trackId}` : item.event.id),
    // What is over changes no more; what goes on up to now does.
    refreshMs: () => (filters.value.range === 'custom' && filters.value.to ? undefined : refreshMs),
  });
  // For a moment after a change of the view, the other one's items are still there.
  const tracks = computed(() => list.items.value && only(list.items.value, 'track').map(({ track }) => track));
  const events = computed(() => list.items.value && only(list.items.value, 'event').map(({ event }) => event));
  const isOther = computed(() => list.stale.value && list.items.value?.some((item) => !(wanted.value in item)));
  const wanted = computed(() => (filters.value.view === 'events' ? 'event' : 'track'));
  return {
    list,
    tracks: computed(() => (isOther.value ? undefined : tracks.value)),
    events: computed(() => (isOther.value ? undefined : events.value)),
  };
}

function only<K extends 'track' | 'event'>(items: readonly Item[], key: K): Extract<Item, Record<K, unknown>>[] {
  return items.filter((item): item is Extract<Item, Record<K, unknown>> => key in item);
}
