import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MediaClock } from './MediaClock.ts';

const wrap = 2 ** 32;

it('counts 24 hours of pictures over every wrap, without a jump', () => {
  fc.assert(
    fc.property(fc.nat(wrap - 1), fc.integer({ min: 1, max: 900_000 }), (begin, step) => {
      const clock = new MediaClock();
      const day = 24 * 3600 * 90_000;
      let jumps = 0;
      let right = true;
      for (let ticks = 0; ticks <= day; ticks += Math.max(step, 500_000)) {
        if (clock.take((begin + ticks) % wrap)) jumps++;
        right &&= clock.time === begin + ticks;
      }
      expect([right, jumps]).toEqual([true, 0]);
    }),
    { numRuns: 40, seed: 20261121 },
  );
});

it('equals the RTP timestamp modulo 2^32, never goes back, and tells every jump', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(wrap - 1), { minLength: 2, maxLength: 40 }), (timestamps) => {
      const clock = new MediaClock();
      let before = -1;
      timestamps.forEach((timestamp, i) => {
        const step = i === 0 ? 1 : (timestamp - timestamps[i - 1]!) | 0;
        const jumped = clock.take(timestamp);
        expect(jumped).toBe(step <= 0 || (i > 0 && step > 900_000));
        expect(clock.time % wrap).toBe(timestamp);
        expect(clock.time).toBeGreaterThan(before);
        before = clock.time;
      });
    }),
    { seed: 20261121 },
  );
});

it('lets B-frames come after what they are before, by up to a second', () => {
  const clock = new MediaClock();
  expect([0, 9_000, 3_000, 6_000].map((t, i) => [clock.take(wrap - 5_000 + t, i > 1), clock.time])).toEqual(
    [0, 9_000, 3_000, 6_000].map((t) => [false, wrap - 5_000 + t]),
  );
  expect(clock.take(wrap - 5_000 - 90_000, true)).toBe(true);
});

it('places what is near the last picture', () => {
  const clock = new MediaClock();
  expect(clock.at(5)).toBeUndefined();
  clock.take(wrap - 10);
  expect(clock.at(5)).toBe(wrap + 5);
  expect(clock.at(wrap - 20)).toBe(wrap - 20);
});

it('begins behind a clock before it, at the timestamp modulo 2^32', () => {
  fc.assert(
    fc.property(fc.nat(wrap * 5), fc.nat(wrap - 1), (after, timestamp) => {
      const clock = new MediaClock(after);
      expect(clock.take(timestamp)).toBe(false);
      expect(clock.time % wrap).toBe(timestamp);
      expect(clock.time).toBeGreaterThan(after);
      expect(clock.time).toBeLessThanOrEqual(after + wrap);
      expect(clock.take((timestamp + 3_000) % wrap)).toBe(false);
    }),
    { seed: 20261121 },
  );
});
