import type { ExposureSummary } from '@framelock/server/protocol';
import { computed, ref, watch, type Ref } from 'vue';
import { getExposure } from '../api/exposure.ts';
import { problemOfRange, queryOfRange, type ExposureRange } from './exposureRange.ts';
import { usePolling } from './usePolling.ts';

const refreshMs = { live: 2_000, over: 30_000 };

/** The report of a range, kept up to date; what was shown stays until the next answer is there. */
export function useExposure(streamId: string, range: Ref<ExposureRange>, publicationId: Ref<string | undefined>) {
  const query = () => queryOfRange(range.value, { streamId, publicationId: publicationId.value }, Date.now());
  const key = computed(() => JSON.stringify([range.value, publicationId.value]));
  const live = ref(true);
  const { data, problem, refresh } = usePolling<{ key: string; summary: ExposureSummary }>(
    async (signal) => {
      const asked = key.value;
      return { key: asked, summary: await getExposure(query(), signal) };
    },
    () => (live.value ? refreshMs.live : refreshMs.over),
  );
  watch(data, (answer) => (live.value = answer?.summary.live ?? true));
  watch(key, () => {
    if (!problemOfRange(range.value)) void refresh();
  });
  /** What is shown is of another range than the one that is chosen. */
  const stale = computed(() => data.value !== undefined && data.value.key !== key.value);
  return { summary: computed(() => data.value?.summary), problem, stale, query, refresh };
}
