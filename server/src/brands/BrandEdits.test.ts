import type { BrandStore, KnownBrand } from '@framelock/db';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../Metrics.ts';
import { BrandEdits } from './BrandEdits.ts';
import type { Embedder } from './Embedder.ts';
import type { ImageSandbox } from './image/ImageSandbox.ts';

const known = { id: 'b', name: 'Acme', origin: 'own', images: [] } as unknown as KnownBrand;

/** Images are as they are, and no node is there. */
function editsOn(store: Partial<BrandStore>, brands: () => KnownBrand[]): BrandEdits {
  const keep = (png: Uint8Array) => Promise.resolve({ png, width: 8, height: 8, box: undefined });
  return new BrandEdits({
    store: store as BrandStore,
    metrics: new Metrics(),
    sandbox: { keep } as unknown as ImageSandbox,
    embedder: { embed: () => Promise.resolve(undefined), run: () => undefined } as unknown as Embedder,
    brands: () => Promise.resolve(brands()),
    onChanged: () => Promise.resolve(),
  });
}

describe('BrandEdits', () => {
  it('says that a brand is gone which was deleted while an image for it was looked at', async () => {
    let all = [known];
    const addImages = () => {
      all = [];
      return Promise.reject(new Error('violates foreign key constraint'));
    };
    const edits = editsOn({ addImages }, () => all);
    await expect(edits.addImages('b', [{ bytes: Uint8Array.of(1) }])).rejects.toMatchObject({ code: 'notFound' });
  });

  it('does not take another fault of the database for that', async () => {
    const addImages = () => Promise.reject(new Error('the database is away'));
    const edits = editsOn({ addImages }, () => [known]);
    await expect(edits.addImages('b', [{ bytes: Uint8Array.of(1) }])).rejects.toThrow('is away');
  });
});
