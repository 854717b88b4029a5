import { embeddingDimensions, type Gallery, unknownMarkLabel } from '../brands.ts';

const dimensions = embeddingDimensions;

/** What `GalleryIndex.nearest` found; one object is reused by a caller that asks for every Frame. */
export interface NearestBrand {
  /** Index in `GalleryIndex.brands`; -1 = the gallery is empty. */
  index: number;
  /** Cosine similarity of its most similar view, -1..1. */
  similarity: number;
  /** Of the brand that comes next; -1 = there is none. */
  runnerUp: number;
}

export interface IndexedBrand {
  id: string;
  name: string;
  threshold: number;
}

/** A gallery made ready for search: all views in one array. It does not change; another gallery is another index. */
export class GalleryIndex {
  readonly revision: number;
  readonly modelSha256: string;
  readonly brands: readonly IndexedBrand[];
  /** The label table of a brand model with this gallery: brand `i` is label `i + 1`. */
  readonly labels: string[];
  readonly #vectors: Float32Array;
  /** Where each brand's views begin in `#vectors`, and where the last one's end. */
  readonly #begins: Uint32Array;

  /** `matchThreshold` is for brands without one of their own. */
  constructor(gallery: Gallery, matchThreshold: number) {
    this.revision = gallery.revision;
    this.modelSha256 = gallery.modelSha256;
    this.brands = gallery.brands.map(({ id, name, threshold }) => ({
      id,
      name,
      threshold: threshold ?? matchThreshold,
    }));
    this.labels = [unknownMarkLabel, ...gallery.brands.map(({ name }) => name)];
    const views = gallery.brands.map(({ embeddings }) => readEmbeddings(embeddings));
    this.#begins = new Uint32Array(views.length + 1);
    for (const [i, view] of views.entries()) this.#begins[i + 1] = this.#begins[i]! + view.length;
    this.#vectors = new Float32Array(this.#begins[views.length]!);
    for (const [i, view] of views.entries()) this.#vectors.set(view, this.#begins[i]!);
  }

  /** The brand whose view is the most similar to an L2-normalised embedding at `offset` of `embedding`. */
  nearest(embedding: Float32Array, offset: number, found: NearestBrand): void {
    found.index = -1;
    found.similarity = -1;
    found.runnerUp = -1;
    for (let brand = 0; brand < this.brands.length; brand++) {
      const similarity = this.similarityOf(brand, embedding, offset);
      if (similarity > found.similarity) {
        found.runnerUp = found.similarity;
        found.similarity = similarity;
        found.index = brand;
      } else if (similarity > found.runnerUp) found.runnerUp = similarity;
    }
  }

  similarityOf(brand: number, embedding: Float32Array, offset: number): number {
    const vectors = this.#vectors;
    const end = this.#begins[brand + 1]!;
    let best = -1;
    for (let at = this.#begins[brand]!; at < end; at += dimensions) {
      let a = 0;
      let b = 0;
      // Two sums side by side: the additions of one wait for each other.
      for (let i = 0; i < dimensions; i += 2) {
        a += vectors[at + i]! * embedding[offset + i]!;
        b += vectors[at + i + 1]! * embedding[offset + i + 1]!;
      }
      if (a + b > best) best = a + b;
    }
    return best;
  }
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function floatsOf(view: DataView): Float32Array {
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** Base64 of float32 little endian to floats, normalised again; throws RangeError on a length that is no whole vector. */
export function readEmbeddings(base64: string): Float32Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (bytes.length % (dimensions * 4) !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole number of vectors of ${dimensions} floats`);
  }
  const floats = isLittleEndian ? new Float32Array(bytes.buffer) : floatsOf(new DataView(bytes.buffer));
  for (let at = 0; at < floats.length; at += dimensions) normalise(floats, at);
  return floats;
}

export function writeEmbeddings(floats: Float32Array): string {
  const view = new DataView(new ArrayBuffer(floats.length * 4));
  for (const [i, value] of floats.entries()) view.setFloat32(i * 4, value, true);
  let text = '';
  for (const byte of new Uint8Array(view.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

/** To length 1, in place; what is not finite or has no length becomes zeros, which are similar to nothing. */
export function normalise(vectors: Float32Array, offset: number): void {
  let sum = 0;
  for (let i = offset; i < offset + dimensions; i++) sum += vectors[i]! * vectors[i]!;
  const factor = sum > 0 && Number.isFinite(sum) ? 1 / Math.sqrt(sum) : 0;
  for (let i = offset; i < offset + dimensions; i++) vectors[i] = factor === 0 ? 0 : vectors[i]! * factor;
}
