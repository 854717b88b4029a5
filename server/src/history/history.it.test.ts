import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@framelock/db';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '@framelock/db/testing';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { Metrics } from '../Metrics.ts';
import type { EventView, HistoryBatch } from '../protocol/index.ts';
import { History } from './History.ts';
import { testBatch, testJpeg, testTrack, testZoneEvent } from './testBatches.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const publication = { id: 'p', streamId: 's', sfuNodeId: 'sfu', serverId: 'gone' };
const fast = { gatherMs: 20, maxWaitMs: 400, retryFirstMs: 50, retryMaxMs: 400 };

/** A History of its own on a database, with a node that remembers what is acknowledged. */
function createHistory(database: Database, dataDir: string, isLive = true) {
  const acknowledged = new Map<string, number>();
  const told = { batches: [] as string[], events: [] as EventView[] };
  const metrics = new Metrics();
  const history = History.create({
    ...{ store: database.history, publications: database.publications, serverId: 'me', dataDir, limits: fast },
    ...{ spoolMaxBytes: 1e9, ages: { detections: 7, tracks: 7, events: 7, properties: 7 }, metrics },
    isLive: () => isLive,
    streamName: () => Promise.resolve('Front door'),
    logger: pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
  });
  history.onBatch((batch, events) => {
    told.batches.push(`${batch.runId}:${batch.sequence}`);
    expect(events).toHaveLength(batch.events.length);
  });
  history.onEvents((events) => void told.events.push(...events));
  const requestIfOpen = (_: string, { runId, sequence }: { runId: string; sequence: number }) => {
    const key = `${runId}:${sequence}`;
    acknowledged.set(key, (acknowledged.get(key) ?? 0) + 1);
    return Promise.resolve();
  };
  const tell = history.eventsOf({ id: 'node', requestIfOpen } as never).history!;
  const outcome = async (name: string) => {
    const { values } = await metrics.historyBatches.get();
    return values.find(({ labels }) => labels.outcome === name)?.value ?? 0;
  };
  return { history, acknowledged, told, tell, outcome };
}

const countIn = async (database: Database, keys: Iterable<string>): Promise<number> => {
  let found = 0;
  for (const key of keys) {
    const [runId, sequence] = key.split(':');
    if (await database.history.hasBatch({ runId: runId!, sequence: Number(sequence) })) found++;
  }
  return found;
};

