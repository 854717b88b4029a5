import { describe, expect, it } from 'vitest';
import { embeddingDimensions, type Gallery } from '../../brands.ts';
import { videoClockRate } from '../../rtpTime.ts';
import { seededRandom } from '../../tap/testPackets.ts';
import { BrandNamer } from '../BrandNamer.ts';
import type { DetectedObject } from '../DetectedObject.ts';
import { ExposureMeter } from '../ExposureMeter.ts';
import { GalleryIndex, normalise, writeEmbeddings } from '../GalleryIndex.ts';
import { Tracker } from './Tracker.ts';

/**
 * Tracker, BrandNamer and ExposureMeter together, as a node has them, on things that move as in the e2e's clip: what they
 * say may hardly be worse than what they would say if ids were without fault.
 */
const names = ['git', 'ubuntu', 'added'];
/** Seconds on screen. */
const shown = [
  [
    [2, 12],
    [17, 24],
  ],
  [
    [5, 15],
    [21, 27],
  ],
  [[7, 19]],
] as const;

const axis = (i: number, noise: () => number): Float32Array => {
  const vector = Float32Array.from({ length: embeddingDimensions }, (_, at) => (at === i ? 1 : 0) + 0.07 * noise());
  normalise(vector, 0);
  return vector;
};
const gallery: Gallery = {
  revision: 1,
  modelSha256: '0'.repeat(64),
  brands: names.map((id, i) => ({ id, name: id, threshold: null, embeddings: writeEmbeddings(axis(i, () => 0)) })),
};

function placeAt(i: number, seconds: number): [number, number] {
  const n = 15 * seconds;
  const x = 107 + 213 * i + 30 * Math.sin(n / (17 + 3 * i) + i);
  const y = 194 + 52 * Math.cos(n / (13 + 4 * i) + 2 * i);
  return [x / 640, y / 360];
}

function run(idsFrom: 'tracker' | 'truth', fps: number, missed: number, seed: number) {
  const random = seededRandom(seed);
  const noise = (): number => 2 * (random() + random() + random() - 1.5);
  const tracker = new Tracker();
  const namer = new BrandNamer(new GalleryIndex(gallery, 0.7), { unknownThreshold: 0.65 });
  let ids = 0;
  const meter = new ExposureMeter({ newId: () => `${++ids}` });
  const count = { found: 0, named: 0, wrong: 0 };
  for (let seconds = 0; seconds < 30; seconds += (0.7 + 0.6 * random()) / fps) {
    const ticks = Math.round(seconds * videoClockRate);
    const objects: DetectedObject[] = [];
    const trueBrand = new Map<DetectedObject, string>();
    const trueIds: number[] = [];
    for (const [i, name] of names.entries()) {
      const which = shown[i]!.findIndex(([from, to]) => seconds >= from && seconds < to);
      if (which < 0 || random() < missed) continue;
      const [x, y] = placeAt(i, seconds);
      const [w, h] = [0.11 * (1 + 0.05 * noise()), 0.2 * (1 + 0.05 * noise())];
      const score = 0.4 + 0.5 * random();
      const object = { label: 0, score, x: x - w / 2, y: y - h / 2, w, h, embedding: axis(i, noise) };
      objects.push(object);
      trueBrand.set(object, name);
      trueIds.push(1 + 2 * i + which);
    }
    if (random() < 0.2) {
      const embedding = axis(60, noise);
      objects.push({ label: 0, score: 0.4, x: random() * 0.8, y: random() * 0.7, w: 0.12, h: 0.2, embedding });
      trueIds.push(1000 + ticks);
    }
    const trackIds = idsFrom === 'tracker' ? tracker.update(objects, ticks) : trueIds;
    namer.name(objects, trackIds, ticks);
    const marks = objects.flatMap((object, i) => {
      const brand = namer.index.brands[object.label - 1];
      return brand ? [{ ...object, trackId: trackIds[i]!, brandId: brand.id, name: brand.name }] : [];
    });
    meter.update(marks, ticks, 1_700_000_000_000 + seconds * 1000, 640, 360);
    count.found += trueBrand.size;
    for (const [object, name] of trueBrand) {
      const given = namer.index.brands[object.label - 1]?.name;
      if (given === name) count.named++;
      else if (given !== undefined) count.wrong++;
    }
  }
  meter.finish();
  const { appearances } = meter.takeReport(1, 0)!;
  const secondsOf = (name: string): number =>
    appearances.filter((one) => one.name === name).reduce((sum, { seconds }) => sum + seconds, 0);
  return { ...count, seconds: names.map(secondsOf), appearances: appearances.length };
}

describe('Tracker, BrandNamer and ExposureMeter', () => {
  it.each([
    { fps: 4, missed: 0 },
    { fps: 4, missed: 0.1 },
    { fps: 8, missed: 0.2 },
    { fps: 15, missed: 0.2 },
  ])('name and measure as with faultless ids, $fps frames a second, $missed of them missed', ({ fps, missed }) => {
    for (const seed of [1, 2, 3]) {
      const [ours, faultless] = [run('tracker', fps, missed, seed), run('truth', fps, missed, seed)];
      expect(ours.found).toBe(faultless.found);
      expect(faultless.named / faultless.found).toBeGreaterThan(0.9);
      expect(ours.named / faultless.named).toBeGreaterThan(0.98);
      expect(ours.wrong).toBe(0);
      for (const [i, seconds] of ours.seconds.entries()) {
        expect(Math.abs(seconds / faultless.seconds[i]! - 1)).toBeLessThan(0.02);
      }
    }
  });
});
