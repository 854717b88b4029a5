import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as constants from 'node-av/constants';
import { type BundledBrand, unknownMarkLabel } from '@framelock/server/protocol';
import { BrandNamer, type DetectedObject, GalleryIndex } from '@framelock/server/protocol/analysis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledModelsDir, readCatalogue } from '../catalogue/catalogueFile.ts';
import { ModelCatalogue } from '../catalogue/ModelCatalogue.ts';
import { PictureScaler } from '../decode/PictureScaler.ts';
import type { Picture } from '../decode/VideoDecoder.ts';
import { type DetectorLease, DetectorPool } from '../detect/DetectorPool.ts';
import { ThumbnailEncoder } from '../exposure/ThumbnailEncoder.ts';
import { BrandEnroller } from './BrandEnroller.ts';
import { readBundledGallery } from './bundledGallery.ts';
import { type Drawing, drawSvg, inkOf, markAt, rooms } from './testScenes.ts';

/** The model that ships, with the gallery that ships: what is drawn here is found, named, and learnt from one image. */
const size = { width: 1280, height: 720 };
/** Of the split `test`: no training has seen it. Path of simple-icons 16.37.0 (CC0-1.0); the mark is its owner's. */
const unseen = {
  slug: 'asahilinux',
  colour: '#a61200',
  path: 'm13.835 0-1.72 1.323v.97h2.178zm-1.95.057L9.81 1.095l2.076 4.153zm.23 3.768V6.22l-1.057-2.113L6.43 5.678 12 8.009l5.57-2.331zM6.21 5.835.533 15.957 11.885 24V8.21L6.222 5.84Zm11.58 0-.012.004-5.6 2.345 7.512 10.449 3.777-2.675zm-3.955 7.926v5.422l1.952-2.711zm2.864 3.981-4.411 6.135 5.846-4.14z',
};
const known = ['git', 'ubuntu', 'python', 'vuedotjs', 'debian', 'docker'];

let catalogue: ModelCatalogue;
let pool: DetectorPool;
let enroller: BrandEnroller;
let lease: DetectorLease;
let bundled: BundledBrand[];
let settings: { matchThreshold: number; unknownThreshold: number };
let modelSha256: string;

beforeAll(async () => {
  catalogue = await ModelCatalogue.create({ modelsDir: join(import.meta.dirname, 'no-such-folder') });
  const { brands } = catalogue.brandModel()!;
  settings = brands;
  ({ brands: bundled, modelSha256 } = await readBundledGallery(brands.gallery));
  pool = new DetectorPool({ catalogue, executionProvider: 'cpu', onFault: (_, reason) => console.error(reason) });
  lease = await pool.acquire('brands');
  enroller = new BrandEnroller({ detectorPool: pool, modelId: 'brands' });
});
afterAll(async () => {
  await enroller?.close();
  lease?.release();
  await pool?.close('the tests are over');
});

interface Named extends DetectedObject {
  name: string;
}

/** All at once, so that they share batches; each as a still picture, for a name may take three Frames. */
async function nameAll(pictures: Drawing[], own: { name: string; embeddings: string }[] = []): Promise<Named[][]> {
  const { detector } = lease;
  const runs = pictures.map(({ rgba, width, height }) => {
    const scaler = new PictureScaler(detector.inputSpec, detector.slots.buffer, detector.slots.floatsPerSlot);
    const slot = detector.slots.acquire()!;
    const pixels = Buffer.alloc(rgba.length + 64);
    pixels.set(rgba);
    const frame = { data: [pixels], linesize: [width * 4], format: constants.AV_PIX_FMT_RGBA, width, height };
    scaler.scaleInto(slot, { frame, width, height } as unknown as Picture);
    scaler.close();
    return detector.detect({ slot, frameWidth: width, frameHeight: height });
  });
  const gallery = [
    ...bundled.map(({ slug, name, embeddings }) => ({ id: slug, name, threshold: null, embeddings })),
    ...own.map((brand, i) => ({ id: `own${i}`, threshold: null, ...brand })),
  ];
  const index = new GalleryIndex({ revision: 1, modelSha256, brands: gallery }, settings.matchThreshold);
  return (await Promise.all(runs)).map(({ objects }) => {
    const namer = new BrandNamer(index, settings);
    let shown: DetectedObject[] = [];
    for (let frame = 0; frame < 3; frame++) {
      shown = objects.map((object) => ({ ...object }));
      const trackIds = objects.map((_, i) => i + 1);
      namer.name(shown, trackIds, frame * 6_000);
    }
    return shown.map((object) => ({ ...object, name: index.labels[object.label]! }));
  });
}

const named = (objects: Named[]): Named[] => objects.filter(({ name }) => name !== unknownMarkLabel);

