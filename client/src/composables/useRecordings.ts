import type { RecordingView } from '@framelock/server/protocol';
import { onScopeDispose, ref, shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue';
import { listRecordings } from '../api/recordings.ts';
import { problemOf } from './problemWords.ts';

const refreshEveryMs = 10_000;

/** Recordings, newest first, page by page; the first page is asked for again while it is all that is shown. */
export function useRecordings(streamId: MaybeRefOrGetter<string | undefined>) {
  const recordings = shallowRef<RecordingView[]>();
  const problem = ref<{ code: string; message: string }>();
  const nextCursor = ref<string | null>(null);
  const busy = ref(false);
  let turn = 0;
  let pages = 0;

  async function load(more: boolean): Promise<void> {
    const mine = ++turn;
    busy.value = true;
    try {
      const cursor = more ? (nextCursor.value ?? undefined) : undefined;
      const page = await listRecordings({ streamId: toValue(streamId), cursor });
      if (mine !== turn) return;
      const before = more ? (recordings.value ?? []) : [];
      const known = new Set(before.map(({ id }) => id));
      recordings.value = [...before, ...page.recordings.filter(({ id }) => !known.has(id))];
      nextCursor.value = page.nextCursor;
      pages = more ? pages + 1 : 1;
      problem.value = undefined;
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error);
    } finally {
      if (mine === turn) busy.value = false;
    }
  }

  const timer = setInterval(() => {
    if (pages <= 1 && !busy.value && document.visibilityState === 'visible') void load(false);
  }, refreshEveryMs);
  watch(
    () => toValue(streamId),
    () => {
      recordings.value = undefined;
      void load(false);
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    turn++;
    clearInterval(timer);
  });

  return { recordings, problem, nextCursor, busy, refresh: () => load(false), showMore: () => load(true) };
}
