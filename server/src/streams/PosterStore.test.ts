import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maxPosterBytes, PosterStore } from './PosterStore.ts';

function jpeg(bytes: number): Uint8Array<ArrayBuffer> {
  const picture = new Uint8Array(bytes);
  picture.set([0xff, 0xd8, 0xff]);
  picture.set([0xff, 0xd9], bytes - 2);
  return picture;
}

it('keeps one picture a Stream, and its bytes bounded over all of them', () => {
  const posters = new PosterStore();
  for (let i = 0; i < 1_000; i++) posters.set(`s${i}`, jpeg(maxPosterBytes));
  expect(posters.bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  expect(posters.get('s0')).toBeUndefined();
  expect(posters.get('s999')).toBeDefined();
  for (let i = 0; i < 10; i++) posters.set('s999', jpeg(200));
  for (let i = 0; i < 1_000; i++) posters.delete(`s${i}`);
  expect(posters.bytes).toBe(0);
});

it('refuses what is no JPEG, and what is too large', () => {
  const posters = new PosterStore();
  expect(() => posters.set('s', jpeg(maxPosterBytes + 1))).toThrow(/at most/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      fc.pre(!(bytes[0] === 0xff && bytes[1] === 0xd8));
      expect(() => posters.set('s', new Uint8Array(bytes))).toThrow('not a JPEG');
    }),
    { seed: 20_261_120 },
  );
  expect(posters.bytes).toBe(0);
});
