import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import { Database } from '../Database.ts';
import type { AccessStore, NewLoginSession } from './AccessStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const engines = ['pglite', ...(postgres ? ['postgres'] : [])] as const;
const later = new Date('2100-01-01T00:00:00Z');
const user = (id: string, role: 'viewer' | 'admin' = 'viewer') => ({ id, name: `User ${id}`, role, passwordHash: 'h' });
const session = (id: string, userId: string): NewLoginSession => ({
  ...{ id, userId, secretSha256: 'ab', expiresAt: later, address: '::1', agent: 'test' },
});

describe.each(engines)('AccessStore on %s', (engine) => {
  let folder: string;
  let database: Database;
  let store: AccessStore;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-db-'));
    database = await Database.create({
      dataDir: folder,
      databaseUrl: engine === 'postgres' ? postgres!.url : undefined,
    });
    store = database.access;
    await database.streams.insert({ id: 'stream', name: 'stream', streamKey: 'key' });
  });
  beforeEach(async () => {
    const { users, tokens, shares } = await store.snapshot();
    for (const { id } of users.filter(({ role }) => role !== 'admin')) await store.deleteUser(id);
    for (const { id } of users) await store.changeUser(id, { role: 'viewer' });
    const left = (await store.snapshot()).users;
    for (const { id } of left) await store.deleteUser(id);
    for (const { id } of tokens) await store.deleteToken(id);
    for (const { id } of shares) await store.deleteShare(id);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function growth(change: () => Promise<unknown>): Promise<number> {
    const before = await store.revision();
    await change();
    return (await store.revision()) - before;
  }

  it('has each name once, whatever its case, and tells hashes to nobody but the sign-in', async () => {
    expect(await store.insertUser({ ...user('a'), name: 'Ada' })).toMatchObject({ name: 'Ada', disabled: false });
    expect(await store.insertUser({ ...user('b'), name: 'ADA' })).toBeUndefined();
    expect(await store.passwordOf('aDa')).toMatchObject({ passwordHash: 'h' });
    expect(await store.passwordOf('nobody')).toBeUndefined();
    expect((await store.snapshot()).users.at(-1)).not.toHaveProperty('passwordHash');
  });

  it('keeps the last administrator who may sign in', async () => {
    await store.insertUser(user('one', 'admin'));
    await store.insertUser(user('two', 'admin'));
    const lastOnes = ['one', 'two'];
    for (const { id } of (await store.snapshot()).users) {
      if (!lastOnes.includes(id)) await store.deleteUser(id);
    }
    expect(await store.changeUser('two', { disabled: true })).toMatchObject({ disabled: true });
    expect(await store.changeUser('one', { role: 'viewer' })).toBe('lastAdmin');
    expect(await store.changeUser('one', { disabled: true })).toBe('lastAdmin');
    expect(await store.deleteUser('one')).toBe('lastAdmin');
    expect(await store.changeUser('two', { disabled: false })).toMatchObject({ disabled: false });
    expect(await store.deleteUser('one')).toBe('deleted');
    expect(await store.deleteUser('one')).toBe('notFound');
    expect(await store.changeUser('one', { disabled: true })).toBeUndefined();
  });

  it('ends sessions with their user, with a new password, and the oldest of too many', async () => {
    await store.insertUser(user('a'));
    for (const id of ['s1', 's2', 's3', 's4']) await store.insertSession(session(id, 'a'), 3);
    const ids = async () => (await store.snapshot()).sessions.map(({ id }) => id).sort();
    expect(await ids()).toEqual(['s2', 's3', 's4']);
    expect(await store.setPassword('a', 'other', 's3')).toBe(true);
    expect(await ids()).toEqual(['s3']);
    expect(await store.setPassword('none', 'other')).toBe(false);
    await store.deleteUser('a');
    expect(await ids()).toEqual([]);
  });

  it('grows its revision with all that decides about access, and not with use', async () => {
    const token = { id: 't', name: 't', secretSha256: 'ab', grants: [], createdBy: 'x', expiresAt: null };
    const share = { id: 'l', streamId: 'stream', name: 'l', createdBy: 'x', expiresAt: later };
    expect(await growth(() => store.insertUser(user('a')))).toBeGreaterThan(0);
    expect(await growth(() => store.insertSession(session('s', 'a'), 3))).toBeGreaterThan(0);
    expect(await growth(() => store.insertToken(token))).toBeGreaterThan(0);
    expect(await growth(() => store.insertShare(share))).toBeGreaterThan(0);
    const at = new Date('2099-01-01T00:00:00Z');
    expect(await growth(() => store.touch({ sessionIds: ['s'], tokenIds: ['t'], at }))).toBe(0);
    expect((await store.snapshot()).tokens[0]).toMatchObject({ grants: [], lastUsedAt: at });
    expect(await growth(() => database.streams.setKey('stream', 'other'))).toBeGreaterThan(0);
    expect(await growth(() => database.streams.change('stream', { name: 'renamed' }))).toBe(0);
    expect(await growth(() => store.deleteShare('l'))).toBeGreaterThan(0);
    expect(await growth(() => store.deleteToken('t'))).toBeGreaterThan(0);
    expect(await growth(() => store.deleteSession('s'))).toBeGreaterThan(0);
    expect(await growth(() => store.changeUser('a', { disabled: true }))).toBeGreaterThan(0);
  });

  it('forgets what is over', async () => {
    await store.insertUser(user('a'));
    const now = new Date();
    const ended = new Date(now.getTime() - 1_000);
    await store.insertSession({ ...session('over', 'a'), expiresAt: ended }, 9);
    await store.insertSession(session('idle', 'a'), 9);
    await store.touch({ sessionIds: ['idle'], tokenIds: [], at: new Date(0) });
    await store.insertSession(session('used', 'a'), 9);
    await store.insertShare({ id: 'l', streamId: 'stream', name: 'l', createdBy: 'x', expiresAt: new Date(0) });
    await store.deleteExpired({ now, idleSince: new Date(now.getTime() - 60_000), endedBefore: new Date(1) });
    const left = await store.snapshot();
    expect(left.sessions.map(({ id }) => id)).toEqual(['used']);
    expect(left.shares).toEqual([]);
  });

  it('keeps the audit log, newest first, by age and number', async () => {
    const entry = (action: string, at = new Date()) => ({
      ...{ at, actorKind: 'user', actorId: 'a', actorName: 'Ada', action, target: null, status: 200, address: '::1' },
    });
    await database.audit.insert([entry('old', new Date(0)), entry('one'), entry('two'), entry('three')]);
    const page = await database.audit.list({ limit: 2 });
    expect(page.map(({ action }) => action)).toEqual(['three', 'two']);
    const next = await database.audit.list({ before: page[1]!.id, limit: 9 });
    expect(next.map(({ action }) => action)).toEqual(['one', 'old']);
    expect(await database.audit.list({ actorId: 'b', limit: 9 })).toEqual([]);
    expect(await database.audit.trim(new Date(1), 1_000)).toBe(1);
    expect(await database.audit.trim(new Date(1), 2)).toBe(1);
    expect((await database.audit.list({ limit: 9 })).map(({ action }) => action)).toEqual(['three', 'two']);
  });
});
