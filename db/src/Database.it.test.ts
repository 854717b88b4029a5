import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../test/ScratchPostgres.ts';
import { Database } from './Database.ts';
import type { RecordingFacts, RecordingPosition } from './stores/RecordingStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
else console.log(`real Postgres: ${postgres.version}`);
afterAll(() => postgres?.close());

const engines = ['pglite', ...(postgres ? ['postgres'] : [])] as const;

describe.each(engines)('Database on %s', (engine) => {
  let folder: string;
  let database: Database;
  const open = () =>
    Database.create({ dataDir: folder, databaseUrl: engine === 'postgres' ? postgres!.url : undefined });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-db-'));
    database = await open();
  });
  beforeEach(async () => {
    for (const stream of await database.streams.list()) await database.streams.delete(stream.id);
    await database.nodes.deleteOlderThan(-1_000_000);
    const left = await database.recordings.list({ limit: 1_000 });
    const hidden = await database.recordings.listDeleted();
    await database.recordings.delete([...left, ...hidden].map(({ id }) => id));
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const node = { kind: 'sfu' as const, controlUrl: 'ws://127.0.0.1:1', capacity: 4, load: 0.5, version: '0.1.0' };

  it('says which engine it is and answers', async () => {
    expect(database.engine).toBe(engine);
    await database.ping();
  });

  it('keeps Streams over a restart, names as they were typed', async () => {
    const name = `Robert'); DROP TABLE streams;-- ☃ "quoted"`;
    const made = await database.streams.insert({ id: 'one', name, streamKey: 'key' });
    expect(made).toMatchObject({ id: 'one', name, streamKey: 'key', modelId: null });
    expect(made.createdAt).toBeInstanceOf(Date);
    expect(Math.abs(made.createdAt.getTime() - Date.now())).toBeLessThan(600_000);
    await database.close();
    database = await open();
    expect(await database.streams.get('one')).toEqual(made);
    expect(await database.streams.list()).toEqual([made]);
    expect(await database.streams.get('two')).toBeUndefined();
  });

  it('sets and clears a model', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    expect((await database.streams.setModel('one', 'yolox'))?.modelId).toBe('yolox');
    expect((await database.streams.setModel('one', null))?.modelId).toBeNull();
    expect(await database.streams.setModel('none', null)).toBeUndefined();
  });

  it('keeps a Source as it was given, and finds the Streams that have one', async () => {
    const source = { type: 'rtsp', url: 'rtsp://me:it\'s@camera.example/1?a="b"', nested: { list: [1, null, 'ü'] } };
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    await database.streams.insert({ id: 'two', name: 'n', streamKey: 'key' });
    expect((await database.streams.get('one'))?.source).toBeNull();
    expect((await database.streams.setSource('one', source))?.source).toEqual(source);
    expect((await database.streams.listWithSource()).map((row) => [row.id, row.source])).toEqual([['one', source]]);
    expect((await database.streams.setSource('one', null))?.source).toBeNull();
    expect(await database.streams.listWithSource()).toEqual([]);
    expect(await database.streams.setSource('none', source)).toBeUndefined();
  });

  it('changes name and settings of a Stream, each by itself and in one step', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    expect((await database.streams.get('one'))?.settings).toBeNull();
    expect(await database.streams.change('one', { name: `it's "ü"` })).toMatchObject({
      name: `it's "ü"`,
      settings: null,
    });
    expect((await database.streams.change('one', {}))?.name).toBe(`it's "ü"`);
    await Promise.all([
      database.streams.change('one', { settings: { hls: 'always' } }),
      database.streams.change('one', { settings: { recording: true, recordingMaxAgeHours: null } }),
    ]);
    expect(await database.streams.change('one', { settings: { hls: 'off' } })).toMatchObject({
      name: `it's "ü"`,
      settings: { hls: 'off', recording: true, recordingMaxAgeHours: null },
    });
    expect(await database.streams.change('none', { name: 'x' })).toBeUndefined();
  });

  it('deletes a Stream with its Publications, once', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    await database.publications.begin({ id: 'p', streamId: 'one', sfuNodeId: 's', serverId: 'me' });
    expect(await database.streams.delete('one')).toBe(true);
    expect(await database.streams.delete('one')).toBe(false);
    expect(await database.publications.listOfStream('one')).toEqual([]);
  });

  it('ends a Publication once, with the first reason', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    await database.publications.begin({ id: 'p', streamId: 'one', sfuNodeId: 's', serverId: 'me' });
    await database.publications.end('p', 'publisherLeft');
    await database.publications.end('p', 'later');
    const [row] = await database.publications.listOfStream('one');
    expect(row).toMatchObject({ id: 'p', sfuNodeId: 's', endReason: 'publisherLeft' });
    expect(row!.endedAt!.getTime()).toBeGreaterThanOrEqual(row!.startedAt.getTime());
  });

  it('ends the open Publications of dead servers and leaves those of living ones', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    await database.publications.begin({ id: 'dead', streamId: 'one', sfuNodeId: 's', serverId: 'gone' });
    await database.publications.begin({ id: 'live', streamId: 'one', sfuNodeId: 's', serverId: 'me' });
    await database.nodes.seen({ ...node, id: 'me', kind: 'server' });
    expect(await database.publications.endAbandoned({ serverTimeoutMs: 60_000 })).toHaveLength(1);
    expect(await database.publications.endAbandoned({ serverTimeoutMs: 60_000 })).toEqual([]);
    const rows = await database.publications.listOfStream('one');
    expect(rows.map((row) => [row.id, row.endReason]).sort()).toEqual([
      ['dead', 'serverRestarted'],
      ['live', null],
    ]);
  });

  it('keeps one row a node and forgets old ones', async () => {
    await database.nodes.seen({ ...node, id: 'a' });
    await database.nodes.seen({ ...node, id: 'a', load: 2, controlUrl: 'ws://127.0.0.1:2' });
    await database.nodes.seen({ ...node, id: 'b', kind: 'inference' });
    expect((await database.nodes.listAlive(60_000)).map((row) => [row.id, row.load, row.controlUrl])).toEqual([
      ['a', 2, 'ws://127.0.0.1:2'],
      ['b', 0.5, 'ws://127.0.0.1:1'],
    ]);
    await database.nodes.delete('b');
    expect(await database.nodes.deleteOlderThan(60_000)).toBe(0);
    expect(await database.nodes.deleteOlderThan(-1_000)).toBe(1);
    expect(await database.nodes.listAlive(60_000)).toEqual([]);
  });

  it('keeps the HLS address of a node', async () => {
    await database.nodes.seen({ ...node, id: 'a', hlsUrl: 'http://127.0.0.1:3' });
    expect((await database.nodes.listAlive(60_000))[0]?.hlsUrl).toBe('http://127.0.0.1:3');
    await database.nodes.seen({ ...node, id: 'a' });
    expect((await database.nodes.listAlive(60_000))[0]?.hlsUrl).toBeNull();
  });

  it('finds a Publication by its id, and the one that runs', async () => {
    await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
    await database.publications.begin({ id: 'p', streamId: 'one', sfuNodeId: 's', serverId: 'me' });
    expect((await database.publications.openOfStream('one'))?.id).toBe('p');
    await database.publications.end('p', 'publisherLeft');
    expect(await database.publications.openOfStream('one')).toBeUndefined();
    expect((await database.publications.get('p'))?.sfuNodeId).toBe('s');
    expect(await database.publications.get('none')).toBeUndefined();
  });

  describe('Recordings', () => {
    const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 10, minute, 0, 123));
    const facts = (id: string, minute: number, rest: Partial<RecordingFacts> = {}): RecordingFacts => ({
      ...{ id, streamId: 'one', nodeId: 'a', startedAt: at(minute), endedAt: at(minute + 1), durationS: 60.0625 },
      ...{ bytes: 20_000_000_000, width: 1280, height: 720, hasAudio: true, segments: 30, state: 'complete' as const },
      ...rest,
    });
    const listed = async (options: Parameters<Database['recordings']['list']>[0]) =>
      (await database.recordings.list(options)).map(({ id }) => id);

    it('are kept as told, and replaced by what is told next', async () => {
      await database.streams.insert({ id: 'one', name: 'n', streamKey: 'key' });
      await database.recordings.put(facts('r', 0, { state: 'recording', bytes: 5 }));
      await database.recordings.put(facts('r', 0, { nodeId: 'b' }));
      expect(await database.recordings.get('r')).toEqual({
        ...facts('r', 0, { nodeId: 'b' }),
        ...{ streamName: 'n', streamSettings: null, streamExists: true, deletedAt: null },
      });
      expect(await database.recordings.get('none')).toBeUndefined();
      expect(await database.recordings.idsOfNode('a')).toEqual([]);
      expect(await database.recordings.idsOfNode('b')).toEqual(['r']);
    });

    it('come newest first in pages, those of one moment by their ids', async () => {
      for (const [id, minute] of Object.entries({ e: 0, d: 1, c: 1, b: 1, a: 2 })) {
        await database.recordings.put(facts(id, minute));
      }
      await database.recordings.put(facts('x', 9, { streamId: 'two' }));
      const seen: string[] = [];
      for (let after: RecordingPosition | undefined; ;) {
        const page = await database.recordings.list({ streamId: 'one', after, limit: 2 });
        if (page.length === 0) break;
        seen.push(...page.map(({ id }) => id));
        after = page.at(-1);
      }
      expect(seen).toEqual(['a', 'd', 'c', 'b', 'e']);
      expect(await listed({ limit: 2 })).toEqual(['x', 'a']);
      expect(await database.recordings.streamIds()).toEqual(['one', 'two']);
      expect((await database.recordings.listOfStream('two')).map(({ id }) => id)).toEqual(['x']);
    });

    it('outlive their Stream, with its last name and settings', async () => {
      await database.streams.insert({ id: 'one', name: 'old', streamKey: 'key' });
      await database.recordings.put(facts('r', 0));
      await database.recordings.put(facts('other', 0, { streamId: 'two' }));
      await database.streams.change('one', { name: 'new', settings: { recordingMaxAgeHours: null } });
      await database.recordings.keepStreamFacts('one');
      await database.streams.delete('one');
      await database.recordings.put(facts('r', 0, { bytes: 7 }));
      expect(await database.recordings.get('r')).toMatchObject({
        ...{ streamExists: false, streamName: 'new', streamSettings: { recordingMaxAgeHours: null }, bytes: 7 },
      });
      expect(await database.recordings.get('other')).toMatchObject({ streamName: null, streamSettings: null });
    });

    it('are hidden while they wait to be deleted, also when their node tells of them again', async () => {
      await database.recordings.put(facts('r', 0));
      expect(await database.recordings.markDeleted('r')).toBe(true);
      expect(await database.recordings.markDeleted('none')).toBe(false);
      await database.recordings.put(facts('r', 0, { bytes: 8 }));
      expect(await listed({ limit: 9 })).toEqual([]);
      expect(await database.recordings.streamIds()).toEqual([]);
      expect((await database.recordings.get('r'))?.deletedAt).toBeInstanceOf(Date);
      expect((await database.recordings.listDeleted()).map(({ id }) => id)).toEqual(['r']);
      expect(await database.recordings.delete(['r', 'none'])).toBe(1);
      expect(await database.recordings.delete([])).toBe(0);
      expect(await database.recordings.listDeleted()).toEqual([]);
    });
  });

  it('answers many questions at once', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => database.streams.insert({ id: `s${i}`, name: `${i}`, streamKey: 'k' })),
    );
    expect(await database.streams.list()).toHaveLength(50);
  });

  it('rejects what the schema forbids, and goes on', async () => {
    await expect(
      database.publications.begin({ id: 'p', streamId: 'none', sfuNodeId: 's', serverId: 'me' }),
    ).rejects.toThrow();
    await database.ping();
  });

  it('refuses questions after close, which may be said twice', async () => {
    await database.close();
    await database.close();
    await expect(database.ping()).rejects.toThrow();
    database = await open();
  });
});

it('says so when DATABASE_URL does not lead to a database', async () => {
  const databaseUrl = 'postgres://nobody:wrong@127.0.0.1:1/none?connect_timeout=1';
  const created = Database.create({ dataDir: '/nowhere', databaseUrl, connectWithinMs: 500 });
  await expect(created).rejects.toThrow('the database of DATABASE_URL does not answer');
});
