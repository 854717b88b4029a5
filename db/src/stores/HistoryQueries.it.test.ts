import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  expectedEvents,
  expectedTracks,
  hoursMade,
  madeEvent,
  madeLabels,
  madeStreams,
  madeTrack,
  noRows,
  pick,
  seeded,
  startMs,
  trackKey,
} from '../../test/madeTracks.ts';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import { Database } from '../Database.ts';
import type { TrackPosition, TrackScope } from '../history/trackRows.ts';
import type { EventPosition, EventScope } from './HistoryQueries.ts';
import type { EventRow, ObjectTrackRow } from './HistoryStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const at = (minutes: number): Date => new Date(startMs + minutes * 60_000);

describe.each(['pglite', ...(postgres ? ['postgres'] : [])])('HistoryQueries on %s', (engine) => {
  let folder: string;
  let database: Database;
  const random = seeded(20_261_122);
  const tracks = Array.from({ length: 3_000 }, (_, index) => madeTrack(random, index + 1));
  const events = Array.from({ length: 2_000 }, (_, index) => madeEvent(random, index));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-history-'));
    database = await Database.create({
      dataDir: folder,
      databaseUrl: engine === 'postgres' ? postgres!.url : undefined,
    });
    await database.history.put(noRows({ tracks, events }));
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function allTracks(scope: TrackScope, limit: number, between?: () => Promise<void>): Promise<ObjectTrackRow[]> {
    const rows: ObjectTrackRow[] = [];
    for (let after: TrackPosition | undefined; ;) {
      const page = await database.historyQueries.tracks(scope, after, limit);
      rows.push(...page);
      if (page.length < limit) return rows;
      after = page.at(-1);
      await between?.();
    }
  }

  async function allEvents(scope: EventScope, limit: number): Promise<EventRow[]> {
    const rows: EventRow[] = [];
    for (let after: EventPosition | undefined; ;) {
      const page = await database.historyQueries.events(scope, after, limit);
      rows.push(...page);
      if (page.length < limit) return rows;
      after = page.at(-1);
    }
  }

  /** Every filter is there or not, as the bits say; values are drawn, one of ten fits nothing. */
  function drawnScope(bits: number): TrackScope {
    const streamId = pick(random, madeStreams);
    const publicationId = `${random() < 0.9 ? streamId : 'front'}-p${pick(random, [1, 2])}`;
    const from = at(random() * hoursMade * 60);
    const narrow = random() < 0.5 ? 2 : hoursMade * 60;
    const has = (bit: number): boolean => (bits & (1 << bit)) !== 0;
    return {
      ...(has(0) && { streamId: random() < 0.95 ? streamId : 'none' }),
      ...(has(1) && { publicationId }),
      ...(has(2) && { runId: `${publicationId}-r${pick(random, [1, 2])}` }),
      ...(has(3) && { zoneId: random() < 0.9 ? `${streamId}-a` : `back-b` }),
      ...(has(4) && { label: random() < 0.95 ? pick(random, madeLabels) : 'unicorn' }),
      ...(has(5) && { minScore: pick(random, [0, 0.3, 0.7, 0.9, 0.905, 0.96, 0.995, 1]) }),
      ...(has(6) && { from }),
      ...(has(7) && { to: new Date(from.getTime() + (random() - (has(6) ? 0 : 0.3)) * narrow * 60_000) }),
    };
  }

  it('answers every combination of filters as a look at all rows does, whatever the page', async () => {
    let matches = 0;
    for (let bits = 0; bits < 256; bits++) {
      const scope = drawnScope(bits);
      const wanted = expectedTracks(tracks, scope).map(trackKey);
      const limit = pick(
        random,
        wanted.length > 300 ? [211, 1_000] : [1, 7, 50, 1_000].slice(wanted.length > 40 ? 1 : 0),
      );
      const found = (await allTracks(scope, limit)).map(trackKey);
      expect(found, JSON.stringify(scope)).toEqual(wanted);
      matches += wanted.length > 0 ? 1 : 0;
    }
    expect(matches).toBeGreaterThan(64);
  });

  it('tells all of an ObjectTrack, as it was put', async () => {
    const one = tracks[17]!;
    const [found] = await database.historyQueries.tracks({ runId: one.runId, trackId: one.trackId }, undefined, 2);
    expect(found).toEqual(one);
    expect(await database.historyQueries.tracks({ runId: 'none', trackId: 1 }, undefined, 2)).toEqual([]);
  });

  it('answers every combination of filters of events', async () => {
    for (let bits = 0; bits < 64; bits++) {
      const { streamId, label, from, to } = drawnScope(255);
      const has = (bit: number): boolean => (bits & (1 << bit)) !== 0;
      const scope = {
        ...(has(0) && { streamId }),
        ...(has(1) && { kind: pick(random, ['entered', 'streamUp', 'analysisLate']) }),
        ...(has(2) && { zoneId: `${pick(random, madeStreams)}-a` }),
        ...(has(3) && { label }),
        ...(has(4) && { from }),
        ...(has(5) && { to }),
      };
      const wanted = expectedEvents(events, scope);
      expect(await allEvents(scope, wanted.length > 50 ? 64 : 3), JSON.stringify(scope)).toEqual(wanted);
    }
  });

  it('finds long ones that began long before a range', async () => {
    const lengths = [63, 64, 65, 127, 128, 200, 3_600, 86_400, 30 * 86_400];
    const scope = { streamId: 'parked', from: at(-100_000), to: at(-100_000 + 1) };
    const long = lengths.flatMap((seconds, index) =>
      [0, 1, seconds * 1000].map((laterMs, n) => ({
        ...madeTrack(random, 90_000 + index * 3 + n, scope.from.getTime() - seconds * 1000 + laterMs),
        ...{ streamId: 'parked', publicationId: 'parked', runId: 'parked', zoneIds: ['parked'], label: 'van' },
        endedAt: new Date(scope.from.getTime() + laterMs),
      })),
    );
    const over = { ...long[0]!, trackId: 99_999, endedAt: new Date(scope.from.getTime() - 1) };
    await database.history.put(noRows({ tracks: [...long, over] }));
    const wanted = expectedTracks([...long, over], scope).map(trackKey);
    expect(wanted).toHaveLength(long.length);
    for (const more of [{}, { zoneId: 'parked' }, { label: 'van' }, { minScore: 0 }, { runId: 'parked' }]) {
      expect((await allTracks({ ...scope, ...more }, 4)).map(trackKey)).toEqual(wanted);
    }
  });

  it('goes through pages that stay as they are while newer ones are written', async () => {
    let next = 50_000;
    const scope = { streamId: 'front', minScore: 0.4 };
    const wanted = expectedTracks(tracks, scope).map(trackKey);
    const found = await allTracks(scope, 100, async () => {
      const newer = Array.from({ length: 20 }, () => madeTrack(random, next++, startMs + hoursMade * 3_600_000 + next));
      await database.history.put(noRows({ tracks: newer }));
    });
    expect(found.map(trackKey)).toEqual(wanted);
  });

  it('counts labels and activity, exactly where there are few', async () => {
    const [from, to] = [at(0), at(60)];
    const within = tracks.filter((one) => one.streamId === 'back' && one.startedAt >= from && one.startedAt < to);
    const labels = await database.historyQueries.labels({ streamId: 'back', from, to });
    const counts = Map.groupBy(within, ({ label }) => label);
    expect(labels.every(({ exact }) => exact)).toBe(true);
    expect(new Map(labels.map(({ label, tracks }) => [label, tracks]))).toEqual(
      new Map([...counts].map(([label, some]) => [label, some.length])),
    );
    expect(labels.map(({ tracks }) => tracks)).toEqual(labels.map(({ tracks }) => tracks).sort((a, b) => b - a));
    const activity = await database.historyQueries.activity({ streamId: 'back', from, to }, 12);
    const byBucket = (bucket: number) =>
      activity.filter((one) => one.bucket === bucket).reduce((sum, { tracks }) => sum + tracks, 0);
    for (let bucket = 0; bucket < 12; bucket++) {
      const [begin, end] = [at(bucket * 5), at(bucket * 5 + 5)];
      const wanted = within.filter(({ startedAt }) => startedAt >= begin && startedAt < end).length;
      expect(byBucket(bucket)).toBe(wanted);
    }
    const zone = await database.historyQueries.activity({ streamId: 'back', zoneId: 'front-a', from, to }, 12);
    expect(zone).toEqual([]);
    expect(await database.historyQueries.labels({ streamId: 'none' })).toEqual([]);
  });

  it('tells a Stream nothing of another one that has a zone with the same id', async () => {
    const of = (streamId: string, trackId: number) => ({
      ...madeTrack(random, trackId, startMs + trackId * 1000),
      ...{ streamId, publicationId: streamId, runId: streamId, zoneIds: ['door'] },
    });
    const both = [1, 2, 3, 4, 5, 6].map((trackId) => of(trackId < 4 ? 'left' : 'right', trackId));
    await database.history.put(noRows({ tracks: both }));
    for (const id of ['left', 'right']) {
      await database.streams.insert({ id, name: id, streamKey: id });
      await database.streams.setZones(id, { zones: [], lines: [{ id: 'door' }] });
      const scope = { streamId: id, zoneId: 'door' };
      const wanted = expectedTracks(both, scope).map(trackKey);
      expect(wanted).toHaveLength(3);
      expect((await allTracks(scope, 2)).map(trackKey)).toEqual(wanted);
      expect((await allTracks({ ...scope, from: at(0) }, 2)).map(trackKey)).toEqual(wanted);
      const counts = await database.historyQueries.activity({ ...scope, from: at(0), to: at(1) }, 1);
      expect(counts.reduce((sum, { tracks }) => sum + tracks, 0)).toBe(3);
    }
    expect(await allTracks({ streamId: 'front', zoneId: 'door' }, 2)).toEqual([]);
    expect(await allTracks({ zoneId: 'door' }, 2)).toHaveLength(6);
  });

  it('estimates from samples where there are many, and says so', async () => {
    const busy = Array.from({ length: 6_000 }, (_, index) => ({
      ...madeTrack(random, index + 1, startMs + index * 600),
      ...{ streamId: 'busy', publicationId: 'busy', runId: 'busy', label: index % 4 === 0 ? 'car' : 'person' },
    }));
    await database.history.put(noRows({ tracks: busy }));
    const range = { streamId: 'busy', from: at(0), to: at(60) };
    const [person, car] = await database.historyQueries.labels(range);
    expect([person!.label, person!.exact, car!.label, car!.exact]).toEqual(['person', false, 'car', false]);
    expect(Math.abs(person!.tracks - 4_500)).toBeLessThan(450);
    expect(Math.abs(car!.tracks - 1_500)).toBeLessThan(150);
    const activity = await database.historyQueries.activity(range, 2);
    const total = activity.reduce((sum, { tracks }) => sum + tracks, 0);
    expect(Math.abs(total - 6_000)).toBeLessThan(300);
    const few = await database.historyQueries.activity(range, 1);
    expect(few.some(({ exact }) => exact)).toBe(true);
  });

  it('makes points of seconds, and samples a long range without losing a cut', async () => {
    const second = (index: number, gapS: number) => ({
      ...{
        publicationId: 'p',
        at: new Date(startMs + index * gapS * 1000),
        streamId: `every ${gapS}`,
        rtpTimestamp: 1,
      },
      ...{ lastRtpTimestamp: 2, frames: 10, brightness: (index % 10) / 10, contrast: 0.5, saturation: 0.25 },
      ...{ motion: index % 2 ? 0.5 : null, sharpness: null, cuts: index % 100 === 99 ? 1 : 0 },
      colours: [{ colour: `#0000${String(index % 100).padStart(2, '0')}`, share: 1 }],
    });
    const short = Array.from({ length: 600 }, (_, index) => second(index, 1));
    const long = Array.from({ length: 2_000 }, (_, index) => ({ ...second(index, 60), publicationId: 'q' }));
    await database.history.put(noRows({ properties: [...short, ...long] }));
    const near = { streamId: 'every 1', from: at(0), to: at(10), points: 60 };
    const { sampled, points } = await database.historyQueries.properties(near);
    expect([sampled, points.length]).toEqual([false, 60]);
    expect(points[0]).toMatchObject({ point: 0, at: at(0), motion: 0.5, sharpness: null, cuts: 0 });
    expect(points[0]!.brightness).toBeCloseTo(0.45, 5);
    expect(points[0]!.colours).toEqual([{ colour: '#000000', share: 1 }]);
    expect(points.reduce((sum, { cuts }) => sum + cuts, 0)).toBe(6);
    const far = { streamId: 'every 60', from: at(-100), to: at(2_000), points: 21 };
    const wide = await database.historyQueries.properties(far);
    expect([wide.sampled, wide.points.length, wide.points[0]!.point]).toEqual([true, 20, 1]);
    expect(wide.points.reduce((sum, { cuts }) => sum + cuts, 0)).toBe(20);
    expect(await database.historyQueries.properties({ ...near, streamId: 'none' })).toEqual({
      sampled: false,
      points: [],
    });
  });
});
