import { createHash } from 'node:crypto';
import {
  type BundledBrand,
  embeddingDimensions,
  type InferenceControlContract,
  Refusal,
  type RequestHandlers,
} from '../src/protocol/index.ts';

type BrandHandlers = Pick<RequestHandlers<InferenceControlContract>, 'brandModel' | 'embedBrandImage' | 'setGallery'>;

export const modelSha256 = (version: string) => createHash('sha256').update(version).digest('hex');

/** The same for the same model and image: `views` vectors of length 1, base64. */
export function fakeEmbeddings(version: string, image: Uint8Array, views = 2): string {
  const vectors = new Float32Array(views * embeddingDimensions);
  for (let view = 0; view < views; view++) {
    let squares = 0;
    const vector = vectors.subarray(view * embeddingDimensions, (view + 1) * embeddingDimensions);
    for (let at = 0; at < embeddingDimensions; at += 32) {
      const hash = createHash('sha256').update(`${version} ${view} ${at}`).update(image).digest();
      for (let i = 0; i < 32; i++) vector[at + i] = hash[i]! - 127.5;
    }
    for (const value of vector) squares += value * value;
    for (let i = 0; i < vector.length; i++) vector[i]! /= Math.sqrt(squares);
  }
  return Buffer.from(vectors.buffer).toString('base64');
}

export function bundledBrand(version: string, slug: string): BundledBrand {
  return {
    ...{ slug, name: `The ${slug}`, colour: '#aa0011', path: 'M0 0h24v24H0z' },
    embeddings: fakeEmbeddings(version, Buffer.from(slug)),
  };
}

export interface FakeBrandModel {
  /** Another one is another model, which embeds otherwise. */
  version: string;
  bundled?: BundledBrand[];
  /** Says whether it finds no mark in this image. */
  finds?(image: Uint8Array): boolean;
}

/** A brand model as a node has it: pages of two bundled brands, embeddings made of the image's hash. */
export function fakeBrandHandlers({ version, bundled = [], finds = () => true }: FakeBrandModel): BrandHandlers {
  const sha256 = modelSha256(version);
  const pageSize = 2;
  return {
    brandModel: ({ offset }) => ({
      model: { modelId: 'brands', sha256, matchThreshold: 0.6 },
      bundled: bundled.slice(offset, offset + pageSize),
      ...(offset + pageSize < bundled.length ? { next: offset + pageSize } : {}),
    }),
    embedBrandImage: ({ imageBase64, box }) => {
      const image = Buffer.from(imageBase64, 'base64');
      if (!finds(image)) throw new Refusal('badRequest', 'no mark was found in the picture');
      const found = box ?? { x: 0.25, y: 0.25, w: 0.5, h: 0.5 };
      return { modelSha256: sha256, embeddings: fakeEmbeddings(version, image), box: found };
    },
    setGallery: () => ({}),
  };
}
