import { describe, expect, it } from 'vitest';
import { embeddingDimensions, type Gallery } from '../brands.ts';
import { BrandNamer } from './BrandNamer.ts';
import type { DetectedObject } from './DetectedObject.ts';
import { GalleryIndex, normalise, readEmbeddings, writeEmbeddings } from './GalleryIndex.ts';
import { Tracker } from './track/Tracker.ts';

/** A unit vector along one axis, or between two of them. */
function axis(i: number, other?: number, share = 0): Float32Array {
  const vector = new Float32Array(embeddingDimensions);
  vector[i] = 1 - share;
  if (other !== undefined) vector[other] = share;
  normalise(vector, 0);
  return vector;
}

function galleryOf(revision: number, ...brands: { id: string; axes: number[]; threshold?: number }[]): Gallery {
  return {
    revision,
    modelSha256: '0'.repeat(64),
    brands: brands.map(({ id, axes, threshold = null }) => ({
      id,
      name: `the ${id}`,
      threshold: threshold as number | null,
      embeddings: writeEmbeddings(Float32Array.from(axes.flatMap((i) => [...axis(i)]))),
    })),
  };
}

const gallery = galleryOf(1, { id: 'acme', axes: [0, 1] }, { id: 'globex', axes: [2] });
const mark = (embedding: Float32Array, score = 0.9): DetectedObject => {
  return { label: 0, score, x: 0.1, y: 0.1, w: 0.2, h: 0.2, embedding };
};
const namer = (index = new GalleryIndex(gallery, 0.7)) => new BrandNamer(index, { unknownThreshold: 0.5 });

function nameOnce(of: BrandNamer, embedding: Float32Array, ticks: number, trackId = 7, score = 0.9) {
  const objects = [mark(embedding, score)];
  const trackIds = [trackId];
  of.name(objects, trackIds, ticks);
  return objects[0];
}

describe('GalleryIndex', () => {
  it('finds the brand with the most similar view', () => {
    const index = new GalleryIndex(gallery, 0.7);
    const found = { index: -1, similarity: -1, runnerUp: -1 };
    index.nearest(axis(1, 5, 0.2), 0, found);
    expect(index.brands[found.index]).toEqual({ id: 'acme', name: 'the acme', threshold: 0.7 });
    expect(found.similarity).toBeCloseTo(0.8 / Math.hypot(0.8, 0.2), 5);
    index.nearest(axis(0, 2, 0.25), 0, found);
    expect(found.index).toBe(0);
    expect(found.runnerUp).toBeCloseTo(0.25 / Math.hypot(0.75, 0.25), 5);
    index.nearest(axis(2, 0, 0.25), 0, found);
    expect(found.runnerUp).toBeCloseTo(0.25 / Math.hypot(0.75, 0.25), 5);
    expect(index.labels).toEqual(['unknown mark', 'the acme', 'the globex']);
  });

  it('is empty without brands', () => {
    const found = { index: 3, similarity: 1, runnerUp: 1 };
    new GalleryIndex({ ...gallery, brands: [] }, 0.7).nearest(axis(1), 0, found);
    expect(found).toEqual({ index: -1, similarity: -1, runnerUp: -1 });
  });

  it('refuses a length that is no whole vector, and takes what is not finite as like nothing', () => {
    expect(() => readEmbeddings(btoa('12345678'))).toThrow(/no whole number of vectors/);
    const broken = Float32Array.from({ length: embeddingDimensions }, () => Number.NaN);
    expect([...readEmbeddings(writeEmbeddings(broken))].every((value) => value === 0)).toBe(true);
  });
});

