import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaClock, rtpOfMediaTime } from './MediaClock.ts';

const seed = { seed: 20_261_121, numRuns: 200 };

/** As Chromium tells a picture's time: whole microseconds on the video's timeline. */
const shownAtUs = (mediaTime: number, offsetS: number): number => Math.round((mediaTime / 90_000 + offsetS) * 1e6);

interface Told {
  offsetS: number;
  frames?: number[];
  discontinuities?: number;
}

/** As media comes: where it lies by the playlist (10 ms off), appended, and its frames when they are known. */
function put(clock: MediaClock, key: string, { offsetS, frames: known = [0], discontinuities = 0 }: Told): string[] {
  const place = (mediaTime: number): number => mediaTime / 90_000 + offsetS + 0.01;
  const placed = { offsetS, discontinuities, startS: place(known[0]!), endS: place(known.at(-1)! + 3_000) };
  const replaced = clock.add(key, placed);
  clock.onAppended(key);
  clock.setFrames(key, known);
  return replaced;
}

function frames(start: number, count: number, step = 3_000): number[] {
  return Array.from({ length: count }, (_, i) => start + i * step);
}

describe('MediaClock: where a frame is', () => {
  it('is found by its RTP timestamp near a time, days into a Publication and across the wrap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 * 12 }),
        fc.double({ min: 20, max: 90_000, noNaN: true }),
        fc.double({ min: -9, max: 9, noNaN: true }),
        (mediaTime, positionS, awayS) => {
          const clock = new MediaClock();
          put(clock, 'a', { offsetS: positionS - mediaTime / 90_000, frames: [mediaTime] });
          const found = clock.positionOf(rtpOfMediaTime(mediaTime), positionS + awayS, 10);
          expect(found).toBeCloseTo(positionS, 4);
        },
      ),
      seed,
    );
  });

  it('is not guessed where nothing near has that timestamp, nor before any media', () => {
    const clock = new MediaClock();
    expect(clock.positionOf(90_000, 1, 10)).toBeUndefined();
    put(clock, 'a', { offsetS: 0, frames: [0, 3_000] });
    expect(clock.positionOf(90_000, 1, 10)).toBeCloseTo(1, 6);
    expect(clock.positionOf(90_000 * 60, 1, 10)).toBeUndefined();
  });
});

