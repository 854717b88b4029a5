import { computed, ref, watch, type Ref } from 'vue';
import { getZones } from '../api/zones.ts';

/** What is drawn on some Streams, by its id; asked once for each Stream, and again when that failed. */
export function useZoneNames(streamIds: Ref<readonly string[]>) {
  const byStream = ref(new Map<string, { id: string; name: string; isLine: boolean }[]>());
  const asking = new Set<string>();

  async function ask(streamId: string): Promise<void> {
    asking.add(streamId);
    try {
      const { zones, lines } = await getZones(streamId);
      byStream.value.set(streamId, [
        ...zones.map(({ id, name }) => ({ id, name, isLine: false })),
        ...lines.map(({ id, name }) => ({ id, name, isLine: true })),
      ]);
    } catch {
      // The Stream may be gone: its zones then are named as such.
    } finally {
      asking.delete(streamId);
    }
  }

  watch(
    streamIds,
    (ids) => {
      for (const id of ids) if (!byStream.value.has(id) && !asking.has(id)) void ask(id);
    },
    { immediate: true },
  );
  const names = computed(() => new Map([...byStream.value.values()].flat().map(({ id, name }) => [id, name])));
  return { byStream, names };
}
