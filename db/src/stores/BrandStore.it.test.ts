import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScratchPostgres } from '../../test/ScratchPostgres.ts';
import { Database } from '../Database.ts';
import type { BrandStore, BundledBrandRow, NewBrandImage } from './BrandStore.ts';

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);
afterAll(() => postgres?.close());

const engines = ['pglite', ...(postgres ? ['postgres'] : [])] as const;
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];

function image(id: string, rest: Partial<NewBrandImage> = {}): NewBrandImage {
  const bytes = new Uint8Array([0, 39, 92, 255, id.charCodeAt(0)]);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    ...{ id, mediaType: 'image/png', bytes, sha256, width: 10, height: 20, box: { x: 0, y: 0, w: 1, h: 1 } },
    ...{ position: 0, embeddings: null, modelSha256: null, problem: null },
    ...rest,
  };
}
function bundled(id: string, modelSha256: string): BundledBrandRow {
  const { position: _position, problem: _problem, ...rest } = image(`${id}-drawing`, { mediaType: 'image/svg+xml' });
  return { id, name: `The ${id}`, image: { ...rest, embeddings: new Uint8Array([1, 2, 3]), modelSha256 } };
}
const brand = (id: string, name = id) => ({ id, name, enabled: true, threshold: null });

describe.each(engines)('BrandStore on %s', (engine) => {
  let folder: string;
  let database: Database;
  let store: BrandStore;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-db-'));
    database = await Database.create({
      dataDir: folder,
      databaseUrl: engine === 'postgres' ? postgres!.url : undefined,
    });
    store = database.brands;
  });
  beforeEach(async () => {
    for (const { id } of await store.list()) await store.delete(id);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const revision = async () => (await store.state()).revision;
  /** Says by how much the revision grew. */
  async function growth(change: () => Promise<unknown>): Promise<number> {
    const before = await revision();
    await change();
    return (await revision()) - before;
  }

  it('keeps a brand with its images, byte for byte', async () => {
    const embeddings = new Uint8Array(512).map((_, i) => i);
    const images = [image('i1', { position: 1 }), image('i0', { embeddings, modelSha256: a })];
    expect(await store.insert({ ...brand('one', `it's "ü" ☃`), threshold: 0.5, enabled: false }, images)).toBe(true);
    const [row, ...others] = await store.list();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ id: 'one', name: `it's "ü" ☃`, origin: 'own', enabled: false, threshold: 0.5 });
    expect(row!.images.map(({ id }) => id)).toEqual(['i0', 'i1']);
    expect(row!.images[0]).not.toHaveProperty('bytes');
    expect([...row!.images[0]!.embeddings!]).toEqual([...embeddings]);
    const whole = await store.image('one', 'i1');
    expect([...whole!.bytes]).toEqual([...images[0]!.bytes]);
    expect(whole!.box).toEqual({ x: 0, y: 0, w: 1, h: 1 });
    expect(await store.image('other', 'i1')).toBeUndefined();
  });

  it('has each name of own brands once, whatever its case, and nothing of one that was refused', async () => {
    expect(await store.insert(brand('one', 'Acme'), [image('i')])).toBe(true);
    expect(await store.insert(brand('two', 'ACME'), [image('j')])).toBe(false);
    expect(await store.image('two', 'j')).toBeUndefined();
    expect(await store.insert(brand('two', 'Other'), [image('j')])).toBe(true);
    expect(await store.change('two', { name: 'acme' })).toBe('nameTaken');
    expect(await store.change('two', { name: 'Third', enabled: false, threshold: 0.25 })).toBe('changed');
    expect(await store.change('one', { name: 'ACME' })).toBe('changed');
    expect(await store.change('none', { name: 'x' })).toBe('notFound');
    expect((await store.list()).map(({ name }) => name)).toEqual(['ACME', 'Third']);
    await store.putBundled([{ ...bundled('acme', a), name: 'Acme' }]);
    expect(await store.list()).toHaveLength(3);
  });

  it('grows its revision with every change, and with nothing else', async () => {
    expect(await growth(() => store.insert(brand('one'), [image('i')]))).toBeGreaterThan(0);
    expect(await growth(() => store.addImages('one', [image('j', { position: 1 })]))).toBeGreaterThan(0);
    expect(await growth(() => store.change('one', { enabled: false }))).toBeGreaterThan(0);
    const embedded = { embeddings: new Uint8Array(512), modelSha256: a, problem: null };
    expect(await growth(() => store.setEmbedded('i', embedded))).toBeGreaterThan(0);
    expect(await growth(() => store.deleteImage('one', 'j'))).toBeGreaterThan(0);
    expect(await growth(() => store.setModel({ modelId: 'brands' }))).toBeGreaterThan(0);
    expect(await growth(() => store.putBundled([bundled('x', a)]))).toBeGreaterThan(0);
    expect(await growth(() => store.delete('one'))).toBeGreaterThan(0);
    expect(await growth(() => store.setBundledSha256(b))).toBe(0);
    expect(await growth(() => store.list())).toBe(0);
    expect(await store.state()).toMatchObject({ model: { modelId: 'brands' }, bundledSha256: b });
  });

  it('does not lose a revision to changes at once', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `n${i}`);
    const inserted = await growth(() => Promise.all(ids.map((id) => store.insert(brand(id), [image(`i-${id}`)]))));
    expect(inserted).toBeGreaterThanOrEqual(ids.length);
    expect(await store.list()).toHaveLength(ids.length);
  });

  it('finds what a model has not embedded', async () => {
    await store.insert(brand('one'), [
      image('new'),
      image('old', { embeddings: new Uint8Array(512), modelSha256: b }),
      image('done', { embeddings: new Uint8Array(512), modelSha256: a }),
      image('failed', { modelSha256: a, problem: 'no mark' }),
    ]);
    await store.putBundled([bundled('x', b)]);
    const ids = async (failed: boolean) => (await store.toEmbed(a, failed)).map(({ id }) => id).sort();
    expect(await ids(false)).toEqual(['new', 'old']);
    expect(await ids(true)).toEqual(['failed', 'new', 'old']);
    const box = { x: 0.1, y: 0, w: 0.5, h: 1 };
    await store.setEmbedded('new', { embeddings: new Uint8Array(512), modelSha256: a, problem: null, box });
    await store.setEmbedded('gone', { embeddings: null, modelSha256: a, problem: 'x' });
    expect(await ids(false)).toEqual(['old']);
    expect((await store.image('one', 'new'))?.box).toEqual(box);
  });

  it('renews bundled brands and leaves what the user set', async () => {
    await store.putBundled([bundled('x', a), bundled('y', a)]);
    await store.change('x', { enabled: false, threshold: 0.75 });
    await store.putBundled([bundled('x', b), bundled('z', b)]);
    await store.change('y', { enabled: false });
    expect(await store.retireBundledExcept(['x', 'z'])).toBe(1);
    const rows = (await store.list()).sort((one, other) => one.id.localeCompare(other.id));
    expect(rows.map(({ id, enabled, threshold, images }) => [id, enabled, threshold, images[0]!.modelSha256])).toEqual([
      ['x', false, 0.75, b],
      ['z', true, null, b],
    ]);
    expect(rows[0]!.images).toHaveLength(1);
    await store.putBundled([]);
    await store.putBundled([bundled('y', b)]);
    expect((await store.list()).find(({ id }) => id === 'y')).toMatchObject({ enabled: false });
  });

  it('keeps the last image and takes at most five, also of several at once', async () => {
    await store.insert(brand('one'), [image('i'), image('j'), image('k')]);
    const deleted = await Promise.all(['i', 'j', 'k'].map((id) => store.deleteImage('one', id)));
    expect(deleted.filter(Boolean)).toHaveLength(2);
    const pairs = [1, 2, 3, 4].map((i) => store.addImages('one', [image(`a${i}`), image(`b${i}`)]));
    expect((await Promise.all(pairs)).filter(Boolean)).toHaveLength(2);
    expect((await store.list())[0]!.images).toHaveLength(5);
    expect(await store.addImages('one', [image('m')])).toBe(false);
    await expect(store.addImages('none', [image('m')])).rejects.toThrow();
  });

  it('deletes a brand with its images', async () => {
    await store.insert(brand('one'), [image('i'), image('j')]);
    expect(await store.deleteImage('other', 'i')).toBe(false);
    expect(await store.deleteImage('one', 'i')).toBe(true);
    expect(await store.delete('one')).toBe(true);
    expect(await store.delete('one')).toBe(false);
    expect(await store.image('one', 'j')).toBeUndefined();
  });
});
