import { embeddingDimensions, maxViewsPerImage, Refusal } from '../protocol/index.ts';

const vectorBytes = embeddingDimensions * 4;

/**
 * What a node or a model says that an image looks like, as bytes.
 * @throws Refusal `internal` where it is not 1 to 8 vectors of length 1: such a gallery would recognise anything or nothing.
 */
export function embeddingsFrom(base64: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  const views = bytes.length / vectorBytes;
  if (!Number.isInteger(views) || views < 1 || views > maxViewsPerImage) {
    throw new Refusal('internal', `the inference node answered with ${bytes.length} bytes of embeddings`);
  }
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += vectorBytes) {
    let squares = 0;
    for (let i = 0; i < vectorBytes; i += 4) squares += view.getFloat32(at + i, true) ** 2;
    if (!(Math.abs(squares - 1) < 0.02)) {
      throw new Refusal('internal', 'the inference node answered with embeddings that are not normalised');
    }
  }
  return bytes;
}

export function joinEmbeddings(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('base64');
}
