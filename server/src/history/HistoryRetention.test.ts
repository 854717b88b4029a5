import pino from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Metrics } from '../Metrics.ts';
import { HistoryRetention } from './HistoryRetention.ts';

const now = Date.UTC(2026, 10, 20);
beforeEach(() => void vi.useFakeTimers({ now, toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A database with so many parts to delete of each kind. */
function create(parts: Record<string, number>, failing?: string) {
  const asked: [string, number][] = [];
  const some = (kind: string) => (before: Date) => {
    asked.push([kind, (now - before.getTime()) / 86_400_000]);
    if (kind === failing) return Promise.reject(new Error('away'));
    return Promise.resolve((parts[kind] ?? 0) > 0 ? ((parts[kind]! -= 1), 500) : 0);
  };
  const metrics = new Metrics();
  const retention = HistoryRetention.create({
    store: {
      ...{ deleteDetectionsBefore: some('detections'), deleteTracksBefore: some('tracks') },
      ...{ deleteEventsBefore: some('events'), deletePropertiesBefore: some('properties') },
    },
    ages: { detections: 7, tracks: 90, events: 365, properties: 30 },
    ...{ logger: pino({ level: 'silent' }), metrics, firstAfterMs: 1e6 },
  });
  return { retention, asked, metrics };
}

it('deletes all parts of each kind by its own age', async () => {
  const { retention, asked, metrics } = create({ detections: 2, tracks: 1 });
  expect(await retention.sweep()).toEqual({ detections: 1_000, tracks: 500, events: 0, properties: 0 });
  const ages = { detections: 7, tracks: 90, events: 365, properties: 30 };
  expect(Object.fromEntries(asked)).toEqual(ages);
  expect(asked).toHaveLength(7);
  const { values } = await metrics.historyDeleted.get();
  expect(values.map(({ labels, value }) => [labels.kind, value])).toEqual([
    ['detections', 1_000],
    ['tracks', 500],
  ]);
  await retention.close();
});

it('goes on with the other kinds where one fails, and ends at once when it is closed', async () => {
  const { retention, asked } = create({ detections: 1, events: 1e9 }, 'detections');
  const swept = retention.sweep().catch((error: Error) => error.name);
  await vi.waitFor(() => expect(asked.some(([kind]) => kind === 'events')).toBe(true));
  await retention.close();
  expect(await swept).toBe('AbortError');
});
