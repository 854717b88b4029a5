import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import { Database } from '../Database.ts';
import type { NewDelivery } from './DeliveryStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const leaseMs = 30_000;

describe.each(['pglite', ...(postgres ? ['postgres'] : [])])('Rules and deliveries on %s', (engine) => {
  let folder: string;
  let database: Database;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-deliveries-'));
    database = await Database.create({
      dataDir: folder,
      databaseUrl: engine === 'postgres' ? postgres!.url : undefined,
    });
  });
  beforeEach(async () => {
    for (const { id } of await database.rules.rules()) await database.rules.deleteRule(id);
    for (const { id } of await database.rules.targets()) await database.rules.deleteTarget(id);
    for (const id of ['s1', 's2', 's3', 's5']) {
      await database.nodes.seen({ id, kind: 'server', controlUrl: '', version: '', capacity: 1, load: 0 });
    }
    for (const id of ['t1', 't2']) {
      await database.rules.insertTarget({
        ...{ id, name: id, kind: 'webhook', enabled: true, secret: null },
        settings: { url: 'https://a.example/' },
      });
    }
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const delivery = (id: string, targetId = 't1'): NewDelivery => ({
    ...{ id, targetId, ruleId: 'r', eventId: `event-${id}`, body: `{"id":"${id}"}` },
  });
  const claim = (server: string) => database.deliveries.claimTargets(server, { leaseMs, limit: 10 });
  const claimed = async (server: string) => (await claim(server)).map(({ id }) => id).sort();
  const due = async (targetId = 't1') => (await database.deliveries.due(targetId, 10)).map(({ id }) => id);

  it('stores what is new, in order, and nothing for a target that is gone', async () => {
    const { deliveries } = database;
    expect(await deliveries.insert([delivery('a'), delivery('b'), delivery('x', 'gone')])).toEqual(['a', 'b']);
    expect(await deliveries.insert([delivery('b'), delivery('c')])).toEqual(['c']);
    expect(await due()).toEqual(['a', 'b', 'c']);
    const row = await deliveries.get('a');
    expect(new TextDecoder().decode(row!.body)).toBe('{"id":"a"}');
    expect(row).toMatchObject({ state: 'waiting', attempts: 0, lastError: null, endedAt: null });
  });

  it('leases a target to one server at a time', async () => {
    const { deliveries } = database;
    await deliveries.insert([delivery('a'), delivery('b', 't2')]);
    const both = await Promise.all([claimed('s1'), claimed('s2')]);
    expect(both.flat().sort()).toEqual(['t1', 't2']);
    expect(await claim('s3')).toEqual([]);
    const holder = both[0].includes('t1') ? 's1' : 's2';
    expect(await deliveries.renew('t1', holder, leaseMs)).toBe(true);
    expect(await deliveries.renew('t1', 's3', leaseMs)).toBe(false);
    await deliveries.release('t1', 's3');
    expect(await claim('s3')).toEqual([]);
    await deliveries.release('t1', holder);
    expect(await claimed('s3')).toEqual(['t1']);
    await deliveries.release('t1', 's3');
    // Of one that does not go on, and of one that died.
    await database.deliveries.claimTargets('s3', { leaseMs: 0, limit: 10 });
    await expect.poll(() => claimed('s5')).toEqual(['t1']);
    await database.nodes.delete('s5');
    expect(await claimed('s3')).toEqual(['t1']);
  });

  it('gives a server that is not known to live no target that it sends to already', async () => {
    const { deliveries } = database;
    await deliveries.insert([delivery('a')]);
    expect(await claimed('new')).toEqual(['t1']);
    expect(await deliveries.claimTargets('new', { leaseMs, limit: 10, except: ['t1'] })).toEqual([]);
    expect(await deliveries.nextDueInMs(['t1'])).toBeUndefined();
    expect(await deliveries.nextDueInMs(['t2'])).toBe(0);
  });

  it('sends nothing to a target that is off', async () => {
    const { deliveries, rules } = database;
    await deliveries.insert([delivery('a')]);
    expect(await claimed('s1')).toEqual(['t1']);
    await rules.changeTarget('t1', { enabled: false, problem: 'gone' });
    expect(await deliveries.renew('t1', 's1', leaseMs)).toBe(false);
    await deliveries.release('t1', 's1');
    expect(await claim('s1')).toEqual([]);
    expect(await deliveries.nextDueInMs()).toBeUndefined();
    expect(await rules.target('t1')).toMatchObject({ enabled: false, problem: 'gone', name: 't1' });
  });

  it('counts attempts, waits, ends, and begins again by hand', async () => {
    const { deliveries } = database;
    await deliveries.insert([delivery('a'), delivery('b')]);
    await deliveries.failed('a', 'status 500', 60_000);
    expect(await due()).toEqual(['b']);
    await deliveries.delivered('b');
    const nextMs = await deliveries.nextDueInMs();
    expect(nextMs).toBeGreaterThan(50_000);
    expect(nextMs).toBeLessThanOrEqual(60_000);
    expect(await claim('s1')).toEqual([]);
    await deliveries.dead('a', 'status 410');
    expect(await deliveries.get('a')).toMatchObject({ state: 'dead', attempts: 2, lastError: 'status 410' });
    expect(await deliveries.figures()).toMatchObject([
      { targetId: 't1', waiting: 0, dead: 1, lastDeliveredAt: expect.any(Date) },
      { targetId: 't2', waiting: 0, dead: 0, lastDeliveredAt: null },
    ]);
    expect(await deliveries.retry('b')).toBeUndefined();
    expect(await deliveries.retry('a')).toMatchObject({ state: 'waiting', attempts: 0, endedAt: null });
    expect(await due()).toEqual(['a']);
    expect(await deliveries.delete('a')).toBe(true);
    expect(await deliveries.delete('a')).toBe(false);
  });

  it('lists newest first, by state and target, page by page', async () => {
    const { deliveries } = database;
    await deliveries.insert([delivery('a'), delivery('b', 't2'), delivery('c'), delivery('d')]);
    await deliveries.dead('c', 'no');
    const ids = async (query: Partial<Parameters<typeof deliveries.list>[0]>) =>
      (await deliveries.list({ limit: 10, ...query })).map(({ id }) => id);
    expect(await ids({})).toEqual(['d', 'c', 'b', 'a']);
    expect(await ids({ state: 'dead' })).toEqual(['c']);
    expect(await ids({ targetId: 't2' })).toEqual(['b']);
    const [first] = await deliveries.list({ limit: 1 });
    expect(await ids({ before: first!.position })).toEqual(['c', 'b', 'a']);
  });

  it('bounds what waits and what is dead, oldest first, and forgets what was delivered', async () => {
    const { deliveries } = database;
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await deliveries.insert(ids.map((id) => delivery(id)));
    expect(await deliveries.endExcessWaiting('t1', 2, 'too many')).toBe(3);
    expect(await due()).toEqual(['d', 'e']);
    expect(await deliveries.deleteExcessDead('t1', 1)).toBe(2);
    expect((await deliveries.list({ state: 'dead', limit: 9 })).map(({ id }) => id)).toEqual(['c']);
    await deliveries.delivered('d');
    expect(await deliveries.deleteDeliveredBefore(new Date(Date.now() + 60_000))).toBe(1);
    expect((await deliveries.list({ limit: 9 })).map(({ id }) => id)).toEqual(['e', 'c']);
  });

  it('keeps rules, their counts and their targets', async () => {
    const { rules } = database;
    const rule = { id: 'r1', name: 'Gate', enabled: true, streamId: null, condition: { kind: 'streamUp' } };
    await rules.insertRule({ ...rule, targetIds: ['t1', 't2'], cooldownSeconds: 5 });
    expect(await rules.changeRule('r1', { name: 'Door' })).toMatchObject({ name: 'Door', fired: 0, firedAt: null });
    expect(await rules.changeRule('r1', {})).toMatchObject({ name: 'Door' });
    expect(await rules.changeRule('none', { name: 'x' })).toBeUndefined();
    const firedAt = new Date('2026-11-22T10:00:00.000Z');
    const counts = { ruleId: 'r1', fired: 2, suppressed: 3, firedAt, firedByStream: { s1: firedAt.toISOString() } };
    await rules.addCounts(counts);
    await rules.addCounts({ ...counts, fired: 0, suppressed: 1, firedAt: null, firedByStream: { s2: 'later' } });
    await rules.deleteTarget('t2');
    expect(await rules.rules()).toMatchObject([
      {
        ...{ fired: 2, suppressed: 4, firedAt, targetIds: ['t1'], condition: { kind: 'streamUp' } },
        firedByStream: { s1: firedAt.toISOString(), s2: 'later' },
      },
    ]);
    expect(await rules.deleteRule('r1')).toBe(true);
    expect(await rules.deleteRule('r1')).toBe(false);
  });
});
