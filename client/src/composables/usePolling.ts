import { useDocumentVisibility } from '@vueuse/core';
import { onScopeDispose, ref, shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue';
import { problemOf } from './problemWords.ts';

/**
 * Asks again `intervalMs` after each answer, never twice at once, and not while the page is hidden. The last answer
 * stays when one fails, so that a page keeps what it showed and says that it is old.
 */
export function usePolling<T>(ask: (signal: AbortSignal) => Promise<T>, intervalMs: MaybeRefOrGetter<number>) {
  const data = shallowRef<T>();
  const problem = ref<{ code: string; message: string }>();
  const visibility = useDocumentVisibility();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | undefined;

  async function refresh(): Promise<void> {
    stop();
    const controller = new AbortController();
    running = controller;
    try {
      const answer = await ask(controller.signal);
      if (controller.signal.aborted) return;
      data.value = answer;
      problem.value = undefined;
    } catch (error) {
      if (controller.signal.aborted) return;
      problem.value = problemOf(error);
    }
    running = undefined;
    if (visibility.value === 'visible') timer = setTimeout(() => void refresh(), toValue(intervalMs));
  }

  function stop(): void {
    clearTimeout(timer);
    running?.abort();
    running = undefined;
  }

  watch(visibility, (now) => (now === 'visible' ? void refresh() : clearTimeout(timer)));
  void refresh();
  onScopeDispose(stop);
  return { data, problem, refresh };
}
