import { expect, it } from 'vitest';
import { KeyedBuckets } from './KeyedBuckets.ts';

it('limits each key by itself, and forgets the least recently seen ones', () => {
  const buckets = new KeyedBuckets({ capacity: 2, perSecond: 0, maxKeys: 100 });
  expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([true, true, false]);
  expect(buckets.take('b')).toBe(true);
  for (let i = 0; i < 1_000; i++) {
    buckets.take(`key${i}`);
    expect(buckets.take('a')).toBe(false); // asked for again and again, so it is kept
  }
  expect(buckets.size).toBe(100);
});
