import { useIntervalFn } from '@vueuse/core';
import { shallowRef, type ShallowRef } from 'vue';
import type { DrawnRecord } from '../player/Player.ts';

/** Of a person's choice; a brand model knows hundreds. */
const maxLabels = 200;

/** Which labels had boxes on this page so far, in the order of the alphabet; `onDrawn` is for `usePlayer`. */
export function useSeenLabels(): { seen: ShallowRef<readonly string[]>; onDrawn(record: DrawnRecord): void } {
  const found = new Set<string>();
  const seen = shallowRef<readonly string[]>([]);
  useIntervalFn(() => {
    if (found.size !== seen.value.length) seen.value = [...found].sort((a, b) => a.localeCompare(b));
  }, 1000);
  const onDrawn = ({ boxes }: DrawnRecord) => {
    if (found.size >= maxLabels) return;
    for (const { label } of boxes) found.add(label);
  };
  return { seen, onDrawn };
}
