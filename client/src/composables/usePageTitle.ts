import { useTitle } from '@vueuse/core';
import { computed, toValue, type MaybeRefOrGetter } from 'vue';

export function usePageTitle(title: MaybeRefOrGetter<string | undefined>): void {
  useTitle(computed(() => (toValue(title) ? `${toValue(title)} · Framelock` : 'Framelock')));
}
