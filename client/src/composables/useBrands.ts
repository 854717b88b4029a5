import type { BrandList, BrandView } from '@framelock/server/protocol';
import { refDebounced } from '@vueuse/core';
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue';
import { listBrands, type BrandShow } from '../api/brands.ts';
import { problemOf } from './problemWords.ts';

export const brandsPerPage = 60;
/** What waits for its embedding is asked for often, so that a new brand is seen to be recognised. */
const refreshMs = { waiting: 700, calm: 10_000 };
const searchDelayMs = 200;

/** The gallery as far as it is shown: found by words and kind, page by page, and kept up to date. */
export function useBrands(typed: Ref<string>, show: Ref<BrandShow>) {
  const search = refDebounced(
    computed(() => typed.value.trim()),
    searchDelayMs,
  );
  const brands = shallowRef<BrandView[]>();
  const facts = shallowRef<Omit<BrandList, 'brands'>>();
  const problem = ref<{ code: string; message: string }>();
  /** Asked for something else than is shown. */
  const busy = ref(false);
  let turn = 0;
  let wanted = brandsPerPage;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** All that is shown is asked for at once: a page that was read before another was added would miss or repeat one. */
  async function load(): Promise<void> {
    const mine = ++turn;
    clearTimeout(timer);
    try {
      const list = await readPages(mine);
      if (mine !== turn || !list) return;
      const { brands: found, ...rest } = list;
      brands.value = found;
      facts.value = rest;
      problem.value = undefined;
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error);
    } finally {
      if (mine === turn) {
        busy.value = false;
        timer = setTimeout(tick, isWaiting() ? refreshMs.waiting : refreshMs.calm);
      }
    }
  }

  async function readPages(mine: number): Promise<BrandList | undefined> {
    let whole: BrandList | undefined;
    const found: BrandView[] = [];
    while (found.length < wanted) {
      const page = await listBrands({
        search: search.value,
        show: show.value,
        limit: Math.min(pageLimit, wanted - found.length),
        offset: found.length,
      });
      if (mine !== turn) return undefined;
      whole = page;
      found.push(...page.brands);
      if (page.brands.length === 0 || found.length >= page.total) break;
    }
    return whole && { ...whole, brands: found };
  }

  function isWaiting(): boolean {
    return Boolean(facts.value?.model && brands.value?.some(({ state }) => state === 'waiting'));
  }

  function tick(): void {
    if (document.visibilityState === 'visible') void load();
    else timer = setTimeout(tick, refreshMs.calm);
  }

  function begin(): void {
    wanted = brandsPerPage;
    busy.value = true;
    void load();
  }
  watch([search, show], begin, { immediate: true });
  onScopeDispose(() => {
    turn++;
    clearTimeout(timer);
  });

  const hasMore = computed(() => (brands.value?.length ?? 0) < (facts.value?.total ?? 0));
  function showMore(): void {
    if (!hasMore.value || busy.value) return;
    wanted = (brands.value?.length ?? 0) + brandsPerPage;
    busy.value = true;
    void load();
  }
  /** Shown at once, before the server is asked again. */
  function put(brand: BrandView): void {
    brands.value = brands.value?.map((one) => (one.id === brand.id ? brand : one));
  }

  return { brands, facts, problem, busy, hasMore, showMore, put, refresh: load };
}

/** The most that the server gives at once. */
const pageLimit = 500;
