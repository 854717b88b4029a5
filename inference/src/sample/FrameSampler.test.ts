import { seededRandom } from '@framelock/server/protocol/tap/testing';
import { describe, expect, it } from 'vitest';
import { FrameSampler } from './FrameSampler.ts';
import { WaitingSlot, createWaitingCell, takeWaiting } from './WaitingSlot.ts';

/** Frame numbers taken of a source with capture jitter (ticks). */
function taken(maxFps: number, sourceFps: number, seconds: number, jitterTicks = 0): number[] {
  const sampler = new FrameSampler(maxFps);
  const random = seededRandom(1);
  const frames = Array.from({ length: sourceFps * seconds }, (_, i) => i);
  return frames.filter((i) => sampler.take(Math.round((i * 90_000) / sourceFps + (random() * 2 - 1) * jitterTicks)));
}

describe('FrameSampler', () => {
  it('takes exactly every second frame of 30 fps under a cap of 15, with jitter', () => {
    const frames = taken(15, 30, 60, 600);
    expect(frames).toEqual(Array.from({ length: 900 }, (_, i) => i * 2));
  });

  it.each([
    [15, 24],
    [15, 25],
    [10, 30],
    [15, 60],
    [12, 50],
  ])('keeps a cap of %i on %i fps and comes close to it', (cap, fps) => {
    const { length } = taken(cap, fps, 60);
    expect(length).toBeLessThanOrEqual(cap * 60 + 1);
    expect(length).toBeGreaterThanOrEqual(cap * 60 - 2);
  });

  it('takes all of a source that is slower', () => {
    expect(taken(15, 10, 10)).toHaveLength(100);
    expect(taken(15, 15, 10, 500)).toHaveLength(150);
  });

  it('goes on after a pause and after timestamps that jump back', () => {
    const sampler = new FrameSampler(15);
    expect([0, 3000, 900_000, 903_000, 906_000, 0, 3000, 6000].map((t) => sampler.take(t))).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
  });
});

describe('WaitingSlot', () => {
  it('lets a stale stamp take nothing', () => {
    const cell = createWaitingCell();
    const waiting = new WaitingSlot(cell);
    expect(waiting.claim()).toBeUndefined();
    waiting.give(3);
    expect(waiting.claim()).toEqual({ slot: 3, replaced: false });
    const first = waiting.publish();
    expect(waiting.claim()).toEqual({ slot: 3, replaced: true });
    expect(takeWaiting(cell, first)).toBe(false); // being overwritten
    const second = waiting.publish();
    expect(takeWaiting(cell, first)).toBe(false); // holds the newer picture
    expect(takeWaiting(cell, second)).toBe(true);
    expect(takeWaiting(cell, second)).toBe(false);
    expect(waiting.claim()).toBeUndefined(); // the model reads it
    waiting.give(4);
    expect(waiting.claim()).toEqual({ slot: 4, replaced: false });
  });

  it('gets its slot back when the picture could not be written', () => {
    const waiting = new WaitingSlot(createWaitingCell());
    waiting.give(1);
    waiting.claim();
    waiting.publish();
    waiting.claim();
    expect(waiting.claim()).toEqual({ slot: 1, replaced: false });
  });
});
