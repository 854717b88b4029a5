import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { videoClockRate } from '../../rtpTime.ts';
import { seededRandom } from '../../tap/testPackets.ts';
import type { DetectedObject } from '../DetectedObject.ts';
import { Tracker } from './Tracker.ts';
import { trackParametersSchema } from './TrackParameters.ts';
import { TrackTable } from './TrackTable.ts';

const object = (x: number, y: number, rest: Partial<DetectedObject> = {}): DetectedObject => {
  return { label: 0, score: 0.9, x, y, w: 0.1, h: 0.1, ...rest };
};
const tick = 6000; // 15 analysed frames a second
const ticksOf = (seconds: number): number => Math.round(seconds * videoClockRate);

/** A tracker that has seen these still objects for a second. */
function settled(...objects: DetectedObject[]): Tracker {
  const tracker = new Tracker();
  for (let i = -15; i < 0; i++) tracker.update(objects, i * tick);
  return tracker;
}

describe('Tracker', () => {
  it('keeps the id of a thing that moves a whole width per analysed frame, across the wrap of the RTP clock', () => {
    const tracker = new Tracker();
    const ids = Array.from({ length: 8 }, (_, i) => {
      return tracker.update([object(i * 0.11, 0.4)], (0xffffffff - 3 * tick + i * tick) >>> 0)[0];
    });
    expect(new Set(ids)).toEqual(new Set([1]));
  });

  it('follows a thing that stood still and moves off at once, at four analysed frames a second', () => {
    const tracker = new Tracker();
    const ids = Array.from({ length: 12 }, (_, i) => {
      return tracker.update([object(0.1 + Math.max(0, i - 6) * 0.12, 0.4)], ticksOf(i / 4))[0];
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

  it('keeps two apart that pass one another where only one is seen for 0.6 s, whichever is given first', () => {
    const tracker = new Tracker();
    const seen: Record<'right' | 'left', Set<number>> = { right: new Set(), left: new Set() };
    for (let i = 0; i < 45; i++) {
      const right = object(0.05 + i * 0.018, 0.4);
      const left = object(0.85 - i * 0.018, 0.42);
      const hidden = Math.abs(right.x - left.x) < 0.09;
      const objects = hidden ? [right] : i % 2 === 0 ? [right, left] : [left, right];
      const ids = tracker.update(objects, i * tick);
      for (const [at, one] of objects.entries()) seen[one === right ? 'right' : 'left'].add(ids[at]!);
    }
    expect([...seen.right, ...seen.left].sort()).toEqual([1, 2]);
  });

  it.each([3, 8, 15, 30])('keeps an id over a second out of sight, at %i analysed frames a second', (fps) => {
    const tracker = new Tracker();
    const ids = new Set<number>();
    const xAt = (seconds: number): number => 0.05 + 0.12 * seconds;
    for (let i = 0; i <= 5 * fps; i++) {
      const seconds = i / fps;
      const hidden = seconds > 2 && seconds < 3;
      const seen = hidden ? [] : [object(xAt(seconds), 0.5)];
      for (const id of tracker.update(seen, ticksOf(seconds))) ids.add(id);
    }
    expect([...ids]).toEqual([1]);
  });

  it('does not join other labels, nor what was away for longer than it keeps ids', () => {
    const tracker = settled(object(0.1, 0.1));
    expect(tracker.update([object(0.1, 0.1, { label: 1 })], 0)).toEqual([2]);
    expect(tracker.update([object(0.1, 0.1)], ticksOf(1))).toEqual([1]);
    expect(tracker.update([], ticksOf(1.5))).toEqual([]);
    expect(tracker.update([object(0.1, 0.1)], ticksOf(2.6))).toEqual([3]);
    const patient = new Tracker({ keepSeconds: 4, confirmAfter: 1 });
    patient.update([object(0.1, 0.1)], 0);
    expect(patient.update([object(0.1, 0.1)], ticksOf(3.9))).toEqual([1]);
  });

  it('begins anew where the clock runs backwards', () => {
    const tracker = settled(object(0.1, 0.1));
    expect(tracker.update([object(0.1, 0.1)], ticksOf(-10))).toEqual([2]);
  });

  it('goes on with a thing whose score sinks while it is half hidden, and lets no better one that comes near have its id', () => {
    const tracker = settled(object(0.4, 0.4));
    const half = object(0.43, 0.4, { w: 0.07, score: 0.36 });
    expect(tracker.update([object(0.54, 0.42), half], 0)).toEqual([2, 1]);
    expect(tracker.update([object(0.53, 0.42), half], tick)).toEqual([2, 1]);
  });

  it('matches detections of high score first', () => {
    const tracker = settled(object(0.4, 0.4));
    const [low, high] = tracker.update([object(0.4, 0.4, { score: 0.4 }), object(0.42, 0.4)], 0);
    expect([low, high]).toEqual([2, 1]);
  });

  it('confirms what three frames had with a high score, and forgets flickers soon', () => {
    const tracker = new Tracker();
    const confirmed = Array.from({ length: 4 }, (_, i) => {
      const [id] = tracker.update([object(0.3, 0.3)], i * tick);
      return tracker.isConfirmed(id!);
    });
    expect(confirmed).toEqual([false, false, true, true]);
    const [faint] = Array.from(
      { length: 9 },
      (_, i) => tracker.update([object(0.7, 0.7, { score: 0.4 })], (4 + i) * tick)[0]!,
    );
    expect(tracker.isConfirmed(faint!)).toBe(false);
    expect(tracker.isConfirmed(999)).toBe(false);
    const flicker = new Tracker();
    flicker.update([object(0.1, 0.1)], 0);
    for (let i = 1; i <= 6; i++) flicker.update([], i * tick);
    expect(flicker.update([object(0.1, 0.1)], 7 * tick)).toEqual([2]);
  });

  it('takes nothing that looks otherwise for a thing that is out of sight, where the Model says what things look like', () => {
    const look = (...values: number[]): Float32Array => Float32Array.from(values);
    const tracker = settled(object(0.4, 0.4, { embedding: look(1, 0) }));
    expect(tracker.update([object(0.55, 0.4, { embedding: look(0, 1) })], 0)).toEqual([2]);
    expect(tracker.update([object(0.4, 0.4, { embedding: look(0, 1) })], tick)).toEqual([2]);
    expect(tracker.update([object(0.41, 0.4, { embedding: look(0.8, 0.6) })], 2 * tick)).toEqual([1]);
    // One that stays where it is may change: a hand before it, a blurred picture. So may one that is not compared.
    expect(tracker.update([object(0.41, 0.4, { embedding: look(0, 1) })], 3 * tick)).toEqual([1]);
    expect(tracker.update([object(0.41, 0.4, { embedding: look(1, 0, 0) })], 4 * tick)).toEqual([1]);
    expect(tracker.update([object(0.41, 0.4)], 5 * tick)).toEqual([1]);
  });

  it('lets an unconfirmed one miss a frame, however far apart analysed frames are', () => {
    const tracker = new Tracker();
    tracker.update([object(0.1, 0.1)], 0);
    tracker.update([], ticksOf(0.4));
    expect(tracker.update([object(0.1, 0.1)], ticksOf(0.8))).toEqual([1]);
  });

  it('has its parameters checked, each with its default', () => {
    expect(trackParametersSchema.parse({ keepSeconds: 3 })).toMatchObject({ keepSeconds: 3, confirmAfter: 3 });
    expect(() => trackParametersSchema.parse({ keepSeconds: -1 })).toThrow();
    expect(() => trackParametersSchema.parse({ keepSecond: 3 })).toThrow(/keepSecond/);
  });

  describe('camera cuts', () => {
    const before = [object(0.1, 0.1), object(0.4, 0.4), object(0.7, 0.2)];
    const after = [object(0.2, 0.75), object(0.78, 0.8), object(0.45, 0.12)];

    it('ends all ids when told, even where things are in the same place', () => {
      const tracker = settled(...before);
      expect(tracker.update(before, 0, { cut: true })).toEqual([4, 5, 6]);
      expect(tracker.cuts).toBe(1);
      expect(tracker.isConfirmed(1)).toBe(false);
    });

    it('is told by how much the picture changed', () => {
      expect(settled(...before).update(before, 0, { change: 0.95 })).toEqual([4, 5, 6]);
      expect(settled(...before).update(before, 0, { change: 0.5 })).toEqual([1, 2, 3]);
      // Half changed and most of it gone: what seems to be still there is by chance.
      expect(settled(...before).update([before[0]!, after[0]!, after[1]!], 0, { change: 0.5 })).toEqual([4, 5, 6]);
      expect(settled(...before).update([before[0]!, before[1]!, after[1]!], 0, { change: 0.5 })).toEqual([1, 2, 4]);
    });

    it('is found by itself where all are gone and others are there: nothing comes back when the first are shown again', () => {
      const tracker = settled(...before);
      expect(tracker.update(after, 0)).toEqual([4, 5, 6]);
      expect(tracker.cuts).toBe(1);
      expect(tracker.update(before, tick)).toEqual([1, 2, 3].map(() => expect.any(Number)));
      expect(Math.min(...tracker.update(before, 2 * tick))).toBeGreaterThan(3);
    });

    it('is found though nothing was detected in between', () => {
      const tracker = settled(...before);
      tracker.update([], 0);
      tracker.update(after, tick);
      expect(tracker.cuts).toBe(1);
    });

    it('is no Model that missed everything once, no thing that comes in and no camera that pans', () => {
      const tracker = settled(...before);
      expect(tracker.update([], 0)).toEqual([]);
      expect(tracker.update(before, tick)).toEqual([1, 2, 3]);
      expect(tracker.update([object(0.45, 0.75)], 2 * tick)).toEqual([4]);
      expect(tracker.update(before, 3 * tick)).toEqual([1, 2, 3]);
      const panned = before.map((one) => ({ ...one, x: one.x + 0.11 }));
      expect(tracker.update(panned, 4 * tick)).toEqual([1, 2, 3]);
      expect(tracker.cuts).toBe(0);
    });
  });

  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const anyObject = fc.record({ label: fc.nat(2), score: unit, x: unit, y: unit, w: unit, h: unit });

  it('gives each object of a frame an id of its own and touches none, whatever comes', () => {
    const broken = fc.record({
      ...{ label: fc.nat(2), score: fc.double(), x: fc.double(), y: fc.double(), w: fc.double(), h: fc.double() },
    });
    const hint = fc.option(fc.record({ cut: fc.boolean(), change: unit }), { nil: undefined });
    const frame = fc.tuple(fc.array(fc.oneof(anyObject, broken), { maxLength: 12 }), fc.nat(0xffffffff), hint);
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), (sequence) => {
        const tracker = new Tracker();
        for (const [objects, ticks, hinted] of sequence) {
          const before = structuredClone(objects);
          const ids = tracker.update(objects.map(Object.freeze) as DetectedObject[], ticks, hinted);
          expect(objects).toEqual(before);
          expect(ids).toHaveLength(objects.length);
          expect(new Set(ids).size).toBe(objects.length);
          expect(ids.every((id) => Number.isInteger(id) && id > 0)).toBe(true);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('says the same whatever the order of objects is, and wherever the clock begins', () => {
    const frames = fc.array(fc.array(anyObject, { maxLength: 8 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(frames, fc.nat(0xffffffff), fc.nat(), (sequence, start, seed) => {
        const [one, other] = [new Tracker(), new Tracker()];
        const random = seededRandom(seed);
        /** From one's ids to the other's. */
        const same = new Map<number, number>();
        for (const [i, objects] of sequence.entries()) {
          const shuffled = objects.map((each) => [random(), each] as const).sort(([a], [b]) => a - b);
          const ids = one.update(objects, i * tick);
          const others = other.update(
            shuffled.map(([, each]) => each),
            (start + i * tick) >>> 0,
          );
          for (const [at, each] of objects.entries()) {
            const otherId = others[shuffled.findIndex(([, one]) => one === each)]!;
            if (!same.has(ids[at]!)) same.set(ids[at]!, otherId);
            expect(same.get(ids[at]!)).toBe(otherId);
          }
        }
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  it('keeps at most as many as it has room for, and the latest ones', () => {
    const tracker = new Tracker();
    const crowd = (y: number) => Array.from({ length: 600 }, (_, i) => object(i / 600, y, { w: 0.001, h: 0.001 }));
    tracker.update(crowd(0.1), 0);
    const second = tracker.update(crowd(0.5), tick);
    expect(tracker.update(crowd(0.5), 2 * tick)).toEqual(second);
    const many = Array.from({ length: TrackTable.maxTracks + 50 }, (_, i) =>
      object(i / 2000, 0.9, { w: 0.0003, h: 0.001 }),
    );
    expect(new Set(tracker.update(many, 3 * tick)).size).toBe(many.length);
  });
});
