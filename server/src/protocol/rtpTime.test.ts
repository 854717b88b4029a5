import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RtpTimeUnwrapper, rtpTicksBetween, ticksToMs } from './rtpTime.ts';

const seed = { seed: 20_261_120, numRuns: 500 };
const u32 = fc.integer({ min: 0, max: 0xffffffff });
/** Within half a wrap, either way. */
const step = fc.integer({ min: -0x7fffffff, max: 0x7fffffff });
const add = (timestamp: number, ticks: number) => (timestamp + ticks) >>> 0;

describe('rtpTicksBetween', () => {
  it('goes right across the wrap', () => {
    expect(rtpTicksBetween(5, 0xfffffffe)).toBe(7);
    expect(rtpTicksBetween(0xfffffffe, 5)).toBe(-7);
    expect(rtpTicksBetween(3000, 0)).toBe(3000);
  });

  it('undoes any step within half a wrap', () => {
    fc.assert(
      fc.property(u32, step, (timestamp, ticks) => rtpTicksBetween(add(timestamp, ticks), timestamp) === ticks),
      seed,
    );
  });
});

describe('RtpTimeUnwrapper', () => {
  it('follows any walk of such steps, as one line of safe integers', () => {
    fc.assert(
      fc.property(u32, fc.array(step, { maxLength: 60 }), (first, steps) => {
        const unwrapper = new RtpTimeUnwrapper();
        let expected = unwrapper.unwrap(first);
        expect(expected).toBe(first);
        let timestamp = first;
        for (const ticks of steps) {
          timestamp = add(timestamp, ticks);
          expected += ticks;
          expect(unwrapper.unwrap(timestamp)).toBe(expected);
          expect(Number.isSafeInteger(expected)).toBe(true);
        }
      }),
      seed,
    );
  });

  it('is the identity modulo 2^32', () => {
    fc.assert(
      fc.property(fc.array(u32, { minLength: 1, maxLength: 60 }), (timestamps) => {
        const unwrapper = new RtpTimeUnwrapper();
        for (const timestamp of timestamps) expect(add(unwrapper.unwrap(timestamp), 0)).toBe(timestamp);
      }),
      seed,
    );
  });
});

it('turns ticks of 90 kHz into ms', () => {
  expect(ticksToMs(90_000)).toBe(1000);
  expect(ticksToMs(3000)).toBeCloseTo(33.333, 3);
});
