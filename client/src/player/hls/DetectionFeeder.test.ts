import { expect, it } from 'vitest';
import type { Sidecar } from './decodeSidecar.ts';
import { DetectionFeeder } from './DetectionFeeder.ts';

/** 2 s of 30 pictures a second, each with a message of one byte: `tag`. */
function sidecarAt(startS: number, tag: number): Sidecar {
  const frames = Array.from({ length: 60 }, (_, i) => (startS * 30 + i) * 3_000);
  const messages = frames.map((mediaTime) => ({ mediaTime, bytes: new Uint8Array([tag]).buffer }));
  return { publicationId: 'pub1', frames, messages, complete: true };
}

function opened() {
  const fed: number[] = [];
  let jumps = 0;
  const feeder = new DetectionFeeder({
    onDetections: (bytes) => {
      const tag = new Uint8Array(bytes)[0]!;
      if (fed.at(-1) !== tag) fed.push(tag);
    },
    onJump: () => {
      jumps++;
      fed.push(-1);
    },
  });
  const append = (n: number, { offsetS = 0, startS = n * 2, discontinuities = 0 } = {}): string[] => {
    const replaced = feeder.onAppending(`seg-${n}`, { offsetS, discontinuities, startS, endS: startS + 2 });
    feeder.onAppended(`seg-${n}`);
    return replaced;
  };
  const add = (n: number, { offsetS = 0, startS = n * 2, discontinuities = 0 } = {}): void => {
    append(n, { offsetS, startS, discontinuities });
    feeder.onSidecar(`seg-${n}`, sidecarAt(startS - offsetS, n));
  };
  return { feeder, append, add, fed, jumps: () => jumps };
}

it('hands over what is near what is shown, once, and the rest as it comes near', () => {
  const { feeder, add, fed, jumps } = opened();
  for (let n = 0; n < 20; n++) add(n);
  expect(fed).toEqual([]);
  for (let at = 0; at <= 6; at += 0.1) feeder.onPosition(at);
  expect(fed).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(jumps()).toBe(0);
});

it('hands over at once what comes late for the place that is shown', () => {
  const { feeder, add, fed } = opened();
  feeder.onPosition(1);
  add(0);
  expect(fed).toEqual([0]);
});

it('after a jump back says so and hands the kept ones over again, and again after the jump forward', () => {
  const { feeder, add, fed } = opened();
  for (let n = 0; n < 20; n++) add(n);
  feeder.onPosition(30);
  feeder.onPosition(2);
  feeder.onPosition(30);
  const there = [14, 15, 16, 17, 18];
  expect(fed).toEqual([...there, -1, 0, 1, 2, 3, 4, -1, ...there]);
});

it('keeps the two clocks of a discontinuity apart: the next is handed over when its first picture is shown', () => {
  const { feeder, add, fed, jumps } = opened();
  add(0);
  add(1);
  add(2, { offsetS: -1_000, startS: 4, discontinuities: 1 });
  feeder.onPosition(0);
  feeder.onPosition(3.9);
  expect(fed).toEqual([0, 1]);
  feeder.onPosition(4);
  expect(fed).toEqual([0, 1, -1, 2]);
  expect(jumps()).toBe(1);
  feeder.onPosition(3.9);
  expect(fed).toEqual([0, 1, -1, 2, -1, 0, 1]);
});

it('lets go what is no longer buffered, and answers no frames of it', () => {
  const { feeder, add } = opened();
  for (let n = 0; n < 10; n++) add(n);
  feeder.onPosition(10);
  expect(feeder.clock.mediaTimeAt(3_000_000)).toBe(270_000);
  expect(feeder.prune(() => true)).toEqual([]);
  expect(feeder.prune((startS, endS) => endS > 8 && startS < 20)).toEqual(['seg-0', 'seg-1', 'seg-2']);
  expect(feeder.size).toBe(7);
  expect(feeder.clock.size).toBe(7);
  expect(feeder.clock.mediaTimeAt(3_000_000)).toBeUndefined();
  feeder.onSidecar('seg-0', sidecarAt(0, 0)); // came after its media was gone
  expect(feeder.size).toBe(7);
});

it('hands over again on request', () => {
  const { feeder, add, fed } = opened();
  add(0);
  feeder.onPosition(1);
  fed.length = 0;
  feeder.feedAgain();
  expect(fed).toEqual([0]);
});

it('takes pictures for those of the media appended last, in whatever order sidecars come, and with one missing', () => {
  const { feeder, append, fed } = opened();
  append(0);
  append(1);
  // Over the second half of the first and the first half of the second, one picture later, by another clock.
  append(7, { startS: 1, offsetS: 1 / 30, discontinuities: 1 });
  feeder.onSidecar('seg-1', sidecarAt(2, 1));
  feeder.onSidecar('seg-0', sidecarAt(0, 0));
  expect([500_000, 1_500_000, 2_500_000, 3_500_000].map((us) => feeder.clock.mediaTimeAt(us))).toEqual([
    ...[45_000, undefined, undefined, 315_000],
  ]);
  feeder.onPosition(0.5);
  feeder.onPosition(1.5);
  expect(fed).toEqual([0, 1]);
  feeder.onSidecar('seg-7', sidecarAt(1 - 1 / 30, 7));
  expect(feeder.clock.mediaTimeAt(1_500_000)).toBe(132_000);
  expect(fed).toEqual([0, 1, -1, 7]);
});

it('forgets at once what was replaced entirely: it is to be asked for anew when it comes again', () => {
  const { feeder, append, add } = opened();
  add(0);
  add(1);
  expect(append(9, { startS: 0, offsetS: -50, discontinuities: 1 })).toEqual(['seg-0']);
  expect(feeder.size).toBe(2);
  feeder.onSidecar('seg-0', sidecarAt(0, 0));
  expect(feeder.clock.mediaTimeAt(1_000_000)).toBeUndefined();
});

it('tells of two clocks that happen to lie close, before anything is asked about the first picture of the other', () => {
  const { feeder, add, fed } = opened();
  add(0);
  add(1, { offsetS: 0.2, discontinuities: 1 });
  const present = (timestamp: number): void =>
    feeder.clock.onPresented({ timestamp } as VideoFrame, { mediaTime: 0 } as VideoFrameCallbackMetadata);
  present(1_900_000);
  expect(fed).toEqual([0]);
  present(2_000_000);
  expect(fed).toEqual([0, -1, 1]);
});

it('keeps what is being appended while it is not buffered yet, but not for ever', () => {
  const { feeder, add } = opened();
  feeder.onAppending('seg-0', { offsetS: 0, discontinuities: 0, startS: 0, endS: 2 });
  feeder.onSidecar('seg-0', sidecarAt(0, 0));
  expect(feeder.prune(() => false)).toEqual([]);
  expect(feeder.prune(() => true)).toEqual([]); // its neighbours are
  expect(feeder.prune(() => false)).toEqual([]);
  feeder.onAppended('seg-0');
  expect(feeder.prune(() => true)).toEqual([]);
  expect(feeder.clock.mediaTimeAt(1_000_000)).toBe(90_000);
  expect(feeder.prune(() => false)).toEqual(['seg-0']);
  add(1);
  const gone = Array.from({ length: 10 }, () => feeder.prune(() => false)).flat();
  expect(gone).toEqual(['seg-1']);
});

it('hands over only once what is appended again at the same place', () => {
  const { feeder, add, append, fed } = opened();
  add(0);
  feeder.onPosition(1);
  append(0);
  feeder.onPosition(1.1);
  expect(fed).toEqual([0]);
});
