import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughCodec, type Codec } from './codedClip.ts';
import { drawMarker, markerBox, type MarkerPlacement, type Picture } from './drawMarker.ts';
import { MarkerDetector } from './MarkerDetector.ts';
import { fairBackgrounds, hostileBackgrounds, measureBand } from './measureMarkers.ts';
import { markerSet } from './markerSet.ts';
import { intersectionOverUnion, modelInput } from './modelInput.ts';
import { modelSize } from './pyramid.ts';
import { syntheticScene, type SceneOptions } from './syntheticScene.ts';

let detector: MarkerDetector;
beforeAll(async () => {
  detector = await MarkerDetector.create();
});
afterAll(() => detector.close());

const degrees = Math.PI / 180;
const bands: [string, Partial<SceneOptions>][] = [
  ['14..24 px in the input', { diameter: [36, 60] }],
  ['24..80 px', { diameter: [60, 200] }],
  ['80..192 px', { diameter: [200, 480], markers: 3 }],
  ['640x360 pictures', { width: 640, height: 360, diameter: [18, 150] }],
  ['noise', { noise: 15 }],
  ['blur', { blur: 2 }],
  ['half contrast', { contrast: 0.5 }],
];

describe('synthetic pictures', { timeout: 300_000 }, () => {
  test.each(bands)('%s: found, labelled, and boxed closely', async (_, options) => {
    const got = await measureBand(detector, fairBackgrounds, 2, options);
    expect(got.recall).toBeGreaterThanOrEqual(0.99);
    expect(got.labelled).toBeGreaterThanOrEqual(0.99);
    expect(got.meanOverlap).toBeGreaterThanOrEqual(0.9);
    expect(got.overlapOf99).toBeGreaterThanOrEqual(0.8);
    expect(got.falsePositives).toBe(0);
  });

  test('tilt up to 35 degrees', async () => {
    const got = await measureBand(detector, fairBackgrounds, 2, { maxTilt: 35 * degrees });
    expect(got.recall).toBeGreaterThanOrEqual(0.98);
    expect(got.labelled).toBeGreaterThanOrEqual(0.99);
    expect(got.meanOverlap).toBeGreaterThanOrEqual(0.9);
  });

  test('a faint marker (30 % contrast) on a full-contrast background is missed now and then', async () => {
    const got = await measureBand(detector, fairBackgrounds, 2, { contrast: 0.3 });
    expect(got.recall).toBeGreaterThanOrEqual(0.93);
    expect(got.labelled).toBeGreaterThanOrEqual(0.99);
  });

  test('hostile textures cost recall, not labels', async () => {
    const got = await measureBand(detector, hostileBackgrounds, 2, { diameter: [80, 300] });
    expect(got.recall).toBeGreaterThanOrEqual(0.8);
    expect(got.labelled).toBeGreaterThanOrEqual(0.99);
  });

  test('pictures without markers have none', async () => {
    const empty = await measureBand(detector, [...fairBackgrounds, 'stripes', 'checkerboard'], 3, { markers: 0 });
    expect(empty.falsePositives).toBe(0);
  });
});

test('a batch gives the rows that its pictures give alone', async () => {
  const inputs = [1, 2, 3].map((seed) => {
    const options = { seed, width: 640, height: 360, background: 'clouds', markers: 4, diameter: [30, 100] } as const;
    return modelInput(syntheticScene({ ...options, diameter: [30, 100] }).picture);
  });
  const together = await detector.run(inputs);
  for (const [at, input] of inputs.entries()) {
    const [alone] = await detector.run([input]);
    const best = (rows: Float32Array) =>
      Array.from({ length: modelSize.rows }, (_, row) => rows.subarray(row * 6, row * 6 + 6)).filter(
        (row) => row[4]! > 0.5,
      );
    expect(best(together[at]!).length).toBeGreaterThan(0);
    best(together[at]!).forEach((row, index) =>
      row.forEach((value, column) => expect(value).toBeCloseTo(best(alone!)[index]![column]!, 2)),
    );
  }
});

/** A marker on a circle whose every step is 0.4 of its width, over a still picture. */
function fastClip(width: number, height: number, diameter: number): { pictures: Picture[]; truth: MarkerPlacement[] } {
  const still = syntheticScene({ seed: 5, width, height, background: 'clouds', markers: 0, diameter: [1, 2] }).picture;
  const orbit = height / 2 - diameter * 0.8;
  const truth = Array.from({ length: 24 }, (_, frame) => {
    const angle = (frame * 0.4 * diameter) / orbit;
    return {
      centreX: width / 2 + orbit * Math.cos(angle),
      centreY: height / 2 + orbit * Math.sin(angle),
      diameter,
      quietZoneRadius: markerSet.quietZoneRadius,
    };
  });
  const pictures = truth.map((placement) => {
    const picture = { ...still, data: still.data.slice() };
    drawMarker(picture, markerSet.markers[0]!, placement);
    return picture;
  });
  return { pictures, truth };
}

const coded = (['vp8', 'h264', 'vp9'] as Codec[]).flatMap((codec) => [
  { codec, width: 640, height: 360, bitrateKbps: 500 },
  { codec, width: 1280, height: 720, bitrateKbps: 1200 },
]);
test.each(coded)(
  'fast motion through $codec at $width x $height, $bitrateKbps kbit/s: every box on its frame',
  { timeout: 300_000 },
  async ({ codec, width, height, bitrateKbps }) => {
    const { pictures, truth } = fastClip(width, height, height / 6);
    for (const [frame, picture] of throughCodec(pictures, codec, bitrateKbps).entries()) {
      const found = await detector.detect(picture);
      expect(found, `frame ${frame}`).toHaveLength(1);
      expect(found[0]!.label).toBe(0);
      expect(intersectionOverUnion(found[0]!.box, markerBox(truth[frame]!)), `frame ${frame}`).toBeGreaterThanOrEqual(
        0.8,
      );
    }
  },
);

const videos = join(
  process.env.FRAMELOCK_ASSETS ?? new URL('../../../../shared/assets', import.meta.url).pathname,
  'videos',
);
if (!existsSync(videos)) console.log(`no videos to look for false positives in: ${videos} is not there`);
test.skipIf(!existsSync(videos))('real videos without markers have none', { timeout: 600_000 }, async () => {
  const { width, height } = modelSize;
  const filter = `select='not(mod(n,10))',scale=${width}:${height}:force_original_aspect_ratio=decrease:flags=area,pad=${width}:${height}:-1:-1:color=#727272`;
  for (const name of readdirSync(videos)) {
    const output = ['-vf', filter, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'];
    const bytes = execFileSync('ffmpeg', ['-v', 'error', '-i', join(videos, name), ...output], { maxBuffer: 2 ** 30 });
    for (let at = 0; at + width * height <= bytes.length; at += width * height) {
      const picture: Picture = { data: bytes.subarray(at, at + width * height), width, height, channels: 1 };
      expect(await detector.detect(picture), `${name}, sampled frame ${at / width / height}`).toEqual([]);
    }
  }
});
