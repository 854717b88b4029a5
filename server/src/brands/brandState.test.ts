import type { KnownBrand } from '@framelock/db';
import { describe, expect, it } from 'vitest';
import { brandNameSchema, galleryBrandSchema, maxBrandNamesBytes, maxBrands } from '../protocol/index.ts';
import { brandState, byOriginAndName, galleryOf, nameBytes } from './brandState.ts';

const sha256 = 'a'.repeat(64);
function brand(id: string, name = id, rest: Partial<KnownBrand> = {}): KnownBrand {
  const image = {
    ...{ id: `${id}-image`, brandId: id, mediaType: 'image/png' as const, sha256, width: 8, height: 8, position: 0 },
    ...{ box: { x: 0, y: 0, w: 1, h: 1 }, embeddings: new Uint8Array(512), modelSha256: sha256, problem: null },
  };
  const own = { origin: 'own' as const, enabled: true, threshold: null, createdAt: new Date(0) };
  return { id, name, ...own, images: [image], ...rest };
}
/** Decomposed by NFC: twice as long. */
const doubled = '\u0958'.repeat(100);

describe('names of brands', () => {
  it('are measured as they are kept', () => {
    expect(brandNameSchema.safeParse(doubled).success).toBe(false);
    expect(brandNameSchema.parse('\u0958'.repeat(50))).toHaveLength(100);
    expect(brandNameSchema.parse(' e\u0301 ')).toBe('\u00e9');
  });
});

describe('galleryOf', () => {
  it('leaves out what no node would take, and tells all others', () => {
    const known = [brand('one'), brand('long', doubled.normalize('NFC')), brand('two')];
    const { gallery, leftOut } = galleryOf(1, sha256, known);
    expect(gallery.brands.map(({ id }) => id)).toEqual(['one', 'two']);
    for (const one of gallery.brands) expect(galleryBrandSchema.parse(one)).toEqual(one);
    expect(leftOut).toEqual([{ id: 'long', reason: expect.stringContaining('at most 100') as string }]);
    expect(brandState(known[1]!, sha256)).toMatchObject({ state: 'failed' });
    expect(brandState(known[0]!, sha256)).toEqual({ state: 'ready' });
  });

  it('has at most so many brands, and so many bytes of names', () => {
    const many = Array.from({ length: maxBrands + 2 }, (_, i) => brand(`b${i}`));
    const full = galleryOf(1, sha256, many);
    expect([full.gallery.brands.length, full.leftOut.length]).toEqual([maxBrands, 2]);
    const wordy = Array.from({ length: 600 }, (_, i) => brand(`b${i}`, String(i).padEnd(100, '☃')));
    const { gallery, leftOut } = galleryOf(1, sha256, wordy);
    const bytes = gallery.brands.reduce((sum, { name }) => sum + nameBytes(name), 0);
    expect(bytes).toBeLessThanOrEqual(maxBrandNamesBytes);
    expect(gallery.brands.length + leftOut.length).toBe(600);
    expect(gallery.brands.length).toBeGreaterThan(400);
  });
});

it('brands are sorted by origin, then by name with its numbers', () => {
  const known = [brand('c', 'A', { origin: 'bundled' }), brand('b', 'Étude 10'), brand('a', 'étude 9')];
  expect(known.sort(byOriginAndName).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});
