import { type PictureBox, Refusal } from '@framelock/server/protocol';
import { normalise, writeEmbeddings } from '@framelock/server/protocol/analysis';
import type { Detector } from '../detect/Detector.ts';
import type { DetectorPool } from '../detect/DetectorPool.ts';
import { decodeReferenceImage } from './decodeReferenceImage.ts';
import { drawReference } from './drawReference.ts';
import { findMark, type FoundMark, markInBox } from './findMark.ts';
import type { PixelBox, ReferenceImage } from './ReferenceImage.ts';
import { type ReferenceView, referenceViews } from './referenceViews.ts';

/** Score from which the best mark found in a photograph is taken for the one that is meant. */
const meantScore = 0.3;
/** While all slots are with Streams: how often to look for a free one, and for how long, ms. */
const slotEveryMs = 20;
const slotTimeoutMs = 5_000;

export interface EnrolledImage {
  /** Base64. */
  embeddings: string;
  box: PictureBox;
}

/** Turns reference images into embeddings with the brand model that analyses run on, in between their Frames. */
export class BrandEnroller {
  readonly #pool: DetectorPool;
  readonly #modelId: string;

  constructor(options: { detectorPool: DetectorPool; modelId: string }) {
    this.#pool = options.detectorPool;
    this.#modelId = options.modelId;
  }

  /** Refuses what is no image with `unsupported`, and one that shows nothing with `badRequest`. */
  async enrol(bytes: Buffer, given?: PictureBox): Promise<EnrolledImage> {
    const image = decodeReferenceImage(bytes);
    const lease = await this.#pool.acquire(this.#modelId);
    try {
      const mark = given ? markedBy(given, image) : await meant(lease.detector, image);
      const embeddings: Float32Array[] = [];
      for (const view of referenceViews(image, mark))
        embeddings.push(await embed(lease.detector, image, view, mark.box));
      const all = new Float32Array(embeddings.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const embedding of embeddings) {
        all.set(embedding, at);
        at += embedding.length;
      }
      return { embeddings: writeEmbeddings(all), box: shareOf(mark.box, image) };
    } finally {
      lease.release();
    }
  }
}

function markedBy(given: PictureBox, image: ReferenceImage): FoundMark {
  const mark = markInBox(image, pixelsOf(given, image));
  if (!mark) throw new Refusal('badRequest', 'there is nothing in the box: the image is clear there');
  return mark;
}

/** What is on a plain or clear ground; in a photograph the best mark the Model finds, else all of it. */
async function meant(detector: Detector, image: ReferenceImage): Promise<FoundMark> {
  const found = findMark(image);
  if (!found) throw new Refusal('badRequest', 'there is nothing on the image: it is of one colour or clear');
  if (found.background !== 'full') return found;
  const { objects, place } = await show(detector, image, referenceViews(image, found)[0]!, found.box);
  const best = objects.find(({ score }) => score >= meantScore);
  if (!best) return found;
  const { width, height } = detector.inputSpec;
  const toX = (x: number): number => Math.min(image.width, Math.max(0, (x * width - place.x) / place.scale));
  const toY = (y: number): number => Math.min(image.height, Math.max(0, (y * height - place.y) / place.scale));
  const box = { x1: toX(best.x), y1: toY(best.y), x2: toX(best.x + best.w), y2: toY(best.y + best.h) };
  return box.x2 - box.x1 >= 8 && box.y2 - box.y1 >= 8 ? { box, background: 'full' } : found;
}

async function embed(detector: Detector, image: ReferenceImage, view: ReferenceView, box: PixelBox) {
  const { queryEmbedding } = await show(detector, image, view, box);
  if (!queryEmbedding) throw new Refusal('unavailable', 'this model gives no embeddings');
  normalise(queryEmbedding, 0);
  if (queryEmbedding.every((value) => value === 0)) throw new Refusal('internal', 'the model gave an empty embedding');
  return queryEmbedding;
}

/** Runs the Model on a view, with the mark's box as its query. */
async function show(detector: Detector, image: ReferenceImage, view: ReferenceView, box: PixelBox) {
  const slot = await freeSlot(detector);
  const { inputSpec, slots } = detector;
  const { width: frameWidth, height: frameHeight } = inputSpec;
  const place = drawReference(image, view, box, inputSpec, slots.view(slot));
  // The next Stream's picture in this slot must not keep our pixels in its padding.
  slots.forgetPadding(slot);
  const query = [
    ...[box.x1 * place.scale + place.x, box.y1 * place.scale + place.y],
    ...[box.x2 * place.scale + place.x, box.y2 * place.scale + place.y],
  ];
  return { ...(await detector.detect({ slot, frameWidth, frameHeight, query })), place };
}

async function freeSlot({ slots }: Detector): Promise<number> {
  for (let waitedMs = 0; waitedMs < slotTimeoutMs; waitedMs += slotEveryMs) {
    const slot = slots.acquire();
    if (slot !== undefined) return slot;
    await new Promise((resolve) => setTimeout(resolve, slotEveryMs));
  }
  throw new Refusal('unavailable', 'the inference node is too busy to look at an image; try again');
}

const pixelsOf = ({ x, y, w, h }: PictureBox, { width, height }: ReferenceImage): PixelBox => ({
  x1: x * width,
  y1: y * height,
  x2: Math.min(1, x + w) * width,
  y2: Math.min(1, y + h) * height,
});

const shareOf = ({ x1, y1, x2, y2 }: PixelBox, { width, height }: ReferenceImage): PictureBox => ({
  x: x1 / width,
  y: y1 / height,
  w: (x2 - x1) / width,
  h: (y2 - y1) / height,
});
