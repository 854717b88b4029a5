import { describe, expect, it } from 'vitest';
import type { StorageProblem } from './StorageProblem.ts';
import { WriteQueue } from './WriteQueue.ts';

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

describe('WriteQueue', () => {
  it('writes in order, one at a time', async () => {
    const done: number[] = [];
    let running = 0;
    const queue = new WriteQueue({ maxBytes: 1_000, onProblem: () => undefined });
    for (let i = 0; i < 20; i++) {
      queue.add(1, async () => {
        expect(++running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        done.push(i);
      });
    }
    expect(queue.bytes).toBe(20);
    await queue.idle();
    expect(done).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(queue.bytes).toBe(0);
  });

  it.each([
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
    ['EIO', 'broken'],
    ['ENOENT', 'broken'],
  ] as const)('%s is told once, as %s, and nothing is written after it', async (code, kind) => {
    const problems: StorageProblem[] = [];
    const queue = new WriteQueue({ maxBytes: 1_000, onProblem: (problem) => void problems.push(problem) });
    let after = 0;
    queue.add(1, () => Promise.reject(failure(code)));
    for (let i = 0; i < 3; i++) queue.add(1, async () => void after++);
    await queue.idle();
    queue.add(1, async () => void after++);
    await queue.idle();
    expect(problems.map((problem) => problem.kind)).toEqual([kind]);
    expect([after, queue.dropped, queue.bytes]).toEqual([0, 4, 0]);
  });
});
