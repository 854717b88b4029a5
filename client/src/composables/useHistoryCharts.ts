import type { ActivityAnswer, HeatmapAnswer } from '@framelock/server/protocol';
import { computed, ref, shallowRef, watch, type Ref } from 'vue';
import { readActivity, readHeatmap, readLabels } from '../api/history.ts';
import { getZones } from '../api/zones.ts';
import { activityWish, problemOfFilters, rangeOfFilters, type HistoryFilters } from './historyFilters.ts';
import { usePolling } from './usePolling.ts';

const buckets = 72;
const refreshMs = 15_000;

/** Beside the list: when how much came, the labels that there are, where objects were, and the names of zones. */
export function useHistoryCharts(filters: Ref<HistoryFilters>) {
  const streamId = computed(() => filters.value.streamId || undefined);
  const chartKey = computed(() => {
    const { streamId: id, range, from, to, label, zoneId } = filters.value;
    return JSON.stringify([id, range, from, to, label, zoneId]);
  });
  const isAskable = () => !problemOfFilters(filters.value);

  const { data: answer, refresh: refreshActivity } = usePolling<{ key: string; activity: ActivityAnswer }>(
    async (signal) => {
      const key = chartKey.value;
      return { key, activity: await readActivity(activityWish(filters.value, Date.now(), buckets), signal) };
    },
    refreshMs,
  );
  const { data: labelList, refresh: refreshLabels } = usePolling(
    (signal) => readLabels({ streamId: streamId.value, ...rangeOfFilters(filters.value, Date.now()) }, signal),
    refreshMs * 2,
  );
  watch(chartKey, () => {
    if (!isAskable()) return;
    void refreshActivity();
    void refreshLabels();
  });

  const heatmap = shallowRef<HeatmapAnswer>();
  const heatmapProblem = ref('');
  const wantsHeatmap = computed(() => filters.value.view === 'heatmap' && filters.value.streamId !== '');
  let asked = 0;
  watch(
    () => [wantsHeatmap.value, chartKey.value] as const,
    async ([wanted]) => {
      const mine = ++asked;
      if (!wanted || !isAskable()) return;
      try {
        const map = await readHeatmap(filters.value.streamId, rangeOfFilters(filters.value, Date.now()));
        if (mine !== asked) return;
        heatmap.value = map;
        heatmapProblem.value = '';
      } catch (error) {
        if (mine === asked) heatmapProblem.value = (error as Error).message;
      }
    },
    { immediate: true },
  );

  const zones = shallowRef<readonly { id: string; name: string }[]>([]);
  watch(
    streamId,
    async (id) => {
      zones.value = [];
      if (!id) return;
      const settings = await getZones(id).catch(() => undefined);
      if (settings && streamId.value === id) zones.value = [...settings.zones, ...settings.lines];
    },
    { immediate: true },
  );

  return {
    activity: computed(() => answer.value?.activity),
    activityIsOld: computed(() => answer.value !== undefined && answer.value.key !== chartKey.value),
    labels: computed(() => labelList.value?.labels ?? []),
    ...{ heatmap, heatmapProblem, zones },
    zoneNames: computed(() => new Map(zones.value.map(({ id, name }) => [id, name]))),
  };
}
