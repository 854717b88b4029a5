import type { Gallery } from '@framelock/server/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { GalleryTeller } from './GalleryTeller.ts';

const gallery = (revision: number): Gallery => ({ revision, modelSha256: 'a'.repeat(64), brands: [] });

let told: [galleryRevision: number, revision: number][];
let teller: GalleryTeller;
/** Requests on their way. */
let open: { gallery: Gallery; answer(revision: number | null): void; fail(): void }[];

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  open = [];
  teller = new GalleryTeller({ onTold: (one, revision) => told.push([one.revision, revision]), retryMs: 100 });
});
afterEach(() => {
  teller.use(undefined);
  vi.useRealTimers();
});

function ask(one: Gallery): Promise<number | null> {
  return new Promise((resolve, reject) => {
    open.push({ gallery: one, answer: resolve, fail: () => reject(new Error('timeout')) });
  });
}
const settle = () => vi.advanceTimersByTimeAsync(0);

it('tells again after a failure, though nothing changed since', async () => {
  teller.use(ask);
  teller.want(gallery(1));
  open[0]!.fail();
  await settle();
  expect(open).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(100);
  open[1]!.answer(2);
  await settle();
  expect(told).toEqual([[1, 2]]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(open).toHaveLength(2);
});

it('has one request at a time, and the last one is for the newest gallery', async () => {
  teller.use(ask);
  for (const revision of [1, 2, 3]) teller.want(gallery(revision));
  expect(open).toHaveLength(1);
  open[0]!.answer(5);
  await settle();
  expect(open[1]!.gallery.revision).toBe(3);
  open[1]!.answer(6);
  await settle();
  expect(told).toEqual([
    [1, 5],
    [3, 6],
  ]);
});

it('tells a new connection only what it does not begin with, and hears no answer of the one before', async () => {
  teller.use(ask);
  teller.want(gallery(1));
  teller.toldOtherwise();
  teller.use(undefined);
  open[0]!.answer(9);
  await settle();
  teller.use(ask);
  await settle();
  expect(told).toEqual([]);
  expect(open).toHaveLength(1);
  teller.want(gallery(2));
  open[1]!.answer(2);
  await settle();
  expect(told).toEqual([[2, 2]]);
});
