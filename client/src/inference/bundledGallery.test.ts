import { readFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { readBundledGallery } from './bundledGallery.ts';

afterEach(() => vi.unstubAllGlobals());

const folder = new URL('../../../inference/models/brands/', import.meta.url);
const read = async (name: string) => JSON.parse(await readFile(new URL(name, folder), 'utf8')) as { sha256: string };

it('is read as a gallery of the bundled model', async () => {
  const file = await read('gallery.json');
  vi.stubGlobal('fetch', async () => Response.json(file));
  const { sha256 } = await read('model.json');
  const { brands, modelSha256 } = await readBundledGallery('/gallery.json', sha256);
  expect(modelSha256).toBe(sha256);
  expect(brands.length).toBeGreaterThan(100);
  expect(brands.find(({ id }) => id === 'git')).toMatchObject({ name: 'Git', threshold: null });
  await expect(readBundledGallery('/gallery.json', 'b'.repeat(64))).rejects.toThrow('of another model');
});

it('is refused where it is not there, or something else', async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 404 }));
  await expect(readBundledGallery('/x', 'a'.repeat(64))).rejects.toThrow('HTTP 404');
  vi.stubGlobal('fetch', async () => Response.json({ brands: 'no' }));
  await expect(readBundledGallery('/x', 'a'.repeat(64))).rejects.toThrow('of another shape');
});
