import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaClock, rtpOfMediaTime } from './MediaClock.ts';

const seed = { seed: 20_261_121, numRuns: 200 };

/** As Chromium tells a picture's time: whole microseconds on the video's timeline. */
const shownAtUs = (mediaTime: number, offsetS: number): number => Math.round((mediaTime / 90_000 + offsetS) * 1e6);

function frames(start: number, count: number, step = 3_000): number[] {
  return Array.from({ length: count }, (_, i) => start + i * step);
}

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
          clock.add('part', { offsetS, frames: times });
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
    clock.add('part', { offsetS: -1, frames: frames(90_000, 10) });
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
    clock.add('before', { offsetS: 0, frames: frames(0, 60) });
    clock.add('after', { offsetS: 1.9 - 100, frames: frames(9_000_000, 60) });
    expect(clock.mediaTimeAt(1_500_000)).toBe(135_000);
    expect(clock.mediaTimeAt(1_900_000)).toBe(9_000_000);
    expect(clock.mediaTimeAt(2_900_000)).toBe(9_090_000);
    // Seeking back loads the first again: it is the newer one now.
    clock.add('before', { offsetS: 0, frames: frames(0, 60) });
    expect(clock.mediaTimeAt(1_900_000)).toBe(171_000);
  });

  it('gives the RTP timestamp of the pixels, and of the callback where there are no pixels', () => {
    const clock = new MediaClock();
    const start = 2 ** 32 * 3 - 3_000;
    const offsetS = -start / 90_000;
    clock.add('part', { offsetS, frames: frames(start, 3) });
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