describe('BrandNamer', () => {
  it('names a mark by its nearest brand, with the similarity as its score', () => {
    expect(nameOnce(namer(), axis(2), 0)).toMatchObject({ label: 2, score: 1 });
  });

  it('calls a mark unknown that is like none, and leaves it out where the Model is not sure of it', () => {
    const one = namer();
    expect(nameOnce(one, axis(9), 0)).toMatchObject({ label: 0, score: expect.closeTo(0.9) });
    expect(nameOnce(one, axis(9), 0, 8, 0.4)).toBeUndefined();
    expect(nameOnce(one, axis(0), 0, 9, 0.4)).toMatchObject({ label: 1 });
  });

  it('keeps a name over a few bad Frames, and gives it up when the track has become another', () => {
    const one = namer();
    for (let i = 0; i < 10; i++) nameOnce(one, axis(0), i * 3000);
    expect(nameOnce(one, axis(9), 30_000)?.label).toBe(1);
    let last: DetectedObject | undefined;
    for (let i = 11; i < 40; i++) last = nameOnce(one, axis(2), i * 3000);
    expect(last?.label).toBe(2);
  });

  it('does not hand a name on to clutter that comes where the mark was, nor the time of clutter to a mark', () => {
    const one = namer();
    for (let i = 0; i < 10; i++) nameOnce(one, axis(0), i * 6000);
    // 0.8 s later: the Tracker still takes the place for the same ObjectTrack.
    for (let i = 10; i < 20; i++) one.name([], [], i * 6000);
    expect(nameOnce(one, axis(9), 20 * 6000, 7, 0.4)).toBeUndefined();
    const other = namer();
    nameOnce(other, axis(9), 0, 7, 0.4);
    for (let i = 1; i < 12; i++) other.name([], [], i * 6000);
    expect(nameOnce(other, axis(0), 12 * 6000)?.label).toBe(1);
    expect(other.leadTicksOf(7)).toBe(3000);
    // A mark that was hidden for as long is the same one.
    for (let i = 13; i < 20; i++) other.name([], [], i * 6000);
    expect(nameOnce(other, axis(0, 9, 0.4), 20 * 6000)?.label).toBe(1);
  });

  it('forgets a track that was away, also over the wrap of the clock', () => {
    const one = namer();
    nameOnce(one, axis(0), 0xffffff00);
    expect(nameOnce(one, axis(0, 9, 0.45), 0x100)?.label).toBe(1);
    expect(nameOnce(one, axis(2), 0x100 + 200_000)?.label).toBe(2);
  });

  it('takes another gallery over in the middle of a track, whatever order its brands have', () => {
    const one = namer();
    nameOnce(one, axis(2), 0);
    one.setIndex(new GalleryIndex(galleryOf(2, { id: 'globex', axes: [2] }), 0.7));
    expect(nameOnce(one, axis(2), 3000)?.label).toBe(1);
    one.setIndex(new GalleryIndex(galleryOf(3, { id: 'acme', axes: [0] }), 0.7));
    expect(nameOnce(one, axis(2), 6000)?.label).toBe(0);
    one.setIndex(new GalleryIndex(galleryOf(4, { id: 'acme', axes: [0] }, { id: 'new', axes: [2] }), 0.7));
    expect(nameOnce(one, axis(2), 9000)?.label).toBe(2);
  });

  it('names the objects of a Tracker without taking their ids away', () => {
    const one = namer();
    const tracker = new Tracker();
    const seen: [number, number | undefined][] = [];
    for (let frame = 0; frame < 8; frame++) {
      const objects = [mark(frame === 4 ? axis(0, 9, 0.6) : axis(0))];
      const trackIds = tracker.update(objects, frame * 6000);
      one.name(objects, trackIds, frame * 6000);
      seen.push([trackIds[0]!, objects[0]?.label]);
    }
    expect(seen).toEqual(Array.from({ length: 8 }, () => [1, 1]));
  });

  it("heeds a brand's own threshold", () => {
    const strict = new GalleryIndex(galleryOf(1, { id: 'acme', axes: [0], threshold: 0.99 }), 0.5);
    const near = axis(0, 9, 0.3);
    expect(nameOnce(namer(strict), near, 0)?.label).toBe(0);
    expect(nameOnce(namer(new GalleryIndex(galleryOf(1, { id: 'acme', axes: [0] }), 0.5)), near, 0)?.label).toBe(1);
  });
});
