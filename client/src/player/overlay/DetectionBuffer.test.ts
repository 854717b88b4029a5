import { rtpTicksBetween } from '@framelock/server/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DetectionBuffer, type Neighbours } from './DetectionBuffer.ts';
import { detectionMessage } from './testing.ts';

const frameTicks = 3000;
const into = (): Neighbours => ({ before: undefined, earlier: undefined, after: undefined });

function filled(rtps: number[]): DetectionBuffer {
  const buffer = new DetectionBuffer();
  buffer.reset('pub1');
  for (const [seq, rtp] of rtps.entries()) buffer.add(detectionMessage(rtp, [], { seq }), 0);
  return buffer;
}

describe('DetectionBuffer', () => {
  it('finds a picture by its exact timestamp only', () => {
    const buffer = filled([1000, 4000]);
    expect(buffer.exact(4000)?.message.rtp).toBe(4000);
    expect(buffer.exact(4001)).toBeUndefined();
  });

  it('counts and ignores another Publication', () => {
    const buffer = filled([]);
    expect(buffer.add(detectionMessage(1, [], { pub: 'other' }), 0)).toBe('foreign');
    expect(buffer.exact(1)).toBeUndefined();
    expect(buffer.counts.foreign).toBe(1);
  });

  it('forgets everything for a new Publication', () => {
    const buffer = filled([1000]);
    buffer.reset('pub2');
    expect(buffer.exact(1000)).toBeUndefined();
    expect(buffer.add(detectionMessage(1000), 0)).toBe('foreign');
  });

  it('keeps the first of two messages of one timestamp', () => {
    const buffer = filled([]);
    buffer.add(detectionMessage(5, [], { seq: 1 }), 1);
    expect(buffer.add(detectionMessage(5, [], { seq: 2 }), 2)).toBe('duplicate');
    expect(buffer.exact(5)?.message.seq).toBe(1);
  });

  it('has neighbours across the wrap', () => {
    const buffer = filled([0xffffffff - 2999, 3000, 0]);
    const { before, earlier, after } = buffer.neighbours(1500, into());
    expect([earlier, before, after].map((entry) => entry?.message.rtp)).toEqual([0xffffffff - 2999, 0, 3000]);
  });

  it('has no neighbours for a picture of another time', () => {
    expect(filled([0, 3000]).neighbours(2 ** 31, into())).toEqual(into());
  });

  it('starts anew when the video jumps', () => {
    const buffer = filled([0, 3000, 90_000 * 600]);
    expect(buffer.size).toBe(1);
    expect(buffer.exact(3000)).toBeUndefined();
  });

  it('counts gaps in seq as lost, and late comers back', () => {
    const buffer = filled([]);
    for (const seq of [0, 1, 5]) buffer.add(detectionMessage(seq * frameTicks, [], { seq }), 0);
    expect(buffer.lost).toBe(3);
    buffer.add(detectionMessage(3 * frameTicks, [], { seq: 3 }), 0);
    expect(buffer.lost).toBe(2);
  });

  it('counts anew when analysis begins again in the same Publication', () => {
    const buffer = filled([0, 3000, 6000, 9000]);
    for (const seq of [0, 1, 4]) {
      buffer.add(detectionMessage(12_000 + seq * frameTicks, [], { seq, model: 2 }), 0);
    }
    expect(buffer.lost).toBe(2);
  });

  it('does not show detections of 13 hours ago when timestamps come round again', () => {
    const buffer = filled([0, 3000]);
    buffer.forgetIfSilent(1_000);
    expect(buffer.exact(3000)).toBeDefined();
    buffer.forgetIfSilent((2 ** 32 / 90_000) * 1000);
    expect(buffer.exact(3000)).toBeUndefined();
    expect(buffer.neighbours(1500, into())).toEqual(into());
  });

  it('holds the newest 512 and the last 20 seconds', () => {
    const buffer = filled(Array.from({ length: 2000 }, (_, i) => i * 100));
    expect(buffer.size).toBe(512);
    expect(buffer.exact(1999 * 100)).toBeDefined();
    const sparse = filled(Array.from({ length: 300 }, (_, i) => i * 9000));
    expect(sparse.size).toBe(201);
  });

  it('agrees with a plain list, in any order of arrival, anywhere around the wrap', () => {
    const arrivals = fc.record({
      start: fc.integer({ min: 0, max: 0xffffffff }),
      steps: fc.uniqueArray(fc.nat(400), { minLength: 1, maxLength: 60 }),
      at: fc.nat(400 * frameTicks),
    });
    fc.assert(
      fc.property(arrivals, ({ start, steps, at }) => {
        const rtpOf = (ticks: number) => (start + ticks) >>> 0;
        const buffer = filled(steps.map((step) => rtpOf(step * frameTicks)));
        const times = steps.map((step) => step * frameTicks).sort((a, b) => a - b);
        const { before, earlier, after } = buffer.neighbours(rtpOf(at), into());
        const past = times.filter((time) => time <= at);
        const expected = [past.at(-2), past.at(-1), times.find((time) => time > at)];
        expect([earlier, before, after].map((entry) => entry?.message.rtp)).toEqual(
          expected.map((ticks) => (ticks === undefined ? undefined : rtpOf(ticks))),
        );
        for (const time of times) expect(buffer.exact(rtpOf(time))?.message.rtp).toBe(rtpOf(time));
        if (before && after) expect(rtpTicksBetween(after.message.rtp, before.message.rtp)).toBeGreaterThan(0);
      }),
      { seed: 20261120, numRuns: 500 },
    );
  });
});
