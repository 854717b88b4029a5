import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import type { DatabaseConnection } from '../connection.ts';
import { PgliteConnection } from '../PgliteConnection.ts';
import { PostgresConnection } from '../PostgresConnection.ts';
import {
  type DetectionBatchRow,
  type EventRow,
  type HistoryRows,
  HistoryStore,
  type ObjectTrackRow,
} from './HistoryStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 10, 0, 0, 125) + seconds * 1000);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const nothing: HistoryRows = {
  ...{ batches: [], models: [], tracks: [], thumbnails: [], events: [], properties: [], heatmaps: [] },
};

describe.each(['pglite', ...(postgres ? ['postgres'] : [])])('HistoryStore on %s', (engine) => {
  let folder: string;
  let connection: DatabaseConnection;
  let store: HistoryStore;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-history-'));
    connection =
      engine === 'postgres'
        ? await PostgresConnection.create({ databaseUrl: postgres!.url })
        : await PgliteConnection.create({ dataDir: folder });
    store = new HistoryStore(connection);
  });
  afterAll(async () => {
    await connection.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const rows = async (table: string, where = 'true'): Promise<Record<string, unknown>[]> => {
    const toSQL = () => ({ sql: `select * from ${table} where ${where}`, params: [] });
    return (await connection.transaction([{ toSQL }]))[0]!;
  };
  const put = (some: Partial<HistoryRows>) => store.put({ ...nothing, ...some });
  const batch = (runId: string, sequence: number, from = sequence): DetectionBatchRow => ({
    ...{ runId, sequence, streamId: 's', publicationId: 'p', startedAt: at(from), endedAt: at(from + 1) },
    ...{ firstRtp: 4_294_967_295, lastRtp: 9, frames: 30, objects: 60, revision: 1, rawBytes: 5 },
    messages: bytes(0, 1, 255, sequence),
  });
  const track = (
    runId: string,
    trackId: number,
    frames: number,
    rest: Partial<ObjectTrackRow> = {},
  ): ObjectTrackRow => ({
    ...{ runId, trackId, streamId: 's', publicationId: 'p', label: 'car', startedAt: at(0), endedAt: at(frames) },
    ...{ firstRtp: 1, lastRtp: frames, frames, bestScore: 0.5, bestRtp: 1, bestBox: [0.1, 0.2, 0.3, 0.4] },
    ...{ zoneIds: ['door'], ended: false, hasThumbnail: false },
    ...rest,
  });
  const event = (id: string, seconds = 0): EventRow => ({
    ...{ id, kind: 'entered', at: at(seconds), streamId: 's', streamName: 'The "door", \\ and ☃', publicationId: 'p' },
    ...{ rtpTimestamp: 5, zoneId: 'door', zoneName: 'Door', trackId: 1, runId: 'r', label: 'car' },
    data: { cause: 'seen', x: 0.5, note: "'quoted'" },
  });

  it('stores a batch once, and says what was new', async () => {
    const some = { batches: [batch('a', 0), batch('a', 1)], events: [event('a:0:0')] };
    expect(await put(some)).toEqual({
      batches: [
        { runId: 'a', sequence: 0 },
        { runId: 'a', sequence: 1 },
      ],
      eventIds: ['a:0:0'],
    });
    const again = { batches: [batch('a', 1), batch('a', 2)], events: [event('a:0:0'), event('a:2:0')] };
    expect(await put(again)).toEqual({ batches: [{ runId: 'a', sequence: 2 }], eventIds: ['a:2:0'] });
    expect(await put({})).toEqual({ batches: [], eventIds: [] });
    const stored = await rows('detection_batches', "run_id = 'a'");
    expect(stored).toHaveLength(3);
    expect([...(stored[0]!.messages as Uint8Array)]).toEqual([0, 1, 255, 0]);
    expect(Number(stored[0]!.first_rtp)).toBe(4_294_967_295);
    const [one] = await rows('events', "id = 'a:0:0'");
    expect(one).toMatchObject({ stream_name: 'The "door", \\ and ☃', data: { cause: 'seen', note: "'quoted'" } });
    expect(await store.hasBatch({ runId: 'a', sequence: 2 })).toBe(true);
    expect(await store.hasBatch({ runId: 'a', sequence: 3 })).toBe(false);
  });

  it('is all or nothing', async () => {
    const broken = { ...event('b:0:0'), kind: null as never };
    await expect(put({ batches: [batch('b', 0)], events: [broken] })).rejects.toMatchObject({ code: '23502' });
    const withNul = { ...event('b:0:1'), label: 'a\u0000b' };
    await expect(put({ batches: [batch('b', 1)], events: [withNul] })).rejects.toMatchObject({ code: '22021' });
    expect(await rows('detection_batches', "run_id = 'b'")).toEqual([]);
  });

  it('replaces the totals of an ObjectTrack by later ones only, and keeps what came once', async () => {
    const one = async () => (await rows('object_tracks', "run_id = 'c'"))[0];
    await put({ tracks: [track('c', 1, 10, { bestScore: 0.6 })] });
    await put({
      tracks: [track('c', 1, 20, { bestScore: 0.75, label: 'van', zoneIds: ['door', 'yard'], ended: true })],
    });
    // Late: its totals are over, its thumbnail is not.
    const late = { tracks: [track('c', 1, 15, { hasThumbnail: true })] };
    await put({ ...late, thumbnails: [{ runId: 'c', trackId: 1, jpeg: bytes(1), endedAt: at(15) }] });
    expect(await one()).toMatchObject({ frames: 20, label: 'van', ended: true, has_thumbnail: true, best_score: 0.75 });
    expect((await one())!.zone_ids).toEqual(['door', 'yard']);
    // As many Frames and not over: told before it was.
    await put({ tracks: [track('c', 1, 20, { label: 'van' })] });
    expect(await one()).toMatchObject({ ended: true });
    const others = track('c', 1, 99, { publicationId: 'other' });
    await put({ tracks: [others] });
    expect(await one()).toMatchObject({ frames: 20, publication_id: 'p' });
    const zones = await rows('object_track_zones', "run_id = 'c' order by zone_id");
    expect(zones.map((row) => [row.zone_id, row.label, row.best_score])).toEqual([
      ['door', 'van', 0.75],
      ['yard', 'van', 0.75],
    ]);
    await put({ thumbnails: [{ runId: 'c', trackId: 1, jpeg: bytes(2), endedAt: at(18) }] });
    await put({ thumbnails: [{ runId: 'c', trackId: 1, jpeg: bytes(3), endedAt: at(17) }] });
    const [thumbnail] = await rows('object_track_thumbnails', "run_id = 'c'");
    expect([...(thumbnail!.jpeg as Uint8Array)]).toEqual([2]);
  });

  it('keeps the latest heatmap of a run, from where the run began, and the models of a Publication', async () => {
    const heatmap = (from: number, fill: number) => ({
      ...{ runId: 'd', streamId: 's', publicationId: 'p', startedAt: at(from), endedAt: at(from + 1) },
      seconds: bytes(fill),
    });
    await put({ batches: [batch('d', 0, 3)] });
    await put({ heatmaps: [heatmap(60, 1)] });
    await put({ heatmaps: [heatmap(120, 2)] });
    await put({ heatmaps: [heatmap(90, 3)] });
    const [one] = await rows('position_heatmaps', "run_id = 'd'");
    expect(new Date(one!.started_at as string)).toEqual(at(3));
    expect(new Date(one!.ended_at as string)).toEqual(at(121));
    expect([...(one!.seconds as Uint8Array)]).toEqual([2]);
    const model = (seconds: number) => ({
      ...{ publicationId: 'p', revision: 1, modelId: 'm', labels: ['a', "b'"], seenAt: at(seconds) },
    });
    await put({ models: [model(100)] });
    await put({ models: [model(50)] });
    const [known] = await rows('detection_models');
    expect(known).toMatchObject({ model_id: 'm', labels: ['a', "b'"] });
    expect(new Date(known!.seen_at as string)).toEqual(at(100));
  });

  it('does not try to compress what is compressed', async () => {
    const stored = await rows(
      'pg_attribute',
      "attname in ('messages', 'jpeg') and attrelid in ('detection_batches'::regclass, 'object_track_thumbnails'::regclass)",
    );
    expect(stored.map((column) => column.attstorage)).toEqual(['e', 'e']);
  });

  it('deletes what is older, by kind and in parts', async () => {
    const old = Array.from({ length: 1_200 }, (_, i) => i);
    await put({ batches: old.map((i) => batch('old', i, -100)) });
    await put({
      tracks: old.map((i) => track('old', i + 1, 1, { startedAt: at(-100), endedAt: at(-90) })),
      thumbnails: [{ runId: 'old', trackId: 1, jpeg: bytes(1), endedAt: at(-90) }],
    });
    // Began before, and goes on.
    await put({ tracks: [track('new', 1, 5, { startedAt: at(-100) })], batches: [batch('new', 0)] });
    await put({ events: old.map((i) => event(`old:${i}:0`, -100)) });
    const second = (seconds: number) => ({
      ...{ publicationId: 'p', at: at(seconds), streamId: 's', rtpTimestamp: 1, lastRtpTimestamp: 2, frames: 3 },
      ...{ brightness: 0.5, contrast: 0.25, saturation: 0.125, motion: null, sharpness: 1, cuts: 0, colours: [] },
    });
    await put({ properties: old.map((i) => second(-100 - i)) });
    await put({ properties: [second(0), second(-101)] });
    const all = async (remove: () => Promise<number>): Promise<number[]> => {
      const counts: number[] = [];
      do counts.push(await remove());
      while (counts.at(-1)! > 0);
      return counts;
    };
    expect(await all(() => store.deleteDetectionsBefore(at(-50)))).toEqual([500, 500, 200, 0]);
    expect(await all(() => store.deleteTracksBefore(at(-50)))).toEqual([500, 500, 200, 0]);
    expect(await all(() => store.deleteEventsBefore(at(-50)))).toEqual([500, 500, 200, 0]);
    expect(await all(() => store.deletePropertiesBefore(at(-50)))).toEqual([500, 500, 200, 0]);
    expect(await rows('detection_batches', "run_id = 'new'")).toHaveLength(1);
    expect(await rows('object_tracks', "run_id in ('old', 'new')")).toHaveLength(1);
    expect(await rows('object_track_zones', "run_id = 'old'")).toEqual([]);
    expect(await rows('object_track_thumbnails', "run_id = 'old'")).toEqual([]);
    expect(await rows('visual_properties')).toHaveLength(1);
  });
});
