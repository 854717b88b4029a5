import type { Gallery } from '@framelock/server/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { GalleryWatch } from './GalleryWatch.ts';

const modelSha256 = 'a'.repeat(64);
const brand = { id: 'acme', name: 'Acme', threshold: null, embeddings: btoa('\0'.repeat(512)) };
const gallery: Gallery = { revision: 1, modelSha256, brands: [brand] };
const bundled: Gallery = { revision: 0, modelSha256, brands: [{ ...brand, id: 'git', name: 'Git' }] };
const ofAnother: Gallery = { revision: 2, modelSha256: 'b'.repeat(64), brands: [brand] };

let watch: GalleryWatch;
let asked: { url: string; headers: Record<string, string> }[];
let answer: () => Response | Promise<Response>;
let galleries: Gallery[];
let problems: (string | undefined)[];

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  galleries = [];
  problems = [];
  vi.stubGlobal('fetch', async (url: string, { headers }: { headers: Record<string, string> }) => {
    asked.push({ url, headers });
    return answer();
  });
});
afterEach(() => {
  watch.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function begin(options: { bundled?: () => Promise<Gallery> } = {}): void {
  watch = new GalleryWatch({
    ...{ streamId: 'front door', modelSha256, token: 'key' },
    onGallery: (one) => galleries.push(one),
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
}
const ok = (body: Gallery) => Response.json(body, { headers: { etag: '"1"' } });

it('asks for its own Stream, so that a stream key opens it, and again with the tag of what it has', async () => {
  answer = () => ok(gallery);
  begin();
  await vi.advanceTimersByTimeAsync(0);
  answer = () => new Response(null, { status: 304 });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(asked).toMatchObject([
    { url: '/api/v1/brands/gallery?streamId=front%20door', headers: { authorization: 'Bearer key' } },
    { headers: { 'if-none-match': '"1"' } },
  ]);
  expect(galleries).toEqual([gallery]);
  expect(problems).toEqual([]);
});

it('says once why there is none, and that there is one again', async () => {
  answer = () => Response.json({ error: { code: 'unauthorized', message: 'no such key' } }, { status: 401 });
  begin();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(problems).toEqual(['no such key']);
  answer = () => Promise.reject(new TypeError('Failed to fetch'));
  await vi.advanceTimersByTimeAsync(1_500);
  answer = () => ok(gallery);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(problems).toEqual(['no such key', 'the server did not answer', undefined]);
});

it('names nothing by a gallery of another model, and says so for as long as it is that', async () => {
  answer = () => ok(gallery);
  begin();
  await vi.advanceTimersByTimeAsync(0);
  answer = () => ok(ofAnother);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(galleries).toMatchObject([gallery, { brands: [] }]);
  answer = () => new Response(null, { status: 304 });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(problems).toEqual(['the server has one for another model']);
});

const refused = () => Response.json({ error: { code: 'unavailable', message: 'no node yet' } }, { status: 503 });

it.each([
  ['refuses', refused, 'no node yet; the bundled one is used'],
  ['does not answer', () => Promise.reject(new TypeError('Failed to fetch')), 'the server did not answer; the bundled'],
  ['has one for another model', () => ok(ofAnother), 'the server has one for another model; the bundled one is used'],
  ['has no brands', () => ok({ ...gallery, brands: [] }), 'the server has no brands yet; the bundled one is used'],
])('names by the bundled gallery where the server %s, until it has one', async (_how, first, says) => {
  answer = first;
  begin({ bundled: async () => bundled });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(galleries).toEqual([bundled]);
  expect(problems).toEqual([expect.stringContaining(says)]);
  answer = () => ok(gallery);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(galleries).toEqual([bundled, gallery]);
  expect(problems[1]).toBeUndefined();
  // Of a server whose gallery was there, the last one stays.
  answer = refused;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(galleries).toHaveLength(2);
  expect(problems[2]).toBe('no node yet');
});

it('takes an emptied gallery of the server for what it is', async () => {
  answer = () => ok(gallery);
  begin({ bundled: async () => bundled });
  await vi.advanceTimersByTimeAsync(0);
  answer = () => ok({ ...gallery, revision: 2, brands: [] });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(galleries).toMatchObject([{ revision: 1 }, { revision: 2, brands: [] }]);
  expect(problems).toEqual([]);
});

it('asks again for a bundled gallery that could not be had', async () => {
  answer = refused;
  let tries = 0;
  begin({ bundled: () => (++tries < 2 ? Promise.reject(new Error('HTTP 500')) : Promise.resolve(bundled)) });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(galleries).toEqual([bundled]);
  expect(problems).toEqual(['no node yet', 'no node yet; the bundled one is used']);
});
