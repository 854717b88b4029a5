import type { ExposureCoverageRow, ExposureStore, PublicationStore } from '@framelock/db';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../Metrics.ts';
import type { ExposureReport } from '../protocol/index.ts';
import { Exposures } from './Exposures.ts';

const startMs = Date.UTC(2026, 0, 1);

beforeEach(() => void vi.useFakeTimers({ now: startMs }));
afterEach(() => void vi.useRealTimers());

/** A database that takes a second to fail while it is away, as one behind a slow network does. */
function create(maxWaiting: number) {
  const database = { away: false };
  const answered: number[] = [];
  const stored = new Map<string, ExposureCoverageRow>();
  const fails = async (): Promise<void> => {
    if (!database.away) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    throw new Error('the database is away');
  };
  const store = {
    putAppearances: fails,
    putCoverage: async (rows: readonly ExposureCoverageRow[]) => {
      await fails();
      for (const row of rows) stored.set(row.runId, row);
    },
    endStale: () => Promise.resolve(0),
    deleteEndedBefore: () => Promise.resolve(0),
  };
  const publications = { get: (id: string) => Promise.resolve({ id, streamId: 's', serverId: 'me', endedAt: null }) };
  const exposures = Exposures.create({
    store: store as unknown as ExposureStore,
    publications: publications as unknown as PublicationStore,
    ...{ serverId: 'me', maxAgeDays: 90, logger: pino({ level: 'silent' }), metrics: new Metrics(), maxWaiting },
  });
  const requestIfOpen = (_: string, { sequence }: { sequence: number }) => void answered.push(sequence);
  const tell = exposures.eventsOf({ id: 'node', requestIfOpen } as never).exposure!;
  return { database, answered, stored, exposures, tell };
}

const report = (sequence: number, runId: string, frames: number): ExposureReport => ({
  ...{ publicationId: `p-${runId}`, streamId: 's', sequence, appearances: [] },
  coverage: { runId, fromMs: startMs, toMs: startMs + frames * 100, seconds: frames / 10, frames },
});

describe('Exposures, of what nodes have looked at', () => {
  it('keep the latest of a run, whichever report comes last', async () => {
    const { stored, exposures, tell } = create(100);
    for (const frames of [1, 3, 2]) tell(report(frames, 'run', frames));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stored.get('run')).toMatchObject({ frames: 3 });
    await exposures.close();
  });

  it('does not grow while the database is away, and nodes are answered what is stored', async () => {
    const { database, answered, stored, exposures, tell } = create(50);
    database.away = true;
    let sequence = 0;
    for (let at = 0; at < 600; at++) {
      for (let run = 0; run < 10; run++) tell(report(++sequence, `run${run}`, at + 1));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    database.away = false;
    await vi.advanceTimersByTimeAsync(12_000);
    expect(stored.size).toBe(10);
    expect(answered.length).toBeGreaterThan(0);
    expect(answered.length).toBeLessThanOrEqual(100);
    await exposures.close();
  });

  it('of more runs than may wait lets the oldest go, and answers nothing then: nodes tell again', async () => {
    const { database, answered, stored, exposures, tell } = create(10);
    database.away = true;
    const tellAll = (from: number) => {
      for (let run = from; run < from + 10; run++) tell(report(run + 1, `run${run}`, 1));
    };
    tellAll(0);
    await vi.advanceTimersByTimeAsync(300);
    // While the first ones are on their way.
    tellAll(10);
    await vi.advanceTimersByTimeAsync(1_000);
    database.away = false;
    tell(report(99, 'run19', 2));
    await vi.advanceTimersByTimeAsync(12_000);
    expect([...stored.keys()].sort()).toEqual(Array.from({ length: 10 }, (_, i) => `run${i + 10}`));
    expect(answered).toEqual([99]);
    await exposures.close();
  });
});
