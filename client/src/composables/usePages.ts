import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import { problemOf } from './problemWords.ts';

export interface Page<T> {
  items: readonly T[];
  nextCursor: string | null;
}

export interface PagesSetting<T> {
  ask(cursor: string | undefined, signal: AbortSignal): Promise<Page<T>>;
  /** Another value is another list: what was shown stays, old, until its first page is there. */
  key: () => string;
  idOf(item: T): string;
  /** How often the first page is asked for again while nobody went on from it; undefined = never. */
  refreshMs?: () => number | undefined;
}

/** A list by cursor, page behind page. */
export function usePages<T>({ ask, key, idOf, refreshMs }: PagesSetting<T>) {
  const items = shallowRef<readonly T[]>();
  const problem = ref<{ code: string; message: string }>();
  const nextCursor = ref<string | null>(null);
  const busy = ref(false);
  /** What is shown is of another key than the one that is asked for. */
  const stale = ref(false);
  let running: AbortController | undefined;
  let pages = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(more: boolean): Promise<void> {
    running?.abort();
    clearTimeout(timer);
    const controller = new AbortController();
    running = controller;
    busy.value = true;
    try {
      const page = await ask(more ? (nextCursor.value ?? undefined) : undefined, controller.signal);
      if (controller.signal.aborted) return;
      const before = more ? (items.value ?? []) : [];
      const known = new Set(before.map(idOf));
      items.value = [...before, ...page.items.filter((item) => !known.has(idOf(item)))];
      nextCursor.value = page.nextCursor;
      pages = more ? pages + 1 : 1;
      problem.value = undefined;
      stale.value = false;
    } catch (error) {
      if (controller.signal.aborted) return;
      problem.value = problemOf(error);
    }
    busy.value = false;
    plan();
  }

  function plan(): void {
    const ms = refreshMs?.();
    if (ms === undefined) return;
    timer = setTimeout(() => {
      if (pages <= 1 && document.visibilityState === 'visible') void load(false);
      else plan();
    }, ms);
  }

  watch(key, () => {
    stale.value = items.value !== undefined;
    void load(false);
  });
  void load(false);
  onScopeDispose(() => {
    running?.abort();
    clearTimeout(timer);
  });
  return { items, problem, nextCursor, busy, stale, refresh: () => load(false), showMore: () => load(true) };
}