describe.each(['pglite', ...(postgres ? ['postgres'] : [])])('History on %s', (engine) => {
  let dataDir: string;
  let database: Database;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'framelock-history-'));
    const databaseUrl = engine === 'postgres' ? postgres!.url : undefined;
    database = await Database.create({ dataDir, databaseUrl });
    await database.streams.insert({ id: 's', name: 'Front door', streamKey: 'key' });
    await database.publications.begin(publication);
    await database.publications.end('p', 'stopped');
  });
  afterAll(async () => {
    await database.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('stores all of a batch once, acknowledges it, and tells of it once', async () => {
    const { history, acknowledged, told, tell, outcome } = createHistory(database, dataDir, false);
    const batch: HistoryBatch = testBatch('all', 0, {
      tracks: [testTrack(1, 30, { jpeg: testJpeg(2_000), zoneIds: ['door'], label: 'a\u0000"car"\ud800' })],
      events: [testZoneEvent({ label: 'a\u0000car', dwellSeconds: 2.5 }), testZoneEvent({ kind: 'left' })],
      properties: [
        {
          ...{ rtpTimestamp: 1, lastRtpTimestamp: 2, frames: 30, brightness: 0.5, contrast: 1e-300, saturation: 0 },
          ...{ motion: null, sharpness: 0.5, cuts: [], colours: [{ colour: '#aabbcc', share: 1 }], atMs: Date.now() },
        },
      ],
      heatmap: { columns: 48, rows: 27, seconds: new Array<number>(48 * 27).fill(0.5) },
      last: true,
    });
    tell(batch);
    tell(batch); // while the first is under way
    await until(() => acknowledged.has('all:0'), 'it is acknowledged');
    tell(batch);
    await until(() => acknowledged.get('all:0') === 2, 'it is acknowledged again');
    expect([await outcome('stored'), await outcome('known')]).toEqual([1, 1]);
    expect(told.batches).toEqual(['all:0']);
    expect(told.events).toMatchObject([
      { id: 'all:0:0', kind: 'entered', streamName: 'Front door', runId: 'all', data: { dwellSeconds: 2.5 } },
      { id: 'all:0:1', kind: 'left', zoneId: 'door', zoneName: 'Door', publicationId: 'p', label: 'car' },
    ]);
    // Another server, which knows nothing of it: the database does.
    await history.close();
    const next = createHistory(database, dataDir, false);
    next.tell(batch);
    await until(() => next.acknowledged.has('all:0'), 'the next one acknowledges it');
    expect([next.told.batches, await next.outcome('known')]).toEqual([[], 1]);
    next.history.record([{ ...told.events[0]!, id: 'mine', kind: 'streamUp' }]);
    await until(() => next.told.events.length === 1, 'an event of our own is told');
    next.history.record([{ ...told.events[0]!, id: 'mine', kind: 'streamUp' }]);
    await next.history.close();
    expect(next.told.events.map(({ id }) => id)).toEqual(['mine']);
  });

  it('does not take what belongs to another server or to nobody, and puts aside what no column holds', async () => {
    const { history, acknowledged, tell, outcome } = createHistory(database, dataDir, false);
    await database.publications.begin({ ...publication, id: `theirs-${engine}` });
    tell(testBatch('theirs', 0, { publicationId: `theirs-${engine}` }));
    tell(testBatch('nobody', 0, { publicationId: 'nobody' }));
    tell(testBatch('wrong', 0, { streamId: 'other' }));
    tell(testBatch('strange', 0, { toMs: 1e300 }));
    tell(testBatch('huge', 0, { objects: 2 ** 40 }));
    tell(testBatch('good', 0));
    await until(() => acknowledged.size === 3, 'three are answered');
    expect([...acknowledged.keys()].sort()).toEqual(['good:0', 'huge:0', 'strange:0']);
    await until(async () => (await outcome('unknown')) === 2, 'two are unknown');
    expect([await outcome('elsewhere'), await outcome('aside'), await outcome('stored')]).toEqual([1, 2, 1]);
    expect(readdirSync(join(dataDir, 'spool', 'history-refused')).sort()).toEqual(['huge-0.json', 'strange-0.json']);
    await history.close();
  });
});

