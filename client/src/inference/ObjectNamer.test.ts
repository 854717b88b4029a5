import { embeddingDimensions, type Gallery } from '@framelock/server/protocol';
import { type DetectedObject, trackParametersSchema, writeEmbeddings } from '@framelock/server/protocol/analysis';
import { expect, it } from 'vitest';
import { ObjectNamer } from './ObjectNamer.ts';

const axis = (i: number): Float32Array =>
  Float32Array.from({ length: embeddingDimensions }, (_, at) => Number(at === i));
const galleryOf = (...names: string[]): Gallery => ({
  ...{ revision: 1, modelSha256: 'a'.repeat(64) },
  brands: names.map((name, i) => ({ id: name, name, threshold: null, embeddings: writeEmbeddings(axis(i)) })),
});
const mark = (i: number): DetectedObject => {
  return { label: 0, score: 0.9, x: 0.1, y: 0.1, w: 0.2, h: 0.2, embedding: axis(i) };
};
const brands = { unknownThreshold: 0.5, matchThreshold: 0.7 };

it('follows marks and names them by the gallery of the version that it says', () => {
  const namer = new ObjectNamer(brands);
  const name = (i: number, timestampUs: number) => {
    const objects = [mark(i)];
    return { trackIds: namer.name(objects, timestampUs), objects };
  };
  const { trackIds, objects } = name(1, 0);
  expect(objects).toEqual([{ label: 0, score: 0.9, x: 0.1, y: 0.1, w: 0.2, h: 0.2 }]);
  expect(namer.galleryVersion).toBe(0);
  namer.setGallery(galleryOf('acme', 'globex'), 3);
  expect(namer.galleryVersion).toBe(3);
  expect(name(1, 40_000)).toMatchObject({ trackIds, objects: [{ label: 2, score: 1 }] });
});

it('takes nothing over from another scene', () => {
  const namer = new ObjectNamer(brands);
  namer.setGallery(galleryOf('acme', 'globex'), 1);
  for (let i = 0; i < 10; i++) namer.name([mark(0)], i * 40_000);
  namer.startScene();
  const objects = [mark(1)];
  namer.name(objects, 10 * 40_000);
  expect(objects[0]!.label).toBe(2);
});

it('gives what stands where something was before a cut an id of its own', () => {
  const namer = new ObjectNamer(undefined);
  const ids = [0, 0, 0, 0.9, 0].map((change, i) => namer.name([mark(0)], i * 40_000, change)[0]!);
  expect(ids).toEqual([1, 1, 1, 2, 2]);
});

it('waits for what is out of sight as long as the model says', () => {
  const track = trackParametersSchema.parse({ keepSeconds: 4, confirmAfter: 1 });
  const [patient, usual] = [new ObjectNamer(undefined, track), new ObjectNamer(undefined)].map((namer) =>
    [0, 40_000, 80_000, 3_000_000].map((us) => namer.name([mark(0)], us)[0]!),
  );
  expect([patient, usual]).toEqual([
    [1, 1, 1, 1],
    [1, 1, 1, 2],
  ]);
});

it('leaves the labels of a model that has its own', () => {
  const namer = new ObjectNamer(undefined);
  namer.setGallery(galleryOf('acme'), 1);
  const objects: DetectedObject[] = [{ label: 5, score: 0.6, x: 0, y: 0, w: 0.1, h: 0.1 }];
  expect(namer.name(objects, 0)).toHaveLength(1);
  expect(objects[0]!.label).toBe(5);
});
