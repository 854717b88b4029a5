import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import decodePng, { init } from '@jsquash/png/decode.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jpeg, png, pngChunk, pngOf, svg, turnedJpeg } from '../../../test/pictures.ts';
import type { PictureBox } from '../../protocol/index.ts';
import { ImageSandbox } from './ImageSandbox.ts';
import type { Pixels } from './pixels.ts';

const sandbox = new ImageSandbox();
afterAll(() => sandbox.close());
beforeAll(async () => {
  Object.assign(globalThis, {
    ImageData: function (this: Pixels, data: Uint8ClampedArray, width: number, height: number) {
      Object.assign(this, { data, width, height });
    },
  });
  const wasm = createRequire(import.meta.url).resolve('@jsquash/png/codec/pkg/squoosh_png_bg.wasm');
  await init(readFileSync(wasm));
});

async function keep(image: Uint8Array, box?: PictureBox) {
  const kept = await sandbox.keep(image, box);
  const pixels = await decodePng(new Uint8Array(kept.png).buffer);
  expect([pixels.width, pixels.height]).toEqual([kept.width, kept.height]);
  const at = (x: number, y: number) => [
    ...pixels.data.subarray((y * kept.width + x) * 4, (y * kept.width + x) * 4 + 4),
  ];
  return { ...kept, at };
}
const refused = (image: Uint8Array, box?: PictureBox) =>
  sandbox.keep(image, box).then(
    () => 'taken',
    (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
  );
const chunkTypes = (image: Uint8Array) => {
  const types: string[] = [];
  const bytes = Buffer.from(image);
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
    types.push(bytes.toString('latin1', at + 4, at + 8));
  return types;
};

describe('ImageSandbox', () => {
  it('keeps a small PNG as it looks, and nothing else of it', async () => {
    const pixel = (x: number, y: number) => [x * 3, y * 3, 9, 255 - x] as const;
    const data = png(60, 40, pixel);
    const noted = Buffer.concat([
      data.subarray(0, 33),
      pngChunk('tEXt', Buffer.from('Comment\0SECRET')),
      data.subarray(33),
    ]);
    const kept = await keep(Buffer.concat([noted, Buffer.from('<script>SECRET</script>')]));
    expect([kept.width, kept.height, kept.box]).toEqual([60, 40, undefined]);
    expect(kept.at(59, 20)).toEqual([177, 60, 9, 196]);
    expect(Buffer.from(kept.png).includes('SECRET')).toBe(false);
    expect(new Set(chunkTypes(kept.png))).toEqual(new Set(['IHDR', 'IDAT', 'IEND']));
  });

  it('makes a large one fit', async () => {
    const kept = await keep(png(2_000, 1_000, (x) => (x < 1_000 ? [255, 0, 0] : [0, 0, 255])));
    expect([kept.width, kept.height]).toEqual([640, 320]);
    expect(kept.at(319, 5)).toEqual([255, 0, 0, 255]);
    expect(kept.at(320, 5)).toEqual([0, 0, 255, 255]);
  });

  it('turns a JPEG as its EXIF says, and forgets the EXIF', async () => {
    const straight = await keep(jpeg);
    expect([straight.width, straight.height]).toEqual([48, 24]);
    expect(straight.at(5, 10)[2]).toBeGreaterThan(240);
    expect(straight.at(40, 10)[0]).toBeGreaterThan(240);
    // 6: turned by a quarter clockwise to be looked at, so that its left is up.
    const turned = await keep(turnedJpeg(6));
    expect([turned.width, turned.height]).toEqual([24, 48]);
    expect(turned.at(10, 5)[2]).toBeGreaterThan(240);
    expect(turned.at(10, 40)[0]).toBeGreaterThan(240);
    const mirrored = await keep(turnedJpeg(2));
    expect(mirrored.at(5, 10)[0]).toBeGreaterThan(240);
    expect(Buffer.from(turned.png).includes('SECRET')).toBe(false);
  });

  it('draws an SVG at its full size, transparent where nothing is', async () => {
    const kept = await keep(svg('<rect width="12" height="12" fill="#0a0" fill-opacity=".5"/>', 'viewBox="0 0 24 12"'));
    expect([kept.width, kept.height]).toEqual([640, 320]);
    expect(kept.at(10, 10)).toEqual([0, 169, 0, 128]);
    expect(kept.at(600, 10)).toEqual([0, 0, 0, 0]);
  });

  it('cuts away what is far from a marked box', async () => {
    const mark = (x: number, y: number) => x >= 800 && x < 900 && y >= 400 && y < 500;
    const kept = await keep(
      png(1_600, 900, (x, y) => (mark(x, y) ? [255, 0, 0] : [0, 0, 0])),
      { x: 0.5, y: 400 / 900, w: 100 / 1_600, h: 100 / 900 },
    );
    expect([kept.width, kept.height]).toEqual([200, 200]);
    expect(kept.box).toEqual({
      x: expect.closeTo(0.25, 5) as number,
      y: expect.closeTo(0.25, 5) as number,
      w: expect.closeTo(0.5, 5) as number,
      h: expect.closeTo(0.5, 5) as number,
    });
    expect([kept.at(49, 100), kept.at(50, 100)]).toEqual([
      [0, 0, 0, 255],
      [255, 0, 0, 255],
    ]);
    const corner = await keep(
      png(100, 100, () => [1, 1, 1]),
      { x: 0.8, y: 0.8, w: 0.2, h: 0.2 },
    );
    expect([corner.width, corner.height, corner.box!.x + corner.box!.w]).toEqual([30, 30, expect.closeTo(1, 5)]);
  });

  it('refuses in words what is no picture, and goes on', async () => {
    const cases: [string, Uint8Array, PictureBox?][] = [
      ['send a PNG, JPEG or SVG', Buffer.from('GIF89a...........')],
      ['damaged', pngOf(100, 100, Buffer.from('no deflate'))],
      ['damaged', png(100, 100, () => [1, 1, 1]).subarray(0, 60)],
      ['damaged', Buffer.concat([jpeg.subarray(0, 60), Buffer.alloc(300, 0xff)])],
      ['nothing to be seen', png(20, 20, () => [9, 9, 9, 0])],
      ['turned into paths', svg('<text y="20">Acme</text>')],
      ['scripts', svg('<script/>')],
      ['size', svg('', 'width="0" height="0"')],
      ['too long and thin', svg('<rect width="9999" height="1"/>', 'viewBox="0 0 9999 1"')],
      ['the box is 2 x 2 pixels', png(20, 20, () => [1, 1, 1]), { x: 0, y: 0, w: 0.1, h: 0.1 }],
    ];
    for (const [words, image, box] of cases)
      expect(await refused(image, box)).toMatch(new RegExp(`^unsupported: .*${words}`));
    expect((await keep(jpeg)).width).toBe(48);
  });

  it('outlives a bomb of pixels, of elements and of memory', async () => {
    // 30 million pixels from 120 KB: within the limits, and done.
    const flat = pngOf(6_000, 5_000, deflateSync(Buffer.alloc(5_000 * (6_000 * 4 + 1))));
    expect(await refused(flat)).toContain('nothing to be seen');
    const uses = (n: number) => `<g id="a${n + 1}">${`<use href="#a${n}"/>`.repeat(10)}</g>`;
    const billion = Array.from({ length: 9 }, (_, n) => uses(n)).join('');
    expect(await refused(svg(`<g id="a0"><path d="M0 0h1v1z"/></g>${billion}`))).toMatch(/^unsupported/);
    const blur =
      '<filter id="f" x="-1e6" y="-1e6" width="1e7" height="1e7"><feGaussianBlur stdDeviation="1e5"/></filter>';
    expect(await refused(svg(`${blur}<rect width="9" height="9" filter="url(#f)"/>`))).toMatch(/^unsupported/);
    expect((await keep(jpeg)).width).toBe(48);
  });

  it('ends what takes too long, and what waits behind it comes next', async () => {
    const hasty = new ImageSandbox({ timeoutMs: 700 });
    const slow =
      '<filter id="f"><feMorphology operator="dilate" radius="1000"/></filter><rect width="9" height="9" filter="url(#f)"/>';
    const answers = await Promise.allSettled([hasty.keep(svg(slow)), hasty.keep(jpeg)]);
    expect(answers[0]).toMatchObject({ status: 'rejected', reason: { code: 'unsupported' } });
    expect((answers[0] as PromiseRejectedResult).reason.message).toContain('more than 0.7 s');
    expect(answers[1]).toMatchObject({ status: 'fulfilled', value: { width: 48 } });
    hasty.close();
    await expect(hasty.keep(jpeg)).rejects.toThrow('stopping');
  });

  it('refuses more than it can hold', async () => {
    const busy = new ImageSandbox();
    const answers = Promise.allSettled(Array.from({ length: 40 }, () => busy.keep(jpeg)));
    await expect(busy.keep(jpeg)).rejects.toMatchObject({ code: 'rateLimited' });
    busy.close();
    const codes = (await answers).map((one) =>
      one.status === 'rejected' ? (one.reason as { code: string }).code : 'kept',
    );
    expect(new Set(codes)).toEqual(new Set(['unavailable', 'rateLimited']));
  });
});
