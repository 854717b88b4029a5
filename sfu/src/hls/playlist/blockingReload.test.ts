import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Part, Segment } from '../media.ts';
import { decideReload, parseReload, ReloadWaiters, type ReloadRequest } from './blockingReload.ts';
import { MediaPlaylist } from './MediaPlaylist.ts';

function aPart(msn: number, index: number): Part {
  return { msn, index, start: 0, duration: 30_000, independent: false, data: Buffer.alloc(1), frames: [0] };
}
function aSegment(msn: number): Segment {
  const parts = Array.from({ length: 6 }, (_, i) => aPart(msn, i));
  return { msn, initIndex: 0, start: 0, duration: 180_000, discontinuity: false, unixMs: undefined, parts, bytes: 6 };
}
/** Segments 10 to 12 and two Parts of 13. */
function live(): MediaPlaylist {
  const playlist = new MediaPlaylist({ firstMsn: 10 });
  for (const msn of [10, 11, 12]) playlist.addSegment(aSegment(msn));
  playlist.addPart(aPart(13, 0), aSegment(13));
  playlist.addPart(aPart(13, 1), aSegment(13));
  return playlist;
}
const request = (msn?: number, part?: number): ReloadRequest => ({ msn, part, skip: false });

describe('directives', () => {
  test.each<[string, ReloadRequest | undefined]>([
    ['', { msn: undefined, part: undefined, skip: false }],
    ['_HLS_msn=5', { msn: 5, part: undefined, skip: false }],
    ['_HLS_msn=5&_HLS_part=0&_HLS_skip=YES', { msn: 5, part: 0, skip: true }],
    ['_HLS_skip=v2', { msn: undefined, part: undefined, skip: true }],
    ['_HLS_skip=no', { msn: undefined, part: undefined, skip: false }],
    ['_HLS_part=0', undefined],
    ['_HLS_msn=-1', undefined],
    ['_HLS_msn=', undefined],
    ['_HLS_msn=1e3', undefined],
    ['_HLS_msn=9999999999999999', undefined],
    ['_HLS_msn=1&_HLS_part=x', undefined],
  ])('%s', (query, parsed) => {
    expect(parseReload(new URLSearchParams(query))).toEqual(parsed);
  });

  test.each<['now' | 'wait' | 'refuse', number | undefined, number | undefined, string]>([
    ['now', undefined, undefined, 'nothing is asked for'],
    ['now', 3, 7, 'it has left the window'],
    ['now', 12, undefined, 'the last full Segment'],
    ['now', 12, 5, 'its last Part'],
    ['now', 12, 6, 'behind its last Part: the first of the next'],
    ['now', 13, 1, 'a Part that is there'],
    ['wait', 13, 2, 'the next Part'],
    ['wait', 13, undefined, 'the Segment that grows'],
    ['wait', 13, 10, 'fewer than 3 / PART-TARGET Parts ahead'],
    ['refuse', 13, 11, 'more'],
    ['wait', 14, 0, 'the Segment behind it'],
    ['refuse', 14, 9, 'many Parts into that'],
    ['refuse', 15, undefined, 'more than two ahead of the last full one'],
  ])('%s: %s %s, %s', (decision, msn, part) => {
    expect(decideReload(live(), request(msn, part))).toBe(decision);
  });

  test('of a playlist that has ended are ignored', () => {
    const playlist = live();
    playlist.end();
    expect(decideReload(playlist, request(99, 0))).toBe('now');
  });
});

describe('who waits', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('is told by the Part or the Segment that it asked for, and by no other', async () => {
    const playlist = live();
    const waiters = new ReloadWaiters({ playlist, limit: 10 });
    const told: string[] = [];
    void waiters.wait(request(13, 2)).then((answer) => told.push(`13/2 ${answer}`));
    void waiters.wait(request(13)).then((answer) => told.push(`13 ${answer}`));
    void waiters.wait(request(14, 0)).then((answer) => told.push(`14/0 ${answer}`));
    await Promise.resolve();
    playlist.addPart(aPart(13, 2), aSegment(13));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['13/2 ready']);
    playlist.addSegment(aSegment(13));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['13/2 ready', '13 ready']);
    playlist.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['13/2 ready', '13 ready', '14/0 ready']);
    expect(waiters.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits for three target durations', async () => {
    const waiters = new ReloadWaiters({ playlist: live(), limit: 10 });
    const answer = waiters.wait(request(13, 5));
    await vi.advanceTimersByTimeAsync(11_999);
    expect(waiters.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toBe('timeout');
    expect(waiters.counts).toEqual({ refused: 0, timedOut: 1 });
  });

  test('is one of a limited number', async () => {
    const waiters = new ReloadWaiters({ playlist: live(), limit: 2 });
    void waiters.wait(request(13, 2));
    void waiters.wait(request(13, 2));
    expect(await waiters.wait(request(13, 2))).toBe('full');
    expect(waiters.counts.refused).toBe(1);
    // One that needs not wait is not refused.
    expect(await waiters.wait(request(13, 1))).toBe('ready');
  });

  test('may go, and everybody goes with the playlist', async () => {
    const waiters = new ReloadWaiters({ playlist: live(), limit: 10 });
    const gone = new AbortController();
    const first = waiters.wait(request(13, 2), gone.signal);
    const second = waiters.wait(request(13, 2));
    gone.abort();
    expect(await first).toBe('timeout');
    expect(waiters.size).toBe(1);
    expect(await waiters.wait(request(13, 2), gone.signal)).toBe('timeout');
    waiters.close();
    waiters.close();
    expect(await second).toBe('timeout');
    expect(await waiters.wait(request(13, 2))).toBe('full');
    expect(vi.getTimerCount()).toBe(0);
  });
});
