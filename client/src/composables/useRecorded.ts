import { useIntervalFn } from '@vueuse/core';
import { shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue';
import { getRecording } from '../api/recordings.ts';

/** A Publication that has just begun gets its Recording with its first Segment; one that is older, hardly any more. */
const askAgainMs = 5_000;
const mostAsked = 5;
const answers = new Map<string, { has: boolean; asked: number }>();

/** Which of these Publications have a Recording that can be watched. A Recording has the id of its Publication. */
export function useRecorded(publicationIds: MaybeRefOrGetter<Iterable<string>>) {
  const recorded = shallowRef<ReadonlySet<string>>(new Set());
  const asking = new Set<string>();

  async function ask(id: string): Promise<void> {
    asking.add(id);
    const has = await getRecording(id).then(
      ({ available }) => available,
      () => false,
    );
    asking.delete(id);
    answers.set(id, { has, asked: (answers.get(id)?.asked ?? 0) + 1 });
    if (has) recorded.value = new Set([...recorded.value, id]);
  }

  function look(): void {
    for (const id of new Set(toValue(publicationIds))) {
      if (recorded.value.has(id) || asking.has(id)) continue;
      const known = answers.get(id);
      if (known?.has) recorded.value = new Set([...recorded.value, id]);
      else if ((known?.asked ?? 0) < mostAsked) void ask(id);
    }
  }

  watch(() => [...new Set(toValue(publicationIds))].sort().join(' '), look, { immediate: true });
  useIntervalFn(look, askAgainMs);
  return recorded;
}
