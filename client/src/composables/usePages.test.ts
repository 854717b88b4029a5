import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope, ref } from 'vue';
import { usePages, type Page } from './usePages.ts';

const settle = () => vi.advanceTimersByTimeAsync(0);

function listing(refreshMs?: number) {
  const key = ref('a');
  const asked: (string | undefined)[] = [];
  const answers: { answer: () => Promise<Page<string>> } = {
    answer: async () => ({ items: ['x'], nextCursor: null }),
  };
  const scope = effectScope();
  const pages = scope.run(() =>
    usePages<string>({
      ask: (cursor) => (asked.push(cursor), answers.answer()),
      key: () => key.value,
      idOf: (item) => item,
      refreshMs: () => refreshMs,
    }),
  )!;
  return { key, asked, answers, pages, scope };
}

describe('usePages', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { visibilityState: 'visible' });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('goes on behind its cursor, and shows nothing twice', async () => {
    const { pages, asked, answers, scope } = listing();
    answers.answer = async () => ({ items: ['1', '2'], nextCursor: 'c1' });
    await settle();
    // The first was asked for before the answer was changed.
    await pages.refresh();
    answers.answer = async () => ({ items: ['2', '3'], nextCursor: null });
    await pages.showMore();
    expect(pages.items.value).toEqual(['1', '2', '3']);
    expect(pages.nextCursor.value).toBeNull();
    expect(asked).toEqual([undefined, undefined, 'c1']);
    scope.stop();
  });

  it('keeps what it showed, as old, until the new list is there or when it cannot be had', async () => {
    const { pages, key, answers, scope } = listing();
    await settle();
    expect(pages.items.value).toEqual(['x']);
    answers.answer = () => Promise.reject(Object.assign(new Error('no'), { code: 'unavailable' }));
    key.value = 'b';
    await settle();
    expect(pages.items.value).toEqual(['x']);
    expect([pages.stale.value, pages.problem.value?.code]).toEqual([true, 'unavailable']);
    answers.answer = async () => ({ items: ['y'], nextCursor: null });
    await pages.refresh();
    expect([pages.items.value, pages.stale.value, pages.problem.value]).toEqual([['y'], false, undefined]);
    scope.stop();
  });

  it('takes the answer to what was asked last', async () => {
    const { pages, key, answers, scope } = listing();
    await settle();
    const slow = Promise.withResolvers<Page<string>>();
    answers.answer = () => slow.promise;
    key.value = 'b';
    await settle();
    answers.answer = async () => ({ items: ['of c'], nextCursor: null });
    key.value = 'c';
    await settle();
    slow.resolve({ items: ['of b'], nextCursor: null });
    await settle();
    expect(pages.items.value).toEqual(['of c']);
    scope.stop();
  });

  it('looks again at its first page only, and only until it is left', async () => {
    const { pages, asked, answers, scope } = listing(1_000);
    await settle();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(2);
    answers.answer = async () => ({ items: ['z'], nextCursor: 'more' });
    await pages.refresh();
    await pages.showMore();
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(before);
    scope.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(before);
  });
});
