import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DetectedObject } from './DetectedObject.ts';
import { Tracker } from './Tracker.ts';

const object = (x: number, y: number, label = 0, size = 0.1): DetectedObject => {
  return { label, score: 0.9, x, y, w: size, h: size };
};
const tick = 6000; // 15 analysed frames a second

describe('Tracker', () => {
  it('keeps the id of a thing that moves a whole width per analysed frame, across the wrap of the RTP clock', () => {
    const tracker = new Tracker();
    const ids = Array.from({ length: 8 }, (_, i) => {
      return tracker.update([object(i * 0.11, 0.4)], (0xffffffff - 3 * tick + i * tick) >>> 0)[0];
    });
    expect(new Set(ids)).toEqual(new Set([1]));
  });

  it('keeps two apart that pass one another', () => {
    const tracker = new Tracker();
    const seen = Array.from({ length: 10 }, (_, i) => {
      return tracker.update([object(0.1 + i * 0.06, 0.4), object(0.7 - i * 0.06, 0.43)], i * tick);
    });
    expect(new Set(seen.map(([first]) => first)).size).toBe(1);
    expect(new Set(seen.map(([, second]) => second)).size).toBe(1);
  });

  it('does not join other labels, nor what was away for more than a second', () => {
    const tracker = new Tracker();
    expect(tracker.update([object(0.1, 0.1, 0)], 0)).toEqual([1]);
    expect(tracker.update([object(0.1, 0.1, 1)], tick)).toEqual([2]);
    expect(tracker.update([object(0.1, 0.1, 0)], 45_000)).toEqual([1]);
    expect(tracker.update([], 100_000)).toEqual([]);
    expect(tracker.update([object(0.1, 0.1, 0)], 200_000)).toEqual([3]);
  });

  it('gives each object of a frame an id of its own, whatever comes', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const any = fc.record({ label: fc.nat(2), score: unit, x: unit, y: unit, w: unit, h: unit });
    const frames = fc.array(fc.tuple(fc.array(any, { maxLength: 12 }), fc.nat(0xffffffff)), { maxLength: 20 });
    fc.assert(
      fc.property(frames, (sequence) => {
        const tracker = new Tracker();
        for (const [objects, ticks] of sequence) {
          const ids = tracker.update(objects, ticks);
          expect(ids).toHaveLength(objects.length);
          expect(new Set(ids).size).toBe(objects.length);
          expect(ids.every((id) => Number.isInteger(id) && id > 0)).toBe(true);
        }
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
