import { describe, expect, test } from 'vitest';
import { KeyFrameClock } from './KeyFrameClock.ts';

describe('KeyFrameClock', () => {
  test('null before the first; then the time since the last or between the last two, whichever is longer', () => {
    const clock = new KeyFrameClock();
    expect(clock.intervalMs(0)).toBeNull();
    clock.seen(0xffff_0000, 1_000);
    expect(clock.intervalMs(1_400)).toBe(400);
    clock.seen((0xffff_0000 + 180_000) >>> 0, 3_000);
    expect(clock.intervalMs(3_100)).toBe(2_000);
    expect(clock.intervalMs(8_000)).toBe(5_000);
  });

  test('further packets of one key frame and stragglers of an earlier one do not count', () => {
    const clock = new KeyFrameClock();
    clock.seen(1_000, 0);
    clock.seen(91_000, 1_000);
    for (const timestamp of [91_000, 1_000, 91_000]) clock.seen(timestamp, 1_500);
    expect(clock.intervalMs(1_500)).toBe(1_000);
  });

  test('a publisher that counts anew from far below goes on being measured', () => {
    const clock = new KeyFrameClock();
    clock.seen(2_000_000_000, 0);
    clock.seen(500_000_000, 1_000);
    clock.seen(500_180_000, 3_000);
    expect(clock.intervalMs(3_000)).toBe(2_000);
  });
});