interface PixelBox {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

function overlap({ x, y, w, h }: DetectedObject, truth: PixelBox): number {
  const [x1, y1, x2, y2] = [x * size.width, y * size.height, (x + w) * size.width, (y + h) * size.height];
  const width = Math.max(0, Math.min(x2, truth.x2) - Math.max(x1, truth.x1));
  const height = Math.max(0, Math.min(y2, truth.y2) - Math.max(y1, truth.y1));
  const own = (truth.x2 - truth.x1) * (truth.y2 - truth.y1);
  return (width * height) / ((x2 - x1) * (y2 - y1) + own - width * height);
}

/** On a sheet of paper, so that it stands out from whatever is behind. */
async function scene(path: string, colour: string, i: number, side: number): Promise<Drawing & { truth: PixelBox }> {
  const [x, y] = [180 + ((i * 311) % 780), 90 + ((i * 173) % 330)];
  const sheet = `<rect x="${x - side * 0.2}" y="${y - side * 0.2}" width="${side * 1.4}" height="${side * 1.4}" fill="#f5f3ee"/>`;
  const ink = await inkOf(path);
  const truth = { x1: x + ink.x1 * side, y1: y + ink.y1 * side, x2: x + ink.x2 * side, y2: y + ink.y2 * side };
  const content = rooms[i % rooms.length]! + sheet + markAt(path, x, y, side, colour);
  return { ...(await drawSvg(size.width, size.height, content)), truth };
}

function jpegOf(width: number, height: number): Uint8Array {
  const encoder = new ThumbnailEncoder();
  try {
    return encoder.encode({ width, height, planes: new Uint8Array(width * height * 3).fill(90) })!;
  } finally {
    encoder.close();
  }
}

describe('the brand model', () => {
  it('finds and names marks of the bundled gallery, several Streams in one batch', async () => {
    const before = lease.detector.dump().batches;
    const brands = known.map((slug) => bundled.find((one) => one.slug === slug)!);
    const scenes = await Promise.all(brands.map(({ path, colour }, i) => scene(path, colour, i, 96 + 20 * i)));
    const found = await nameAll(scenes);
    expect(lease.detector.dump().batches - before).toBeLessThan(scenes.length);
    // One may be missed, for the model is a small one; a wrong name is none of those.
    const right = brands.filter(({ name }, i) =>
      found[i]!.some((object) => object.name === name && overlap(object, scenes[i]!.truth) > 0.5),
    );
    const wrong = brands.flatMap((brand, i) => named(found[i]!).filter(({ name }) => name !== brand.name));
    expect(wrong.map(({ name }) => name)).toEqual([]);
    expect(right.length, right.map(({ name }) => name).join()).toBeGreaterThanOrEqual(brands.length - 1);
  });

  it('names a brand of which it has seen one image, and calls it unknown before', async () => {
    const split = JSON.parse(readFileSync(join(bundledModelsDir, '../training/split.json'), 'utf8')) as {
      test: string[];
    };
    expect(split.test).toContain(unseen.slug);
    expect(bundled.map(({ slug }) => slug)).not.toContain(unseen.slug);
    const reference = await drawSvg(
      320,
      320,
      `<rect width="320" height="320" fill="#fff"/>${markAt(unseen.path, 40, 40, 240, unseen.colour)}`,
    );
    const { embeddings, box } = await enroller.enrol(Buffer.from(reference.png));
    expect([box.x, box.y, box.w, box.h].every((value) => value > 0.05 && value < 0.85)).toBe(true);

    const scenes = await Promise.all(
      [0, 1, 2].map((i) => scene(unseen.path, i === 1 ? '#222222' : unseen.colour, i, 120 + 30 * i)),
    );
    for (const objects of await nameAll(scenes)) expect(named(objects)).toEqual([]);
    const found = await nameAll(scenes, [{ name: 'Asahi', embeddings }]);
    for (const [i, objects] of found.entries()) {
      expect(named(objects).map(({ name }) => name)).toEqual(['Asahi']);
      expect(overlap(named(objects)[0]!, scenes[i]!.truth)).toBeGreaterThan(0.5);
    }
  });

  it('names nothing where there is no mark', async () => {
    const pictures = await Promise.all(rooms.map((room) => drawSvg(size.width, size.height, room)));
    for (const objects of await nameAll(pictures)) expect(named(objects)).toEqual([]);
  });

  it('refuses an image that is damaged, empty or none, in words', async () => {
    const { png } = await drawSvg(64, 64, '<rect width="64" height="64" fill="#fff"/>');
    await expect(enroller.enrol(Buffer.from(png))).rejects.toMatchObject({
      code: 'badRequest',
      message: expect.stringContaining('nothing on the image') as string,
    });
    await expect(enroller.enrol(Buffer.from(png.subarray(0, 60)))).rejects.toMatchObject({ code: 'unsupported' });
    const bent = Buffer.from(png);
    bent.fill(0xff, 40);
    await expect(enroller.enrol(bent)).rejects.toMatchObject({ code: 'unsupported' });
    // Of a real JPEG's kilobyte, that claims to be 40,000 pixels wide and high.
    const huge = Buffer.from(jpegOf(320, 320));
    const header = huge.indexOf(Buffer.from([0xff, 0xc0]));
    for (const at of [5, 7]) huge.writeUInt16BE(40_000, header + at);
    const before = process.memoryUsage().rss;
    await expect(enroller.enrol(huge)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('more than 40000000 pixels') as string,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(500_000_000);
    await expect(enroller.enrol(Buffer.from('GIF89a of somebody'))).rejects.toMatchObject({
      code: 'unsupported',
      message: 'the image is neither PNG nor JPEG',
    });
  });
});

it('the catalogue says what the brand model says of itself', async () => {
  const stated = JSON.parse(readFileSync(join(bundledModelsDir, 'brands/model.json'), 'utf8')) as {
    input: { name: string };
    unknownThreshold: number;
    embedding: { matchThreshold: number };
    [key: string]: unknown;
  };
  const { name: _name, ...input } = stated.input;
  const { scoreThreshold, nmsIou, unknownThreshold } = stated;
  const { matchThreshold } = stated.embedding;
  expect((await readCatalogue()).find(({ id }) => id === 'brands')).toMatchObject({
    ...{ family: 'brands', licence: stated['licence'], input, scoreThreshold, nmsIou },
    brands: { unknownThreshold, matchThreshold },
  });
});
