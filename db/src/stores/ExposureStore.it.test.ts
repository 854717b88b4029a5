import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import { Database } from '../Database.ts';
import type { AppearanceRow, ExposureCoverageRow } from '../schema.ts';
import type { AppearancePosition } from './ExposureStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 10, 0, 0, 125) + seconds * 1000);
const long = at(86_400 * 365);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const spansOf = (packed: Uint8Array): [number, number][] => {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const since2000Ms = (index: number) => Number(view.getBigInt64(index * 8)) / 1000;
  const second = (index: number) => (Date.UTC(2000, 0, 1) + since2000Ms(index) - at(0).getTime()) / 1000;
  return Array.from({ length: packed.byteLength / 16 }, (_, i) => [second(2 * i), second(2 * i + 1)]);
};

describe.each(['pglite', ...(postgres ? ['postgres'] : [])])('ExposureStore on %s', (engine) => {
  let folder: string;
  let database: Database;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-exposure-'));
    database = await Database.create({
      dataDir: folder,
      databaseUrl: engine === 'postgres' ? postgres!.url : undefined,
    });
  });
  beforeEach(() => database.exposure.deleteEndedBefore(long));
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const row = (id: string, from: number, to: number, rest: Partial<AppearanceRow> = {}): AppearanceRow => ({
    ...{ id, streamId: 's', publicationId: 'p', brandId: 'acme', name: 'Acme', startedAt: at(from), endedAt: at(to) },
    ...{ seconds: to - from, shareSeconds: (to - from) * 0.25, scoreSeconds: (to - from) * 0.5, largestShare: 0.5 },
    ...{ frames: 10, heatmap: bytes(1, 2, 3), ended: true, firstJpeg: null, lastJpeg: null },
    ...rest,
  });
  const get = async (id: string) => (await database.exposure.list({}, { limit: 1_000 })).find((one) => one.id === id);

  it('replaces totals by newer ones, never by older ones, and no row of another Publication', async () => {
    await database.exposure.putAppearances([row('a', 0, 1, { ended: false, firstJpeg: bytes(9), frames: 3 })]);
    await database.exposure.putAppearances([row('a', 0, 4, { ended: false, lastJpeg: bytes(8), frames: 5 })]);
    await database.exposure.putAppearances([row('a', 0, 2, { frames: 4 })]);
    await database.exposure.putAppearances([row('a', 0, 9, { frames: 99, publicationId: 'other', streamId: 't' })]);
    expect(await get('a')).toEqual({
      ...{
        id: 'a',
        streamId: 's',
        publicationId: 'p',
        brandId: 'acme',
        name: 'Acme',
        startedAt: at(0),
        endedAt: at(4),
      },
      ...{ seconds: 4, shareSeconds: 1, scoreSeconds: 2, largestShare: 0.5, frames: 5, ended: false },
      ...{ hasFirst: true, hasLast: true },
    });
    expect([...(await database.exposure.picture('a', 'first'))!]).toEqual([9]);
    expect([...(await database.exposure.picture('a', 'last'))!]).toEqual([8]);
    expect(await database.exposure.picture('none', 'last')).toBeUndefined();
  });

  it('ends what nothing was told of, opens it when it goes on, and not by a report that comes late', async () => {
    const open = (frames: number, to: number) => row('a', 0, to, { ended: false, frames });
    await database.exposure.putAppearances([open(3, 1), row('b', 0, 1)]);
    expect(await database.exposure.endStale(at(0.5))).toBe(0);
    expect(await database.exposure.endStale(at(2))).toBe(1);
    await database.exposure.putAppearances([open(3, 1)]);
    expect((await get('a'))?.ended).toBe(true);
    await database.exposure.putAppearances([open(4, 30)]);
    expect((await get('a'))?.ended).toBe(false);
    await database.exposure.putAppearances([{ ...open(4, 30), ended: true }]);
    expect((await get('a'))?.ended).toBe(true);
  });

  it('puts many at once', async () => {
    await database.exposure.putAppearances(Array.from({ length: 350 }, (_, i) => row(`r${i}`, i, i + 1)));
    const [totals] = await database.exposure.brandTotals({ streamId: 's' }, long);
    expect(totals).toMatchObject({ brandId: 'acme', appearances: 350, onScreenNow: false });
    expect(totals!.seconds).toBeCloseTo(350, 6);
    await database.exposure.putAppearances([]);
  });

  it('sums by brand, and clips to the range', async () => {
    await database.exposure.putAppearances([
      row('a', 0, 10, { largestShare: 0.75 }),
      row('b', 20, 30, { heatmap: bytes(4) }),
      row('c', 28, 40, { ended: false }),
      row('d', 100, 110),
      row('e', 22, 23, { brandId: 'other' }),
      row('f', 22, 23, { streamId: 't' }),
      row('g', 22, 23, { publicationId: 'q' }),
      row('h', 25, 25, { publicationId: 'q', seconds: 0, shareSeconds: 0, scoreSeconds: 0 }),
    ]);
    const scope = { streamId: 's', publicationId: 'p', from: at(5), to: at(31) };
    const [acme, other, ...rest] = await database.exposure.brandTotals(scope, at(39));
    expect(rest).toEqual([]);
    expect(acme).toMatchObject({ brandId: 'acme', appearances: 3, largestShare: 0.75, onScreenNow: true });
    expect(acme!.seconds).toBeCloseTo(5 + 10 + 3, 6);
    expect(acme!.shareSeconds).toBeCloseTo(18 * 0.25, 6);
    expect(acme!.scoreSeconds).toBeCloseTo(18 * 0.5, 6);
    expect(acme!.longestSeconds).toBeCloseTo(10, 6);
    expect(spansOf(acme!.spans).sort(([a], [b]) => a - b)).toEqual([
      [5, 10],
      [20, 30],
      [28, 31],
    ]);
    expect([...acme!.heatmaps!]).toEqual([4]);
    const across = await database.exposure.heatmapsAcross(scope);
    expect(across.map(({ brandId, heatmap, part }) => [brandId, heatmap.length, part]).sort()).toEqual([
      ['acme', 3, 0.25],
      ['acme', 3, 0.5],
    ]);
    expect(other).toMatchObject({ brandId: 'other', appearances: 1, seconds: 1, onScreenNow: false });
    expect(await database.exposure.brandTotals({ streamId: 'none' }, long)).toEqual([]);
    const [q] = await database.exposure.brandTotals({ publicationId: 'q', from: at(25), to: at(26) }, long);
    expect(q).toMatchObject({ appearances: 1, seconds: 0 });
    const [all] = await database.exposure.brandTotals({ streamId: 's', publicationId: 'p' }, long);
    expect(all).toMatchObject({ appearances: 4, seconds: 42 });
    expect(all!.heatmaps!.length).toBe(10);
    expect(await database.exposure.heatmapsAcross({ streamId: 's' })).toEqual([]);
    const found = await database.exposure.startedAt(scope, [at(28), at(22), at(100)]);
    expect(found.map(({ id }) => id)).toEqual(['e', 'c']);
    expect(await database.exposure.startedAt(scope, [])).toEqual([]);
  });

  it('lists newest first in pages, of a brand, of a range', async () => {
    for (const [id, second] of Object.entries({ e: 0, d: 1, c: 1, b: 1, a: 2 })) {
      await database.exposure.putAppearances([row(id, second, second + 0.5)]);
    }
    await database.exposure.putAppearances([row('x', 1, 2, { brandId: 'other' })]);
    const seen: string[] = [];
    for (let after: AppearancePosition | undefined; ;) {
      const page = await database.exposure.list({ streamId: 's' }, { brandId: 'acme', after, limit: 2 });
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
      after = page.at(-1);
    }
    expect(seen).toEqual(['a', 'd', 'c', 'b', 'e']);
    const within = await database.exposure.list({ publicationId: 'p', from: at(1.5), to: at(2) }, { limit: 9 });
    expect(within.map(({ id }) => id)).toEqual(['x']);
  });

  it('keeps coverage, one row a run', async () => {
    const run = (runId: string, from: number, to: number, frames: number): ExposureCoverageRow => ({
      ...{ runId, streamId: 's', publicationId: 'p', startedAt: at(from), endedAt: at(to), seconds: to - from, frames },
    });
    await database.exposure.putCoverage([run('one', 0, 5, 50), run('two', 20, 21, 10)]);
    await database.exposure.putCoverage([run('one', 0, 9, 90)]);
    await database.exposure.putCoverage([run('one', 0, 8, 80)]);
    expect((await database.exposure.coverage({ streamId: 's' })).map((one) => [one.runId, one.seconds])).toEqual([
      ['one', 9],
      ['two', 1],
    ]);
    expect(await database.exposure.coverage({ publicationId: 'p', from: at(9), to: at(20) })).toEqual([]);
    expect(await database.exposure.deleteEndedBefore(at(10))).toBe(0);
    expect(await database.exposure.coverage({})).toHaveLength(1);
  });

  it('deletes what is old', async () => {
    await database.exposure.putAppearances(Array.from({ length: 30 }, (_, i) => row(`r${i}`, i, i + 1)));
    expect(await database.exposure.deleteEndedBefore(at(10.5))).toBe(10);
    expect(await get('r9')).toBeUndefined();
    expect(await get('r10')).toBeDefined();
  });
});
