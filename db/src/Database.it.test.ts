import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../test/ScratchPostgres.ts';
import { Database } from './Database.ts';

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
    expect(await database.publications.endAbandoned({ serverTimeoutMs: 60_000 })).toBe(1);
    expect(await database.publications.endAbandoned({ serverTimeoutMs: 60_000 })).toBe(0);
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
