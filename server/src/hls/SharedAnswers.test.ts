import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, notShareable, type Shared, SharedAnswers } from './SharedAnswers.ts';

const answer = (bytes: number, immutable = true): Answer => ({
  ...{ status: 200, headers: [], etag: undefined, body: Buffer.alloc(bytes), immutable },
});
const create = (cacheBytes = 1_000_000) => {
  const counts = { evicted: 0 };
  return { counts, answers: new SharedAnswers({ cacheBytes, onEvicted: () => counts.evicted++ }) };
};
const give = async (answers: SharedAnswers, key: string, shared: Shared) => {
  const { answer: given, leave } = answers.join(key, () => Promise.resolve(shared));
  await given;
  leave();
};

describe('a request under way', () => {
  it('is one for all who ask, and over for the next', async () => {
    const { answers } = create();
    let asked = 0;
    let resolve!: (shared: Shared) => void;
    const ask = () => {
      asked++;
      return new Promise<Shared>((done) => (resolve = done));
    };
    const [a, b] = [answers.join('k', ask), answers.join('k', ask)];
    expect([asked, answers.waiting, answers.isAsked('k')]).toEqual([1, 2, true]);
    const one = answer(3, false);
    resolve(one);
    expect(await Promise.all([a.answer, b.answer])).toEqual([one, one]);
    for (const each of [a, b]) each.leave();
    expect([answers.waiting, answers.isAsked('k'), answers.cached('k')]).toEqual([0, false, undefined]);
    answers.join('k', ask);
    expect(asked).toBe(2);
  });

  it('fails for all, and is not kept', async () => {
    const { answers } = create();
    const ask = () => Promise.reject(new Error('gone'));
    const both = [answers.join('k', ask), answers.join('k', ask)];
    for (const { answer: given } of both) await expect(given).rejects.toThrow('gone');
    await give(answers, 'k', answer(1));
    expect(answers.cached('k')).toBeDefined();
  });

  it('ends with the last who waits, and whoever comes then asks anew', () => {
    const { answers } = create();
    const signals: AbortSignal[] = [];
    const ask = (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<Shared>(() => undefined);
    };
    const [a, b] = [answers.join('k', ask), answers.join('k', ask)];
    a.leave();
    a.leave();
    expect(signals[0]!.aborted).toBe(false);
    b.leave();
    expect([signals[0]!.aborted, answers.waiting]).toEqual([true, 0]);
    answers.join('k', ask);
    expect([signals.length, signals[1]!.aborted, answers.waiting]).toEqual([2, false, 1]);
  });
});

describe('the cache', () => {
  it('keeps what is immutable and shareable, and lets go of what was not asked for the longest', async () => {
    const { answers, counts } = create(40_000);
    await give(answers, 'long', notShareable);
    await give(answers, 'huge', answer(20_000));
    await give(answers, 'mutable', answer(10, false));
    for (const key of ['long', 'huge', 'mutable']) expect(answers.cached(key)).toBeUndefined();
    for (const key of ['a', 'b', 'c', 'd']) await give(answers, key, answer(8_000));
    answers.cached('a');
    await give(answers, 'e', answer(8_000));
    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => answers.cached(key))).toEqual(['a', 'c', 'd', 'e']);
    expect(counts.evicted).toBe(1);
    answers.forget('a');
    expect([answers.cached('a'), answers.cached('c')?.body.length]).toEqual([undefined, 8_000]);
  });

  it('stays within its bytes, whatever comes', async () => {
    const step = fc.tuple(fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c'), fc.integer({ min: 0, max: 6_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { answers } = create(16_000);
        for (const [key, bytes] of steps) {
          await give(answers, key, answer(bytes));
          expect(answers.cachedBytes).toBeLessThanOrEqual(16_000);
        }
        for (const prefix of ['a/', 'b/', 'c']) answers.forget(prefix);
        expect(answers.cachedBytes).toBe(0);
      }),
      { seed: 20_261_121 },
    );
  });
});
