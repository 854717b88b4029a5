import type { EventView } from '@framelock/server/protocol';
import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import { openEventStream, type EventStreamState } from '../api/eventStream.ts';
import { listEvents } from '../api/history.ts';
import { usePolling } from './usePolling.ts';

const shownEvents = 30;
/** While they come by themselves, only to be sure; else as often as a person would look. */
const askAgainMs = { live: 60_000, else: 4_000 };

/** Newest first, the same fact once. */
export function mergeEvents(known: readonly EventView[], more: readonly EventView[], most: number): EventView[] {
  const byId = new Map([...known, ...more].map((event) => [event.id, event]));
  return [...byId.values()].sort((a, b) => b.at.localeCompare(a.at) || b.id.localeCompare(a.id)).slice(0, most);
}

/** The last events of a Stream, and each new one as it happens; by asking where the server does not tell. */
export function useStreamEvents(streamId: string) {
  const events = shallowRef<EventView[]>();
  const feed = ref<EventStreamState>('away');
  const { data, problem, refresh } = usePolling(
    (signal) => listEvents({ streamId }, { limit: shownEvents }, signal),
    () => (feed.value === 'live' ? askAgainMs.live : askAgainMs.else),
  );
  const take = (more: readonly EventView[]) => (events.value = mergeEvents(events.value ?? [], more, shownEvents));
  watch(data, (answer) => answer && take(answer.events));
  const stream = openEventStream({
    streamId,
    onEvent: (event) => take([event]),
    onState: (state) => {
      const came = state === 'live' && feed.value !== 'live';
      feed.value = state;
      // What happened while nobody listened.
      if (came && data.value) void refresh();
    },
  });
  onScopeDispose(() => stream.close());
  return { events, problem, feed, refresh };
}