describe('MediaClock', () => {
  it('finds every frame of any media by the time of its picture, days into a Publication, across the wrap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 * 12 }),
        fc.array(fc.integer({ min: 750, max: 9_000 }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 90_000, noNaN: true }),
        (start, steps, positionS) => {
          const offsetS = positionS - start / 90_000;
          let time = start;
          const times = [start, ...steps.map((step) => (time += step))];
          const clock = new MediaClock();
          put(clock, 'part', { offsetS, frames: times });
          for (const mediaTime of times) {
            expect(clock.mediaTimeAt(shownAtUs(mediaTime, offsetS))).toBe(mediaTime);
          }
        },
      ),
      seed,
    );
  });

  it('answers nothing between frames, outside of what it knows, and of no media', () => {
    const clock = new MediaClock();
    expect(clock.mediaTimeAt(0)).toBeUndefined();
    put(clock, 'part', { offsetS: -1, frames: frames(90_000, 10) });
    expect(clock.mediaTimeAt(shownAtUs(93_000, -1))).toBe(93_000);
    expect(clock.mediaTimeAt(shownAtUs(93_000 + 45, -1))).toBe(93_000);
    expect(clock.mediaTimeAt(shownAtUs(93_000 + 47, -1))).toBeUndefined();
    expect(clock.mediaTimeAt(shownAtUs(94_500, -1))).toBeUndefined();
    expect(clock.mediaTimeAt(shownAtUs(90_000 + 10 * 3_000, -1))).toBeUndefined();
    clock.remove('part');
    expect(clock.mediaTimeAt(shownAtUs(93_000, -1))).toBeUndefined();
  });

  it('tells the two sides of a discontinuity apart, and takes what was appended last where they overlap', () => {
    const clock = new MediaClock();
    // 2 s each; the second clock began anew, and its media was put 0.1 s into the first.
    put(clock, 'before', { offsetS: 0, frames: frames(0, 60) });
    put(clock, 'after', { discontinuities: 1, offsetS: 1.9 - 100, frames: frames(9_000_000, 60) });
    expect(clock.mediaTimeAt(1_500_000)).toBe(135_000);
    expect(clock.mediaTimeAt(1_900_000)).toBe(9_000_000);
    expect(clock.mediaTimeAt(2_900_000)).toBe(9_090_000);
    // Seeking back loads the first again: it is the newer one now.
    put(clock, 'before', { offsetS: 0, frames: frames(0, 60) });
    expect(clock.mediaTimeAt(1_900_000)).toBe(171_000);
  });

  it('answers nothing from what was replaced by media whose frames are not known, or not yet appended', () => {
    const clock = new MediaClock();
    put(clock, 'before', { offsetS: 0, frames: frames(0, 60) });
    // The same frames a picture later: each of the older ones would pass for its neighbour.
    const shifted = { offsetS: 1 / 30, discontinuities: 0, startS: 1, endS: 3 };
    clock.add('after', shifted);
    expect(clock.mediaTimeAt(1_500_000)).toBeUndefined();
    clock.setFrames('after', frames(87_000, 60));
    expect(clock.mediaTimeAt(1_500_000)).toBeUndefined();
    expect(clock.mediaTimeAt(500_000)).toBe(45_000);
    clock.onAppended('after');
    expect(clock.mediaTimeAt(1_500_000)).toBe(132_000);
  });

  it('keeps the order of appending, in whatever order frames come to be known', () => {
    const clock = new MediaClock();
    const times = frames(0, 60);
    clock.add('older', { offsetS: 0, discontinuities: 0, startS: 0, endS: 2 });
    clock.add('newer', { offsetS: -1 / 30, discontinuities: 0, startS: 0.5, endS: 2.5 });
    for (const key of ['older', 'newer']) clock.onAppended(key);
    clock.setFrames('newer', frames(48_000, 60));
    clock.setFrames('older', times);
    expect(clock.mediaTimeAt(1_500_000)).toBe(138_000);
  });

  it('a Part answers for the Segment of the same media whose frames are not known', () => {
    const clock = new MediaClock();
    put(clock, 'part', { offsetS: 5, frames: frames(0, 10) });
    clock.add('segment', { offsetS: 5, discontinuities: 0, startS: 5, endS: 7 });
    expect(clock.mediaTimeAt(shownAtUs(9_000, 5))).toBe(9_000);
    expect(clock.size).toBe(2);
  });

  it('forgets what was replaced entirely, and says so', () => {
    const clock = new MediaClock();
    put(clock, 'a', { offsetS: 0, frames: frames(0, 60) });
    put(clock, 'b', { offsetS: 0, frames: frames(180_000, 60) });
    expect(put(clock, 'c', { offsetS: -100, discontinuities: 1, frames: frames(9_000_000, 60) })).toEqual(['a']);
    expect(clock.size).toBe(2);
  });

  it('gives the RTP timestamp of the pixels, and of the callback where there are no pixels', () => {
    const clock = new MediaClock();
    const start = 2 ** 32 * 3 - 3_000;
    const offsetS = -start / 90_000;
    put(clock, 'part', { offsetS, frames: frames(start, 3) });
    const image = { timestamp: shownAtUs(start + 3_000, offsetS) } as VideoFrame;
    const metadata = { mediaTime: 0 } as VideoFrameCallbackMetadata;
    expect(clock.ofPixels(image)).toBe(0);
    expect(clock.ofCallback(metadata)).toBe(2 ** 32 - 3_000);
    expect(clock.identityOf(image, metadata)).toBe(image.timestamp);
    expect(clock.identityOf(undefined, metadata)).toBe(0);
  });

  it('media time is the RTP timestamp, unwrapped', () => {
    expect(rtpOfMediaTime(5)).toBe(5);
    expect(rtpOfMediaTime(2 ** 32)).toBe(0);
    expect(rtpOfMediaTime(2 ** 32 * 7 + 2 ** 32 - 1)).toBe(2 ** 32 - 1);
  });
});
