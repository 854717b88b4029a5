import { describe, expect, it } from 'vitest';
import {
  activityWish,
  addressOfFilters,
  eventWish,
  filtersOfAddress,
  narrowed,
  noFilters,
  problemOfFilters,
  rangeOfFilters,
  trackWish,
  type HistoryFilters,
} from './historyFilters.ts';

const nowMs = Date.parse('2026-11-22T10:00:00.000Z');
const all: HistoryFilters = {
  ...{ view: 'events', streamId: 's1', range: 'custom', from: '2026-11-21T08:00:00', to: '2026-11-21T09:00:00' },
  ...{ label: 'person', minScore: 0.5, zoneId: 'z1', kind: 'entered' },
} as const;

describe('filters of history', () => {
  it('live in the address', () => {
    expect(filtersOfAddress(addressOfFilters(all))).toEqual(all);
    expect(addressOfFilters(noFilters)).toEqual({});
    expect(filtersOfAddress({})).toEqual(noFilters);
    expect(filtersOfAddress({ range: 'week', view: 'heatmap' })).toEqual({
      ...noFilters,
      range: 'week',
      view: 'heatmap',
    });
  });

  it('read nonsense as nothing', () => {
    const nonsense = { range: 'eon', view: '1', score: '7', kind: 'sneezed', from: 'x', stream: ['a'], label: 3 };
    expect(filtersOfAddress(nonsense)).toEqual(noFilters);
  });

  it('ask for what they name and nothing more', () => {
    expect(trackWish({ ...noFilters, range: 'hour' }, nowMs)).toEqual({ from: '2026-11-22T09:00:00.000Z' });
    expect(trackWish(all, nowMs)).toMatchObject({ streamId: 's1', label: 'person', minScore: 0.5, zoneId: 'z1' });
    expect(trackWish(all, nowMs)).not.toHaveProperty('kind');
    expect(eventWish(all, nowMs)).toMatchObject({ kind: 'entered', zoneId: 'z1' });
    expect(eventWish(all, nowMs)).not.toHaveProperty('minScore');
    expect(activityWish(all, nowMs, 10)).not.toHaveProperty('kind');
  });

  it('count in bars that stand still while the clock goes on', () => {
    const hour: HistoryFilters = { ...noFilters, range: 'hour' };
    const at = (ms: number) => activityWish(hour, nowMs + ms, 60);
    expect(at(1)).toEqual({ from: '2026-11-22T09:01:00.000Z', to: '2026-11-22T10:01:00.000Z', buckets: 60 });
    expect(at(59_999)).toEqual(at(1));
    expect(at(60_001).to).toBe('2026-11-22T10:02:00.000Z');
    expect(activityWish(all, nowMs, 60)).toMatchObject({ buckets: 60, label: 'person' });
  });

  it('refuse a time that is none', () => {
    expect(problemOfFilters(noFilters)).toBeUndefined();
    expect(problemOfFilters(all)).toBeUndefined();
    expect(problemOfFilters({ ...all, to: all.from })).toBe('It ends before it begins');
    expect(problemOfFilters({ ...all, from: '' })).toBe('Say when it begins');
  });

  it('narrow to a bar without losing a part of it', () => {
    const filters = narrowed(noFilters, nowMs, nowMs + 1_500);
    expect(rangeOfFilters(filters, 0)).toEqual({ from: '2026-11-22T10:00:00.000Z', to: '2026-11-22T10:00:02.000Z' });
  });
});
