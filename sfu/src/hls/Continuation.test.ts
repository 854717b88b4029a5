import { expect, test } from 'vitest';
import type { Packager } from './Packager.ts';
import { Continuation } from './Continuation.ts';
import type { Segment } from './media.ts';
import type { MediaPlaylist } from './playlist/MediaPlaylist.ts';
import type { SegmentStore } from './store/SegmentStore.ts';

const segmentOf = (msn: number, discontinuity = false): Segment => ({
  ...{ msn, initIndex: 0, start: msn * 180_000, duration: 180_000, discontinuity },
  ...{ unixMs: undefined, parts: [], bytes: 1 },
});

/** What of a store it reads. */
const storeOf = (segments: Segment[], nextMsn: number, nextInitIndex = 1): SegmentStore =>
  ({ segments, nextMsn, nextInitIndex }) as unknown as SegmentStore;

const packagerOf = (store: SegmentStore, playlist: MediaPlaylist): Packager => ({ store, playlist }) as Packager;

const add = (playlist: MediaPlaylist, segments: readonly Segment[]): void => {
  for (const segment of segments) playlist.addSegment(segment);
};

test('the first one begins at nothing', () => {
  const { firstMsn, firstInitIndex, playlist } = new Continuation().begin(storeOf([], 0, 0), 600);
  expect([firstMsn, firstInitIndex, playlist.first, playlist.discontinuitySequence]).toEqual([0, 0, 0, 0]);
});

test('behind a process that died: numbers that it can not have used', () => {
  const { firstMsn, firstInitIndex } = new Continuation(2).begin(storeOf([], 0, 0), 600);
  expect([firstMsn, firstInitIndex]).toEqual([2_000_000, 20_000]);
});

test('without what was: the next numbers, and the discontinuity sequence of the last Segment', () => {
  const continuation = new Continuation();
  const { playlist } = continuation.begin(storeOf([], 0, 0), 600);
  add(playlist, [segmentOf(0), segmentOf(1), segmentOf(2, true), segmentOf(3, true)]);
  playlist.end();
  continuation.keep(packagerOf(storeOf([], 5, 3), playlist));
  const next = continuation.begin(storeOf([], 0, 0), 600);
  expect([next.firstMsn, next.firstInitIndex, next.playlist.first]).toEqual([5, 3, 5]);
  // Segment 5 begins with a discontinuity: it has 3.
  expect(next.playlist.discontinuitySequence).toBe(2);
});

test('with what was: each Segment has the discontinuity sequence that it had, and none that was gone is listed again', () => {
  const segments = Array.from({ length: 40 }, (_, msn) => segmentOf(msn, msn % 7 === 3));
  const continuation = new Continuation();
  const first = continuation.begin(storeOf([], 0, 0), 600);
  add(first.playlist, segments);
  first.playlist.removeBefore(12);
  first.playlist.end();
  const store = storeOf(segments, 40);
  continuation.keep(packagerOf(store, first.playlist));
  const sequenceAt = (msn: number): number => segments.filter((one) => one.discontinuity && one.msn < msn).length;
  const second = continuation.begin(store, 600);
  expect([second.firstMsn, second.playlist.first, second.playlist.last]).toEqual([40, 12, 39]);
  expect(second.playlist.discontinuitySequence).toBe(sequenceAt(12));
  // A shorter window: what it leaves out is counted.
  const third = continuation.begin(store, 20);
  expect(third.playlist.first).toBe(30);
  expect(third.playlist.discontinuitySequence).toBe(sequenceAt(30));
  // Another process, which only has the store.
  const fourth = new Continuation().begin(store, 20);
  expect([fourth.playlist.first, fourth.playlist.discontinuitySequence]).toEqual([30, sequenceAt(30)]);
});

test('media time goes on behind what was stored and what was used', () => {
  const continuation = new Continuation();
  continuation.begin(storeOf([segmentOf(0), segmentOf(1)], 2), 600);
  expect(continuation.time).toBe(360_000);
  continuation.used(400_000);
  continuation.used(10);
  expect(continuation.time).toBe(400_000);
});
