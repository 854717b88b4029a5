import { expect, it } from 'vitest';
import { TokenBucket } from './TokenBucket.ts';

it('lets a burst through, then its rate, and never saves up more than its capacity', () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ capacity: 5, perSecond: 2, nowMs: () => nowMs });
  const takeAll = () => {
    let taken = 0;
    while (bucket.take()) taken++;
    return taken;
  };
  expect(takeAll()).toBe(5);
  nowMs = 400;
  expect(takeAll()).toBe(0);
  nowMs = 500;
  expect(takeAll()).toBe(1);
  nowMs = 2_000;
  expect(takeAll()).toBe(3);
  nowMs = 1e9;
  expect(takeAll()).toBe(5);
});
