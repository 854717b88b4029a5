import { useLocalStorage } from '@vueuse/core';
import { computed } from 'vue';
import { mayManage } from './mayManage.ts';
import { useAccess } from './useAccess.ts';
import { useZoneEditor } from './useZoneEditor.ts';

/** What a page with a player needs to show a Stream's zones, and to let people draw them. */
export function useStreamZones(streamId: string) {
  const { caller } = useAccess();
  const zoneEditor = useZoneEditor();
  const wanted = useLocalStorage('framelock.zones', false);
  const showZones = computed(() => wanted.value || zoneEditor.active);
  const mayEditZones = computed(() => mayManage(caller.value, streamId));

  /** An editor that is open is closed by itself alone, which asks for what is not saved. */
  function toggleZones(): void {
    if (!zoneEditor.active) wanted.value = !wanted.value;
  }
  return { zoneEditor, mayEditZones, showZones, toggleZones };
}
