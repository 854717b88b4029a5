import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryRows, NewHistory } from '@framelock/db';
import pino from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Metrics } from '../Metrics.ts';
import { DeadLetters } from './DeadLetters.ts';
import { HistorySpool } from './HistorySpool.ts';
import { HistoryWriter, type Outcome, type WriterLimits } from './HistoryWriter.ts';
import { testBatch, testItem } from './testBatches.ts';

const limits: Partial<WriterLimits> = { gatherMs: 5, maxWaitMs: 60, retryFirstMs: 10, retryMaxMs: 40 };

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'framelock-writer-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A database in memory that can be away, hang, or refuse batches for what they are. */
class FakeStore {
  mode: 'well' | 'away' | 'hangs' = 'well';
  poison = new Set<string>();
  readonly stored = new Map<string, number>();
  readonly groups: number[] = [];
  readonly #hanging: (() => void)[] = [];

  async put(rows: HistoryRows): Promise<NewHistory> {
    if (this.mode === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    if (this.mode === 'away') throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    const keys = rows.batches.map(({ runId, sequence }) => `${runId}:${sequence}`);
    const refused = new Error('invalid byte sequence');
    if (keys.some((key) => this.poison.has(key)))
      throw new Error('failed', { cause: Object.assign(refused, { code: '22021' }) });
    this.groups.push(keys.length);
    const added = rows.batches.filter((_, index) => !this.stored.has(keys[index]!));
    for (const key of keys) this.stored.set(key, (this.stored.get(key) ?? 0) + 1);
    return { batches: added, eventIds: rows.events.map(({ id }) => id) };
  }

  thaw(mode: 'well' | 'away'): void {
    this.mode = mode;
    for (const go of this.#hanging.splice(0)) go();
  }
}

async function setUp(rest: { spoolBytes?: number; limits?: Partial<WriterLimits> } = {}) {
  const store = new FakeStore();
  const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const metrics = new Metrics();
  const deadLetters = new DeadLetters({ folder: join(folder, 'refused') });
  const writer = HistoryWriter.create({ store, deadLetters, logger, metrics, limits: { ...limits, ...rest.limits } });
  const options = { folder: join(folder, 'spool'), minFreeBytes: 0, logger, onSpoiled: () => undefined };
  const { spool } = await HistorySpool.create({ ...options, maxBytes: rest.spoolBytes ?? 1e9 });
  writer.useSpool(spool);
  const outcomes = new Map<string, Outcome>();
  const offer = (runId: string, sequence: number) => {
    const settle = (outcome: Outcome) => void outcomes.set(`${runId}:${sequence}`, outcome);
    if (!writer.offer(testItem(runId, sequence), settle)) settle('refused');
  };
  const count = (outcome: Outcome) => [...outcomes.values()].filter((one) => one === outcome).length;
  const close = async () => {
    await writer.close();
    await spool.close();
  };
  return { store, writer, spool, offer, outcomes, count, close };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) await sleep(5);
  expect(condition()).toBe(true);
}

it('writes several at once, and says which were there before', async () => {
  const { store, offer, outcomes, close } = await setUp({ limits: { groupItems: 30 } });
  for (let sequence = 0; sequence < 50; sequence++) offer('a', sequence);
  await until(() => outcomes.size === 50);
  expect([...new Set(outcomes.values())]).toEqual(['stored']);
  expect(store.groups).toEqual([30, 20]);
  offer('a', 49);
  offer('b', 0);
  await until(() => outcomes.has('b:0') && outcomes.get('a:49') === 'known');
  expect(outcomes.get('b:0')).toBe('stored');
  await close();
});

it('spools while the database is away, drains when it is back, and then writes again', async () => {
  const { store, writer, spool, offer, outcomes, count, close } = await setUp();
  store.mode = 'away';
  for (let sequence = 0; sequence < 40; sequence++) {
    offer('a', sequence);
    await sleep(3);
  }
  await until(() => outcomes.size === 40);
  expect(count('spooled')).toBe(40);
  expect([spool.items, writer.waiting, writer.away]).toEqual([40, 0, true]);
  store.mode = 'well';
  await until(() => spool.empty);
  expect([...store.stored.values()]).toEqual(new Array(40).fill(1));
  offer('a', 40);
  await until(() => outcomes.has('a:40'));
  expect(outcomes.get('a:40')).toBe('stored');
  await close();
});

it.each(['well', 'away'] as const)(
  'spools what a hanging database has before it, which is %s afterwards',
  async (end) => {
    const { store, spool, offer, outcomes, count, close } = await setUp();
    store.mode = 'hangs';
    for (let sequence = 0; sequence < 5; sequence++) offer('a', sequence);
    await sleep(20);
    for (let sequence = 5; sequence < 10; sequence++) offer('a', sequence);
    await until(() => outcomes.size === 10);
    expect(count('spooled')).toBe(10);
    // At once from now on, though nothing has answered yet.
    offer('a', 10);
    await until(() => outcomes.size === 11);
    store.thaw(end);
    await sleep(30);
    store.mode = 'well';
    await until(() => spool.empty && store.stored.size === 11);
    await close();
  },
);

it('refuses what neither takes, and keeps what it took', async () => {
  const { store, spool, offer, outcomes, count, close } = await setUp({ spoolBytes: 2_500 });
  store.mode = 'away';
  for (let sequence = 0; sequence < 30; sequence++) {
    offer('a', sequence);
    await sleep(2);
  }
  await until(() => outcomes.size === 30);
  expect(count('refused')).toBeGreaterThan(0);
  const spooled = [...outcomes].filter(([, outcome]) => outcome === 'spooled').map(([key]) => key);
  expect(spooled.length).toBeGreaterThan(0);
  store.mode = 'well';
  await until(() => spool.empty);
  for (const key of spooled) expect(store.stored.has(key)).toBe(true);
  await close();
});

it('without a spool keeps what it took in memory, refuses more, and tells them as new afterwards', async () => {
  const store = new FakeStore();
  const [logger, metrics] = [pino({ level: 'silent' }), new Metrics()];
  const deadLetters = new DeadLetters({ folder: join(folder, 'refused') });
  const few = { ...limits, maxItems: 10 };
  const writer = HistoryWriter.create({ store, deadLetters, logger, metrics, limits: few });
  const outcomes: Outcome[] = [];
  store.mode = 'away';
  const offers = Array.from({ length: 12 }, (_, i) => writer.offer(testItem('a', i), (one) => void outcomes.push(one)));
  expect(offers.filter((taken) => !taken)).toHaveLength(2);
  await sleep(100);
  expect([outcomes.length, writer.waiting]).toEqual([0, 10]);
  // Its answer was lost, but it was written.
  store.stored.set('a:0', 1);
  store.mode = 'well';
  await until(() => outcomes.length === 10);
  expect(new Set(outcomes)).toEqual(new Set(['stored']));
  await writer.close();
});

it('with a spool that takes nothing tries the database again', async () => {
  const { store, offer, outcomes, close } = await setUp({ spoolBytes: 0 });
  store.mode = 'away';
  offer('a', 0);
  await until(() => outcomes.get('a:0') === 'refused');
  await sleep(100);
  store.mode = 'well';
  let sequence = 1;
  await until(() => {
    offer('a', sequence++);
    return [...outcomes.values()].includes('stored');
  });
  await close();
});

it('puts aside what the database refuses for what it is, and stores the rest of its group', async () => {
  const { store, offer, outcomes, count, close } = await setUp();
  store.poison = new Set(['a:3', 'a:17']);
  for (let sequence = 0; sequence < 20; sequence++) offer('a', sequence);
  await until(() => outcomes.size === 20);
  expect(count('stored')).toBe(18);
  expect([outcomes.get('a:3'), outcomes.get('a:17')]).toEqual(['aside', 'aside']);
  const letters = readdirSync(join(folder, 'refused')).sort();
  expect(letters).toEqual(['a-17.json', 'a-3.json']);
  const letter = JSON.parse(readFileSync(join(folder, 'refused', 'a-3.json'), 'utf8')) as Record<string, never>;
  expect(letter).toMatchObject({ reason: 'failed', item: { batch: testBatch('a', 3) } });
  await close();
});

it('one that the database refuses does not stop the spool', async () => {
  const { store, spool, offer, outcomes, close } = await setUp();
  store.mode = 'away';
  for (let sequence = 0; sequence < 20; sequence++) offer('a', sequence);
  await until(() => outcomes.size === 20);
  store.poison = new Set(['a:3']);
  store.mode = 'well';
  await until(() => spool.empty);
  expect(store.stored.size).toBe(19);
  expect(readdirSync(join(folder, 'refused'))).toEqual(['a-3.json']);
  await close();
});

it.each(['well', 'away', 'hangs'] as const)(
  'closes with all that waited stored or spooled, database %s',
  async (mode) => {
    const { store, spool, offer, outcomes, count, close } = await setUp({ limits: { gatherMs: 1_000, groupItems: 8 } });
    store.mode = mode;
    for (let sequence = 0; sequence < 20; sequence++) offer('a', sequence);
    await sleep(1);
    await close();
    expect(count('stored') + count('spooled')).toBe(20);
    const spooled = [...outcomes.values()].filter((one) => one === 'spooled').length;
    expect(store.stored.size + spool.items).toBeGreaterThanOrEqual(20);
    expect(spool.items).toBe(spooled);
    if (mode === 'well') expect(spooled).toBe(0);
  },
);

it('is not refused by a spool that is full while a write is under way', async () => {
  const { store, offer, outcomes, close } = await setUp({ spoolBytes: 0 });
  store.mode = 'hangs';
  offer('a', 0);
  await sleep(150);
  expect(outcomes.size).toBe(0);
  offer('a', 1);
  await until(() => outcomes.get('a:1') === 'refused');
  store.thaw('well');
  await until(() => outcomes.get('a:0') === 'stored');
  await close();
});
