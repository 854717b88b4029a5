import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GalleryFileReader, readGalleryFile } from './GalleryFileReader.ts';

const head = { kind: 'framelock-gallery', version: 1, exportedAt: '2026-11-22T00:00:00.000Z' };
const fileOf = (brands: unknown[], space?: number) => JSON.stringify({ ...head, brands }, null, space);

/** In pieces of these lengths, again and again. */
function readIn(text: string, lengths: number[], options?: { maxBrandBytes: number }): unknown[] {
  const bytes = new TextEncoder().encode(text);
  const reader = new GalleryFileReader(options);
  const found: unknown[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + lengths[i % lengths.length]!;
    // The same memory each time, as a reader of sockets may do it.
    const piece = bytes.slice(at, next);
    for (const brand of reader.push(piece)) found.push(brand);
    piece.fill(0x20);
    at = next;
  }
  reader.end();
  return found;
}

/** Names with all that has a meaning in JSON. */
const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', ',', ':', 'ü', '🙂', '\n', ' ') });
const brand = fc.record({
  name: text,
  enabled: fc.boolean(),
  images: fc.array(fc.record({ png: text, brands: text })),
});

describe('GalleryFileReader', () => {
  it('finds the brands of any file, whatever pieces it comes in', () => {
    fc.assert(
      fc.property(
        fc.array(brand, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(undefined, 1, 4),
        (brands, lengths, space) => {
          expect(readIn(fileOf(brands, space), lengths)).toEqual(brands);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('takes what stands behind the brands, and refuses what should stand before them', () => {
    const { kind, ...rest } = head;
    expect(readIn(JSON.stringify({ ...head, brands: [{ name: 'a' }], more: [{ brands: [1, 2] }] }), [7])).toEqual([
      { name: 'a' },
    ]);
    expect(() => readIn(JSON.stringify({ ...rest, brands: [{}], kind }), [100])).toThrow(/kind/);
  });

  it('refuses another kind or version before it gives a brand', () => {
    for (const other of [{ version: 2 }, { kind: 'another' }, { exportedAt: 'yesterday' }]) {
      const reader = new GalleryFileReader();
      const bytes = new TextEncoder().encode(JSON.stringify({ ...head, ...other, brands: [{ name: 'a' }] }));
      expect(() => [...reader.push(bytes)]).toThrow(/not valid/);
    }
  });

  it('refuses what is no such file, and gives the brands of one that ends too soon', () => {
    const whole = fileOf([{ name: 'a' }, { name: 'b' }]);
    for (const bad of ['', '{', '{}', '[]', 'null', '"', '}', whole + whole, `${whole}]`, fileOf([1]), fileOf(['x'])]) {
      expect(() => readIn(bad, [5]), bad).toThrow(expect.objectContaining({ code: 'badRequest' }) as Error);
    }
    for (const bad of [whole.replace('"brands":[', '"brands":[,'), whole.replace('{"name":"a"', '{"name":a')]) {
      expect(() => readIn(bad, [5]), bad).toThrow(/no JSON/);
    }
    const reader = new GalleryFileReader();
    const half = new TextEncoder().encode(whole.slice(0, -5));
    expect([...reader.push(half)]).toEqual([{ name: 'a' }]);
    expect(() => reader.end()).toThrow(/ends in the middle/);
  });

  it('has limits: of one brand, of how many, of what is beside them', () => {
    const large = { name: 'a', png: 'x'.repeat(2_000_000) };
    expect(readIn(fileOf([large, large]), [65_536], { maxBrandBytes: 2_100_000 })).toHaveLength(2);
    expect(() => readIn(fileOf([large]), [65_536], { maxBrandBytes: 1_048_576 })).toThrow(/brand 1 .* 1 MiB/);
    expect(() => readIn(fileOf(new Array(2_001).fill({})), [65_536])).toThrow(/more than 2000 brands/);
    expect(() => readIn(fileOf([]) + ' '.repeat(300_000), [65_536])).toThrow(/too much beside/);
  });

  it('of a body that stands still is given up, with what came before', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(fileOf([{ name: 'a' }]).slice(0, -3))),
    });
    const found: unknown[] = [];
    const reading = (async () => {
      for await (const one of readGalleryFile(body, { idleMs: 20 })) found.push(one);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'badRequest', message: expect.stringContaining('came for') });
    await expect(readGalleryFile(null).next()).rejects.toMatchObject({ code: 'badRequest' });
  });
});