describe.runIf(postgres)('History on a Postgres that', () => {
  let dataDir: string;
  let database: Database;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'framelock-history-'));
    database = await Database.create({ dataDir, databaseUrl: postgres!.url });
  });
  afterAll(async () => {
    await database.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it.each(['hangs', 'is killed'])(
    '%s: batches go to the spool, and are in the database once when it is back',
    async (how) => {
      const runId = how.replace(' ', '-');
      const { history, acknowledged, told, tell, outcome } = createHistory(database, dataDir);
      const events = [testZoneEvent(), testZoneEvent()];
      const send = (from: number, to: number) => {
        for (let sequence = from; sequence < to; sequence++) {
          tell(testBatch(runId, sequence, { tracks: [testTrack(1, sequence + 1)], events }));
        }
      };
      send(0, 10);
      await until(() => acknowledged.size === 10, 'what came before is acknowledged');
      if (how === 'hangs') postgres!.freeze();
      else await postgres!.kill();
      send(10, 60);
      await until(() => acknowledged.size === 60, 'all are acknowledged while it is away');
      expect(await outcome('spooled')).toBe(50);
      expect(history.figures.spoolBatches).toBe(50);
      if (how === 'hangs') postgres!.thaw();
      else await postgres!.restart();
      await until(() => history.figures.spoolBytes === 0, 'the spool is empty');
      send(60, 70);
      send(5, 65);
      await until(() => acknowledged.size === 70, 'the rest is acknowledged');
      expect(await countIn(database, acknowledged.keys())).toBe(70);
      expect(told.batches).toEqual(Array.from({ length: 70 }, (_, i) => `${runId}:${i}`));
      expect(new Set(told.events.map(({ id }) => id)).size).toBe(140);
      expect(told.events).toHaveLength(140);
      await history.close();
    },
  );

  it('is away when the server ends leaves the spool to the next server', async () => {
    const first = createHistory(database, dataDir);
    await until(() => readdirSync(join(dataDir, 'spool', 'history')).length > 0, 'the spool is open');
    postgres!.freeze();
    for (let sequence = 0; sequence < 20; sequence++) first.tell(testBatch('left', sequence));
    await first.history.close();
    expect(first.acknowledged.size).toBe(20);
    postgres!.thaw();
    const next = createHistory(database, dataDir);
    await until(async () => (await countIn(database, first.acknowledged.keys())) === 20, 'all are in the database');
    await until(() => next.history.figures.spoolBytes === 0, 'the spool is empty');
    next.tell(testBatch('left', 3));
    await until(() => next.acknowledged.has('left:3'), 'one that comes again is acknowledged');
    expect(next.told.batches).toEqual([]);
    await next.history.close();
  });

  it('two servers with one DATA_DIR have a spool each, and what a dead one left is taken over', async () => {
    const [one, two] = [createHistory(database, dataDir), createHistory(database, dataDir)];
    const spools = () => readdirSync(join(dataDir, 'spool')).filter((name) => /^history(-\d)?$/.test(name));
    await until(() => spools().length === 2, 'both have a spool');
    await new Promise((resolve) => setTimeout(resolve, 200));
    postgres!.freeze();
    for (let sequence = 0; sequence < 5; sequence++) {
      one.tell(testBatch('one', sequence));
      two.tell(testBatch('two', sequence));
    }
    await Promise.all([one.history.close(), two.history.close()]);
    expect([one.acknowledged.size, two.acknowledged.size]).toEqual([5, 5]);
    postgres!.thaw();
    const next = createHistory(database, dataDir);
    const keys = [...one.acknowledged.keys(), ...two.acknowledged.keys()];
    await until(async () => (await countIn(database, keys)) === 10, 'all are in the database');
    await next.history.close();
  });
});

describe('A server with an inference node', () => {
  let server: TestServer;
  let sfu: FakeSfu;
  let inference: FakeInference;
  beforeAll(async () => {
    server = await TestServer.create();
    [sfu, inference] = await Promise.all([createFakeSfu(nodeSecret), createFakeInference(nodeSecret)]);
    await server.attach(sfu);
    await server.attach(inference);
  });
  afterAll(async () => {
    server.stopBeats();
    await Promise.all([sfu.close(), inference.close()]);
    await server.close();
  });

  it('takes batches of a Publication that runs, and of one that has ended', async () => {
    const streamId = (await server.createStream('Front door')).id;
    const publisher = await server.client();
    await publisher.publish(streamId);
    const publicationId = (await server.stream(streamId)).publication!.id;
    const stored = (sequence: number) =>
      inference.callsOf('historyStored').some((call) => call.runId === 'live' && call.sequence === sequence);
    inference.emit('history', testBatch('live', 0, { publicationId, streamId, events: [testZoneEvent()] }));
    await until(() => stored(0), 'the first is stored');
    publisher.close();
    await until(async () => (await server.stream(streamId)).publication === null, 'the Publication is over');
    inference.emit('history', testBatch('live', 1, { publicationId, streamId, last: true }));
    await until(() => stored(1), 'the second is stored');
    expect(await server.metric('framelock_history_batches_total{outcome="stored"}')).toBe(2);
    expect(await server.metric('framelock_history_spool_bytes')).toBe(0);
  });
});
