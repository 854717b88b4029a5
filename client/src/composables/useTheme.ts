import { usePreferredDark } from '@vueuse/core';
import { computed, ref, watchEffect } from 'vue';

export type ThemeChoice = 'system' | 'dark' | 'light';
const storageKey = 'framelock.theme'; // public/theme.js reads it before the first paint

const choice = ref<ThemeChoice>(readStored());

function readStored(): ThemeChoice {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === 'dark' || stored === 'light' ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** One toggle: the other theme than the one seen. Choosing what the system has means following the system again. */
export function useTheme() {
  const systemDark = usePreferredDark();
  const theme = computed(() => (choice.value === 'system' ? (systemDark.value ? 'dark' : 'light') : choice.value));
  watchEffect(() => {
    document.documentElement.dataset['theme'] = theme.value;
    const ground = theme.value === 'dark' ? '#0b0d10' : '#f7f8fa';
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground);
  });
  function toggle(): void {
    const next = theme.value === 'dark' ? 'light' : 'dark';
    choice.value = (next === 'dark') === systemDark.value ? 'system' : next;
    try {
      localStorage.setItem(storageKey, choice.value);
    } catch {
      // Not remembered, then.
    }
  }
  return { theme, toggle };
}
