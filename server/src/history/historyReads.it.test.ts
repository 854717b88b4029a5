import { zstdCompressSync } from 'node:zlib';
import { Encoder } from '@msgpack/msgpack';
import { Database } from '@framelock/db';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../../test/TestServer.ts';
import {
  activityAnswerSchema,
  detectionPageSchema,
  errorBodySchema,
  eventListSchema,
  heatmapAnswerSchema,
  labelsAnswerSchema,
  propertiesAnswerSchema,
  type StoredFrame,
  trackListSchema,
  zoneHeatmapColumns,
  zoneHeatmapRows,
} from '../protocol/index.ts';
import { encodeDetections } from '../protocol/analysis/index.ts';
import type { HistoryItem } from './HistoryItem.ts';
import { historyRows } from './historyRows.ts';
import { testItem, testJpeg, testStartMs, testTrack, testZoneEvent } from './testBatches.ts';

const runs = ['run-a', 'run-b'] as const;
const labels = ['car', '=cmd()', 'dog'];
const framesPerBatch = 10;
const batchesPerRun = 30;
let server: TestServer;
let folder: string;
/** Every message that was put, in the order of time. */
const put: Uint8Array[] = [];

/** Any floats: JSON has to bring every bit of them back. */
let seed = 7;
const random = (): number => ((seed = (seed * 48_271) % 2_147_483_647) - 1) / 2_147_483_646;

function messagesOf(run: number, sequence: number, fromMs: number): Uint8Array[] {
  return Array.from({ length: framesPerBatch }, (_, index) => {
    const objects = Array.from({ length: (sequence + index) % 4 }, () => ({
      ...{ label: Math.floor(random() * 3), score: random() },
      ...{ x: random() / 2, y: random() / 2, w: random() / 2, h: random() / 2 },
    }));
    const receivedAtMs = fromMs + index * 100;
    const { bytes } = encodeDetections({
      ...{
        publicationId: 'p',
        revision: run + 1,
        width: 1280,
        height: 720,
        sequence: sequence * framesPerBatch + index,
      },
      ...{ rtpTimestamp: (4_294_960_000 + sequence * 90_000 + index * 9_000) % 2 ** 32, receivedAtMs },
      ...{ decodedAtMs: receivedAtMs + 1.5, inferredAtMs: receivedAtMs + 9.25, sentAtMs: receivedAtMs + 10 },
      objects: objects as never,
      trackIds: objects.map((_, n) => n),
    });
    return bytes;
  });
}

