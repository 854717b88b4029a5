import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unknownMarkLabel } from '@framelock/server/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BrandClipOptions, type ClipThing, marksOf, writeBrandClip } from './clip/BrandClip.ts';
import { bundledMark } from './clip/brandMarks.ts';
import { drawSprites } from './clip/drawSprites.ts';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { judgeNames } from './harness/judgeNames.ts';
import { NoInference } from './harness/NoInference.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { proofViewport } from './harness/proveStream.ts';
import { beginReading, namedComposites } from './harness/readNamedBoxes.ts';

/**
 * The brand model in the publisher's page, on one thread of WebAssembly, without any inference node: so nobody has given
 * the server a gallery, and names come from the bundled one.
 */
const fps = 15;
const frames = 8 * fps;
const [width, height] = [640, 360];
/** On one thread beside encoder and viewer few frames are analysed a second. */
const minimumFrames = 8;

async function planClip(artist: Browser, path: string): Promise<BrandClipOptions> {
  const marks = [await bundledMark('git'), await bundledMark('ubuntu')];
  const sprites = await drawSprites(artist, [
    { mark: marks[0]!, on: 'card', size: 96 },
    { mark: marks[1]!, on: 'phone', size: 76 },
  ]);
  // Whole rounds: the clip is looped without a jump.
  const turn = (n: number, rounds: number) => (2 * Math.PI * rounds * n) / frames;
  const things = marks.map(({ name }, i): ClipThing => {
    const sprite = sprites[i]!;
    const even = (value: number) => 2 * Math.round(value / 2);
    const place = (n: number): [number, number] => [
      even(170 + 300 * i + 40 * Math.sin(turn(n, 2)) - sprite.width / 2),
      even(194 + 50 * Math.cos(turn(n, 1 + i)) - sprite.height / 2),
    ];
    return { name, sprite, shown: [[0, frames]], place };
  });
  return { path, width, height, fps, frames, things };
}

let folder: string;
let clip: BrandClipOptions;
let product: NoInference;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-brands-here-'));
  const artist = await openBrowser();
  clip = await planClip(artist, join(folder, 'brands.y4m')).finally(() => artist.close());
  await writeBrandClip(clip);
  product = await NoInference.create();
  browser = await openBrowser({ cameraFile: clip.path });
});

afterAll(async () => {
  await browser?.close();
  await product?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

it('names brands on their own frames, computed in the page by the bundled model and gallery', async () => {
  const stream = await product.createStream('brands in the browser');
  const context = await browser.newContext(proofViewport);
  const publisher = await context.newPage();
  const problems: string[] = [];
  publisher.on('pageerror', (error) => problems.push(String(error)));
  const query = new URLSearchParams({
    ...{ autostart: '1', codec: 'vp8', width: String(width), height: String(height), fps: String(fps) },
    ...{ analysis: 'browser', model: 'brands', threads: '1' },
  });
  await publisher.goto(`${product.url}/publish/${stream.id}?${query}`);
  const viewer = await context.newPage();
  await viewer.goto(`${product.url}/watch/${stream.id}?mode=lock`);
  await eventually('exact boxes', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0), {
    withinMs: 90_000,
  }).catch(async (error: unknown) => {
    console.log(JSON.stringify({ problems, analysis: (await product.stream(stream.id)).analysis }));
    throw error;
  });
  await beginReading(viewer);
  const judge = async () => judgeNames(await namedComposites(viewer), (n) => marksOf(n, clip), unknownMarkLabel);
  const enough = async () => (await judge()).distinctFrames >= minimumFrames;
  await eventually('enough analysed frames were shown', enough, { withinMs: 90_000, everyMs: 500 });
  const verdict = await judge();
  const { analysis } = await product.stream(stream.id);
  console.log(JSON.stringify({ ...verdict, missed: Object.keys(verdict.missed), analysis }));

  expect(await viewer.evaluate(() => window.framelock!.stats().wrongFrame)).toBe(0);
  expect(verdict.named / verdict.marks).toBeGreaterThanOrEqual(0.9);
  expect(verdict.framesWithWrongName / verdict.frames).toBeLessThanOrEqual(0.1);
  expect(analysis).toMatchObject({
    ...{ state: 'running', computedBy: 'browser', modelId: 'brands', executionProvider: 'wasm', threads: 1 },
    reason: expect.stringMatching(/the bundled one is used$/),
  });
  expect(problems).toEqual([]);
  const badge = /Analysis .* fps · Framelock brands · WASM, 1 thread · .* · computed in the browser/;
  await publisher.locator('.badge.wrap', { hasText: badge }).first().waitFor({ timeout: 10_000 });
  await expectAssets(publisher);
});

/** Whole, and never asked for again: their addresses have a hash of what they are. */
async function expectAssets(publisher: Page): Promise<void> {
  const models = new URL('../../inference/models/brands/', import.meta.url);
  const names = await publisher.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  for (const [address, file] of [
    [/\/assets\/gallery-[\w-]+\.json$/, 'gallery.json'],
    [/\/assets\/brands-[\w-]+\.onnx$/, 'brands.onnx'],
  ] as const) {
    // Workers have a list of their own: what they fetched is looked for in the bundle.
    const url = names.find((name) => address.test(name)) ?? (await addressInBundle(publisher, address));
    const { headers, status } = await fetch(url, { method: 'HEAD' });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(headers.get('cross-origin-resource-policy') ?? 'same-origin').toBe('same-origin');
    expect(Number(headers.get('content-length'))).toBe((await stat(new URL(file, models))).size);
  }
}

async function addressInBundle(publisher: Page, address: RegExp): Promise<string> {
  const scripts = await publisher.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name }) => name)
      .filter((name) => name.endsWith('.js')),
  );
  for (const script of scripts) {
    for (const [quoted] of (await (await fetch(script)).text()).matchAll(/["'`]\/assets\/[\w.-]+["'`]/g)) {
      const path = quoted.slice(1, -1);
      if (address.test(path)) return new URL(path, script).href;
    }
  }
  throw new Error(`no address like ${address} in the bundle`);
}
