import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Batcher } from './Batcher.ts';

/** Lanes whose runs end when the test says so. */
function setUp(maxBatch: number) {
  const runs: { lane: string; batch: number[]; finish(): void; fail(error: Error): void }[] = [];
  const batcher = new Batcher<string, number, string>({
    maxBatch,
    run: (lane, batch) =>
      new Promise((resolve, reject) => {
        runs.push({ lane, batch, finish: () => resolve(batch.map((n) => `${lane}:${n}`)), fail: reject });
      }),
  });
  return { batcher, runs };
}

describe('Batcher', () => {
  it('runs the first at once and batches what came meanwhile, in order', async () => {
    const { batcher, runs } = setUp(3);
    batcher.addLane('a');
    const results = [0, 1, 2, 3, 4].map((n) => batcher.submit(n));
    expect(runs.map(({ batch }) => batch)).toEqual([[0]]);
    runs[0]!.finish();
    await results[0];
    await delay(0);
    expect(runs[1]!.batch).toEqual([1, 2, 3]);
    runs[1]!.finish();
    await results[3];
    await delay(0);
    runs[2]!.finish();
    expect(await Promise.all(results)).toEqual(['a:0', 'a:1', 'a:2', 'a:3', 'a:4']);
  });

  it('runs one on each lane side by side where batches are fixed', () => {
    const { batcher, runs } = setUp(1);
    batcher.addLane('a');
    batcher.addLane('b');
    for (const n of [0, 1, 2]) void batcher.submit(n);
    expect(runs.map(({ lane, batch }) => [lane, batch])).toEqual([
      ['a', [0]],
      ['b', [1]],
    ]);
    expect(batcher.waiting).toBe(1);
  });

  it('rejects a failed batch as a whole, and a removed lane gets nothing more', async () => {
    const { batcher, runs } = setUp(8);
    batcher.addLane('a');
    const first = batcher.submit(0);
    const second = batcher.submit(1);
    batcher.removeLane('a');
    runs[0]!.fail(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect(runs).toHaveLength(1);
    batcher.rejectWaiting(new Error('no lane'));
    await expect(second).rejects.toThrow('no lane');
    const third = batcher.submit(2);
    batcher.addLane('b');
    runs[1]!.finish();
    expect(await third).toBe('b:2');
  });
});
