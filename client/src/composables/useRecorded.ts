import { shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue';
import { getRecording } from '../api/recordings.ts';

/** A Publication that ended without a Recording gets none any more; one that runs may. */
const forgetNoAfterMs = 60_000;
const answers = new Map<string, { has: boolean; atMs: number }>();

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
    answers.set(id, { has, atMs: Date.now() });
    if (has) recorded.value = new Set([...recorded.value, id]);
  }

  watch(
    () => [...new Set(toValue(publicationIds))].sort().join(' '),
    (ids) => {
      for (const id of ids.split(' ').filter(Boolean)) {
        const known = answers.get(id);
        if (known?.has) recorded.value = new Set([...recorded.value, id]);
        else if (!asking.has(id) && !(known && Date.now() - known.atMs < forgetNoAfterMs)) void ask(id);
      }
    },
    { immediate: true },
  );
  return recorded;
}
