import type { Gallery } from '@framelock/server/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { GalleryWatch } from './GalleryWatch.ts';

const modelSha256 = 'a'.repeat(64);
const gallery: Gallery = { revision: 1, modelSha256, brands: [] };

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

function begin(): void {
  watch = new GalleryWatch({
    ...{ streamId: 'front door', modelSha256, token: 'key' },
    onGallery: (one) => galleries.push(one),
    onProblem: (problem) => problems.push(problem),
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
  const brand = { id: 'acme', name: 'Acme', threshold: null, embeddings: btoa('\0'.repeat(512)) };
  answer = () => ok({ revision: 2, modelSha256: 'b'.repeat(64), brands: [brand] });
  begin();
  await vi.advanceTimersByTimeAsync(0);
  expect(galleries).toMatchObject([{ brands: [] }]);
  answer = () => new Response(null, { status: 304 });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(problems).toEqual(['the server has one for another model']);
});
