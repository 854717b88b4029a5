import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideTimeline, type FrameArrival } from './LayerTimeline.ts';

interface LayerSpec {
  /** RTP timestamp of frame 0, u32. */
  zero: number;
  frameTicks?: number;
  /** Every nth frame only. */
  every?: number;
  lagMs?: (frame: number) => number;
  frames?: number;
}

/** A layer of one camera: frame n happens at n * frame length. */
function layerOf({ zero, frameTicks = 3000, every = 1, lagMs = () => 0, frames = 100 }: LayerSpec): FrameArrival[] {
  const all: FrameArrival[] = [];
  for (let n = 0; n < frames; n += every) {
    all.push({ rtp: (zero + n * frameTicks) >>> 0, atMs: 5000 + (n * frameTicks) / 90 + lagMs(n) });
  }
  return all;
}

/** mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const anyStart = fc.integer({ min: 0, max: 0xffffffff });
const anyFrameTicks = fc.constantFrom(1500, 3000, 3003, 3600, 3750, 6000);

describe('decideTimeline', () => {
  test('finds the offset from anywhere, with the jitter of packets sent back to back and some frames lost', () => {
    fc.assert(
      fc.property(anyStart, anyStart, anyFrameTicks, fc.integer(), (zeroA, zeroB, frameTicks, seed) => {
        const next = random(seed);
        const frameMs = frameTicks / 90;
        // The network's own delay is the same for packets sent together.
        const network = Array.from({ length: 200 }, () => next() * frameMs);
        const analysed = layerOf({ zero: zeroA, frameTicks, frames: 200, lagMs: (n) => network[n]! });
        const lagMs = (n: number) => network[n]! + frameMs * (0.05 + 0.1 * next());
        const layer = layerOf({ zero: zeroB, frameTicks, frames: 200, lagMs }).filter(() => next() > 0.03);
        const decided = decideTimeline(layer, analysed);
        expect(decided).toEqual({ state: 'known', offsetTicks: (zeroA - zeroB) | 0 });
      }),
      { seed: 1121, numRuns: 200 },
    );
  });

  test('never answers a wrong offset, whatever the jitter: the right one or none', () => {
    fc.assert(
      fc.property(
        anyStart,
        anyStart,
        anyFrameTicks,
        fc.double({ min: 0, max: 4, noNaN: true }),
        fc.integer(),
        (zeroA, zeroB, frameTicks, jitterFrames, seed) => {
          const next = random(seed);
          const lagMs = () => next() * jitterFrames * (frameTicks / 90);
          const analysed = layerOf({ zero: zeroA, frameTicks, frames: 150 });
          const decided = decideTimeline(layerOf({ zero: zeroB, frameTicks, frames: 150, lagMs }), analysed);
          if (decided.state === 'known') expect(decided.offsetTicks).toBe((zeroA - zeroB) | 0);
          else expect(jitterFrames).toBeGreaterThan(0.2);
          if (jitterFrames > 1) expect(decided.state).toBe('unknown');
        },
      ),
      { seed: 1122, numRuns: 500 },
    );
  });

  test('a layer that is one frame off is found out, though its timestamps are the same as a set', () => {
    // OBS dropped this layer's first frame before the track opened: its frame 1 has the time of the others' frame 0.
    const late = layerOf({ zero: -3000 >>> 0 });
    expect(decideTimeline(late, layerOf({ zero: 0 }))).toEqual({ state: 'known', offsetTicks: 3000 });
    expect(decideTimeline(layerOf({ zero: 3000 }), layerOf({ zero: 0 }))).toEqual({
      state: 'known',
      offsetTicks: -3000,
    });
  });

  test('takes a layer of half the frame rate, either way round', () => {
    const [full, half] = [layerOf({ zero: 7, frames: 160 }), layerOf({ zero: 90_007, every: 2, frames: 160 })];
    expect(decideTimeline(half, full)).toEqual({ state: 'known', offsetTicks: -90_000 });
    expect(decideTimeline(full, half)).toEqual({ state: 'known', offsetTicks: 90_000 });
  });

  test('bursts, drift, other clocks and other frame rates are unknown, with the reason', () => {
    const analysed = layerOf({ zero: 0, frames: 150 });
    const reasonFor = (layer: FrameArrival[], reference = analysed) => {
      const decided = decideTimeline(layer, reference);
      return decided.state === 'unknown' ? decided.reason : decided.state;
    };
    const burst = (n: number) => (5 - (n % 6)) * 33.3;
    const [one, other] = [
      layerOf({ zero: 0, lagMs: burst, frames: 150 }),
      layerOf({ zero: 0, lagMs: burst, frames: 150 }),
    ];
    expect(reasonFor(one, other)).toMatch(/bursts|together/);
    expect(reasonFor(layerOf({ zero: 0, lagMs: (n) => n * 0.08, frames: 150 }))).toMatch(/drift/);
    const clock = layerOf({ zero: 0, frameTicks: 3001, frames: 150 }).map((frame, n) => ({
      ...frame,
      atMs: analysed[n]!.atMs,
    }));
    expect(reasonFor(clock)).toMatch(/coincide/);
    expect(reasonFor(layerOf({ zero: 0, frameTicks: 3600, frames: 150 }))).toMatch(/coincide/);
    expect(reasonFor(layerOf({ zero: 0, lagMs: () => 16, frames: 150 }))).toMatch(/together/);
  });

  test('says nothing before it has seen enough', () => {
    expect(decideTimeline([], [])).toEqual({ state: 'checking' });
    const few = layerOf({ zero: 0, frames: 40 });
    expect(decideTimeline(few, few)).toEqual({ state: 'checking' });
    expect(decideTimeline(few, few, 20)).toEqual({ state: 'known', offsetTicks: 0 });
  });

  test('takes any arrivals without an error', () => {
    const frames = fc.array(fc.record({ rtp: anyStart, atMs: fc.double({ min: 0, max: 1e6, noNaN: true }) }), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(frames, frames, (a, b) => {
        expect(['checking', 'unknown']).toContain(decideTimeline(a, b).state);
      }),
      { seed: 1123, numRuns: 100 },
    );
  });
});