function itemOf(run: number, sequence: number): HistoryItem {
  const fromMs = testStartMs + (run * batchesPerRun + sequence) * 1_000;
  const messages = messagesOf(run, sequence, fromMs);
  put.push(...messages);
  const framed = Buffer.concat(
    messages.flatMap((bytes) => [Buffer.from(Uint32Array.of(bytes.length).buffer), Buffer.from(bytes)]),
  );
  const track = testTrack(sequence + 1, 5, {
    ...{ fromMs, toMs: fromMs + 700, label: labels[sequence % 3]!, bestScore: sequence / 40, ended: true },
    ...{ zoneIds: sequence % 2 ? ['door', 'line'] : [] },
    ...(sequence === 0 ? { jpeg: testJpeg(500) } : {}),
  });
  return testItem(runs[run]!, sequence, {
    ...{ fromMs, toMs: fromMs + 900, frames: framesPerBatch, rawBytes: framed.length, tracks: [track] },
    detections: zstdCompressSync(framed).toString('base64'),
    model: { revision: run + 1, modelId: `model-${run}`, labels },
    events: [
      testZoneEvent({ atMs: fromMs, trackId: sequence + 1, rtpTimestamp: sequence, label: labels[sequence % 3]! }),
    ],
    properties: [
      {
        ...{ atMs: fromMs, rtpTimestamp: 1, lastRtpTimestamp: 2, frames: 10, brightness: 0.5, contrast: 0.25 },
        ...{ saturation: 0.125, motion: null, sharpness: 0.5, cuts: [1], colours: [{ colour: '#102030', share: 1 }] },
      },
    ],
    heatmap: {
      ...{ columns: zoneHeatmapColumns, rows: zoneHeatmapRows },
      seconds: new Array<number>(zoneHeatmapColumns * zoneHeatmapRows).fill(sequence + 1),
    },
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-history-'));
  const database = await Database.create({ dataDir: folder });
  for (const run of [0, 1]) {
    await database.history.put(historyRows(Array.from({ length: batchesPerRun }, (_, index) => itemOf(run, index))));
  }
  await database.close();
  server = await TestServer.create({ dataDir: folder });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const get = async (path: string) => {
  const answer = await server.request(path);
  expect(answer.status, answer.text).toBe(200);
  return answer;
};
const iso = (seconds: number): string => new Date(testStartMs + seconds * 1000).toISOString();

async function allDetections(query: string): Promise<StoredFrame[]> {
  const frames: StoredFrame[] = [];
  for (let cursor = ''; ;) {
    const { body } = await get(`/api/v1/streams/s/detections?${query}${cursor}`);
    const page = detectionPageSchema.parse(body);
    frames.push(...page.detections);
    if (page.nextCursor === null) return frames;
    cursor = `&cursor=${page.nextCursor}`;
  }
}

describe('detections', () => {
  it('come back to the bit, frame after frame, whatever the page', async () => {
    const encoder = new Encoder({ forceFloat32: true });
    const timesOf = { decoded: 1.5, inferred: 9.25, sent: 10 };
    for (const limit of [7, 10, 500]) {
      const frames = await allDetections(`limit=${limit}`);
      const bytes = frames.map((one) =>
        encoder.encode({
          ...{ k: 'frame', v: 1, pub: one.publicationId, rtp: one.rtpTimestamp, seq: one.sequence },
          ...{ model: one.modelId === 'model-0' ? 1 : 2, w: one.width, h: one.height },
          t: { received: Date.parse(one.at), ...timesOf },
          o: one.objects.map(({ trackId, label, score, x, y, w, h }) => {
            return [trackId, labels.indexOf(label), score, x, y, w, h];
          }),
        }),
      );
      expect(frames).toHaveLength(put.length);
      expect(bytes.every((one, index) => Buffer.from(one).equals(put[index]!))).toBe(true);
    }
  });

  it('are of a range to the millisecond, and of a label and a score', async () => {
    const all = await allDetections('limit=2000');
    const [from, to] = [iso(4.3), iso(33.7)];
    const within = all.filter(({ at }) => at >= from && at < to);
    expect(within.length).toBe(294);
    expect(await allDetections(`from=${from}&to=${to}&limit=50`)).toEqual(within);
    const wanted = all
      .map((one) => ({ ...one, objects: one.objects.filter(({ label, score }) => label === 'dog' && score >= 0.7) }))
      .filter(({ objects }) => objects.length > 0);
    expect(wanted.length).toBeGreaterThan(20);
    expect(await allDetections('label=dog&minScore=0.7&limit=9')).toEqual(wanted);
    expect(await allDetections('label=unicorn')).toEqual([]);
    expect((await get('/api/v1/streams/none/detections')).body).toEqual({ detections: [], nextCursor: null });
  });

  it('leave out a batch that is spoiled, and count it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'framelock-history-'));
    const database = await Database.create({ dataDir });
    await database.history.put(historyRows([testItem('run-c', 0)]));
    await database.close();
    const other = await TestServer.create({ dataDir });
    const { status, body } = await other.request('/api/v1/streams/s/detections');
    expect([status, body]).toEqual([200, { detections: [], nextCursor: null }]);
    expect(await other.metric('framelock_history_spoiled_batches_total')).toBe(1);
    await other.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
});

describe('ObjectTracks', () => {
  it('are listed in pages, filtered, and as CSV', async () => {
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const page = trackListSchema.parse((await get(`/api/v1/tracks?streamId=s&limit=7${cursor}`)).body);
      seen.push(...page.tracks.map(({ runId, trackId }) => `${runId} ${trackId}`));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    const newestFirst = [1, 0].flatMap((run) => Array.from({ length: 30 }, (_, i) => `${runs[run]} ${30 - i}`));
    expect(seen).toEqual(newestFirst);
    const { body } = await get('/api/v1/tracks?runId=run-a&zoneId=door&minScore=0.5&label=dog');
    expect(trackListSchema.parse(body).tracks.map(({ trackId }) => trackId)).toEqual([30, 24]);
    const csv = await get('/api/v1/tracks.csv?runId=run-a&label=%3Dcmd()');
    const [header, first, ...rest] = csv.text.trimEnd().split('\r\n');
    expect(header).toContain('run_id,track_id');
    expect(first).toContain("run-a,29,s,p,'=cmd(),2026-11-20T10:00:28.000Z");
    expect(rest).toHaveLength(9);
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="tracks.csv"');
  });

  it('have a picture that is cached by its tag', async () => {
    const [one] = trackListSchema.parse((await get('/api/v1/tracks?runId=run-a&trackId=1')).body).tracks;
    expect(one!.thumbnailUrl).toBe('/api/v1/tracks/run-a/1/thumbnail.jpg');
    const picture = await get(one!.thumbnailUrl!);
    expect(picture.headers.get('content-type')).toBe('image/jpeg');
    expect(picture.headers.get('cache-control')).toBe('private, max-age=60');
    const headers = { 'if-none-match': picture.headers.get('etag')! };
    expect((await server.request(one!.thumbnailUrl!, { headers })).status).toBe(304);
    expect((await server.request('/api/v1/tracks/run-a/2/thumbnail.jpg')).status).toBe(404);
    expect((await server.request('/api/v1/tracks/none/2/thumbnail.jpg')).status).toBe(404);
  });
});

it('events are listed, filtered and as CSV', async () => {
  const page = eventListSchema.parse((await get('/api/v1/events?streamId=s&kind=entered&limit=9')).body);
  expect(page.events).toHaveLength(9);
  expect(page.events[0]).toMatchObject({ zoneId: 'door', zoneName: 'Door', streamName: 'Front door', at: iso(59) });
  const next = eventListSchema.parse((await get(`/api/v1/events?streamId=s&cursor=${page.nextCursor}`)).body);
  expect(next.events[0]!.at).toBe(iso(50));
  const dogs = await get(`/api/v1/events.csv?label=dog&from=${iso(0)}&to=${iso(30)}`);
  expect(dogs.text.trimEnd().split('\r\n')).toHaveLength(11);
  expect((await get('/api/v1/events?kind=left')).body).toEqual({ events: [], nextCursor: null });
});

it('charts are made of it', async () => {
  const range = `from=${iso(0)}&to=${iso(60)}`;
  const { seconds } = propertiesAnswerSchema.parse((await get(`/api/v1/streams/s/properties?${range}&points=20`)).body);
  expect(seconds).toHaveLength(20);
  expect(seconds[0]).toMatchObject({ at: iso(0), brightness: 0.5, motion: null, cuts: 3 });
  const heatmap = heatmapAnswerSchema.parse((await get('/api/v1/streams/s/heatmap')).body);
  expect([heatmap.runs, heatmap.seconds[0], heatmap.seconds.at(-1)]).toEqual([2, 60, 60]);
  const { labels: counted } = labelsAnswerSchema.parse((await get(`/api/v1/history/labels?${range}`)).body);
  expect(counted.map(({ label, tracks }) => [label, tracks])).toEqual([
    ['=cmd()', 20],
    ['car', 20],
    ['dog', 20],
  ]);
  const activity = activityAnswerSchema.parse((await get(`/api/v1/history/activity?${range}&buckets=6`)).body);
  expect([activity.exact, activity.bucketSeconds, activity.series.length]).toEqual([true, 10, 3]);
  expect(activity.series.flatMap(({ counts }) => counts).reduce((sum, one) => sum + one, 0)).toBe(60);
});

describe('what makes no sense', () => {
  it.each([
    ['tracks?cursor=abc'],
    ['tracks?cursor=W10'],
    [`tracks?cursor=${Buffer.from('[1e300,"a",1]').toString('base64url')}`],
    [`tracks?cursor=${Buffer.from('[1.5,"a",1]').toString('base64url')}`],
    [`events?cursor=${Buffer.from('[1,"a\\u0000"]').toString('base64url')}`],
    ['streams/s/detections?cursor=eA'],
    [`tracks?from=${iso(1)}&to=${iso(1)}`],
    [`tracks.csv?from=${iso(2)}&to=${iso(1)}`],
    [`events?from=${iso(2)}&to=${iso(1)}`],
    ['tracks?from=0000-01-01T00:00:00Z'],
    ['tracks?from=yesterday'],
    ['tracks?trackId=1'],
    ['tracks?minScore=2'],
    ['tracks?limit=201'],
    ['tracks?limit='],
    ['events?kind=exploded'],
    ['streams/s/properties?from=2126-01-01T00:00:00Z'],
    ['streams/s/properties?points=0'],
    ['history/activity?buckets=100000'],
    ['streams/s/heatmap?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z'],
  ])('is refused: %s', async (path) => {
    const { status, body } = await server.request(`/api/v1/${path}`);
    expect([status, errorBodySchema.parse(body).error.code]).toEqual([400, 'badRequest']);
  });

  it.each([
    ['tracks?label=%00'],
    ['events?label=%00'],
    ['history/activity?label=%00'],
    ['streams/s/detections?label=%00'],
  ])('finds nothing, or is refused, and is no fault of ours: %s', async (path) => {
    expect([200, 400]).toContain((await server.request(`/api/v1/${path}`)).status);
  });
});
