import { streamViewSchema, type StreamView } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import {
  addressOfWish,
  countByFilter,
  listedStreams,
  problemOfStream,
  standingOf,
  wishOfAddress,
} from './streamList.ts';

const nowMs = Date.parse('2026-11-22T10:00:00Z');

function streamOf(id: string, changes: Partial<StreamView> = {}): StreamView {
  const urls = { publishUrl: '', whipUrl: '', whepUrl: '', watchUrl: '', hlsUrl: '' };
  return streamViewSchema.parse({
    ...{ id, name: id, createdAt: '2026-11-22T09:00:00.000Z', state: 'idle', publication: null, viewers: 0 },
    ...{ analysis: { state: 'off' }, modelId: null, posterUrl: null },
    ...urls,
    ...changes,
  });
}
const wish = { search: '', filter: 'all', sort: 'live' } as const;
const ids = (streams: StreamView[]) => streams.map(({ id }) => id);
const running = { state: 'running', analysisFps: 14, sourceFps: 30 } as const;
const retrying = {
  ...{ type: 'rtsp', state: 'retrying', url: 'rtsp://x', restarts: 1, startedAt: '2026-11-22T09:00:00.000Z' },
  lastError: 'no route to host',
} as unknown as NonNullable<StreamView['source']>;

describe('the list of Streams', () => {
  const streams = [
    streamOf('door', { createdAt: '2026-11-22T09:03:00.000Z' }),
    streamOf('cam10', { state: 'live', analysis: running, viewers: 1 }),
    streamOf('cam9', { state: 'live', analysis: { state: 'unavailable' }, createdAt: '2026-11-22T09:01:00.000Z' }),
  ];

  it('has what is live first, then the newest', () => {
    expect(ids(listedStreams(streams, wish, nowMs))).toEqual(['cam9', 'cam10', 'door']);
  });

  it('sorts by name as people count, by age and by viewers', () => {
    expect(ids(listedStreams(streams, { ...wish, sort: 'name' }, nowMs))).toEqual(['cam9', 'cam10', 'door']);
    expect(ids(listedStreams(streams, { ...wish, sort: 'newest' }, nowMs))).toEqual(['door', 'cam9', 'cam10']);
    expect(ids(listedStreams(streams, { ...wish, sort: 'viewers' }, nowMs))).toEqual(['cam10', 'door', 'cam9']);
  });

  it('is searched by name and filtered by state', () => {
    expect(ids(listedStreams(streams, { ...wish, search: ' CAM ' }, nowMs))).toEqual(['cam9', 'cam10']);
    expect(ids(listedStreams(streams, { ...wish, filter: 'idle' }, nowMs))).toEqual(['door']);
    expect(ids(listedStreams(streams, { ...wish, filter: 'problems' }, nowMs))).toEqual(['cam9']);
    expect(countByFilter(streams, nowMs)).toEqual({ all: 3, live: 2, problems: 1, idle: 1 });
  });

  it('keeps its wishes in the address, and reads nonsense as none', () => {
    const asked = { search: 'cam', filter: 'problems', sort: 'viewers' } as const;
    expect(wishOfAddress(addressOfWish(asked))).toEqual(asked);
    expect(addressOfWish(wish)).toEqual({});
    expect(wishOfAddress({ q: ['a'], show: 'nothing', sort: '1' })).toEqual(wish);
  });
});

describe('how a Stream stands', () => {
  it('is reconnecting while a lost Source is tried again', () => {
    const lost = streamOf('a', { source: retrying });
    expect(standingOf(lost)).toBe('reconnecting');
    expect(problemOfStream(lost, nowMs)?.long).toBe('No route to host.');
    expect(standingOf(streamOf('b', { state: 'live', source: retrying }))).toBe('live');
    expect(standingOf(streamOf('c'))).toBe('idle');
  });

  it('has a problem where analysis or HLS has one while it is live', () => {
    const live = (changes: Partial<StreamView>) => streamOf('a', { state: 'live', analysis: running, ...changes });
    expect(problemOfStream(live({}), nowMs)).toBeUndefined();
    expect(problemOfStream(live({ analysis: { state: 'failed', reason: 'no memory' } }), nowMs)?.long).toContain(
      'no memory',
    );
    expect(problemOfStream(live({ hls: { state: 'failed', alert: 'disk full' } as StreamView['hls'] }), nowMs)).toEqual(
      {
        short: 'HLS stopped',
        long: 'disk full',
      },
    );
    expect(problemOfStream(streamOf('b', { analysis: { state: 'unavailable' } }), nowMs)).toBeUndefined();
  });
});
