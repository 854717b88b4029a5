import { type PictureBox, Refusal } from '@framelock/server/protocol';
import { normalise, writeEmbeddings } from '@framelock/server/protocol/analysis';
import type { DetectResult, Detector } from '../detect/Detector.ts';
import type { DetectorPool } from '../detect/DetectorPool.ts';
import type { DrawnPlace } from './drawReference.ts';
import { ReferenceDrawer } from './ReferenceDrawer.ts';
import type { PixelBox } from './ReferenceImage.ts';
import type { OpenedReference } from './referenceMessages.ts';

/** Score from which the best mark found in a photograph is taken for the one that is meant. */
const meantScore = 0.3;
/** While all slots are with Streams: how often to look for a free one, and for how long, ms. */
const slotEveryMs = 20;
const slotTimeoutMs = 5_000;
/** Images that wait for the one at work; servers send one at a time each, and uploads. */
const defaultMaxWaiting = 32;

export interface EnrolledImage {
  /** Base64. */
  embeddings: string;
  box: PictureBox;
}

/**
 * Turns reference images into embeddings with the brand model that analyses run on, in between their Frames. One at a
 * time; all work on pixels is in a thread of its own.
 */
export class BrandEnroller {
  readonly #pool: DetectorPool;
  readonly #modelId: string;
  readonly #maxWaiting: number;
  readonly #drawer = new ReferenceDrawer();
  /** Of the image before, whatever becomes of it. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: { detectorPool: DetectorPool; modelId: string; maxWaiting?: number }) {
    this.#maxWaiting = options.maxWaiting ?? defaultMaxWaiting;
    this.#pool = options.detectorPool;
    this.#modelId = options.modelId;
  }

  /** Refuses what is no image with `unsupported`, and one that shows nothing with `badRequest`. */
  async enrol(bytes: Uint8Array, given?: PictureBox): Promise<EnrolledImage> {
    if (this.#waiting >= this.#maxWaiting) throw tooBusy();
    this.#waiting++;
    const enrolled = this.#last.then(() => this.#enrol(bytes, given));
    this.#last = enrolled.catch(() => undefined);
    try {
      return await enrolled;
    } finally {
      this.#waiting--;
    }
  }

  async #enrol(bytes: Uint8Array, given: PictureBox | undefined): Promise<EnrolledImage> {
    const opened = await this.#drawer.open(bytes, given);
    const lease = await this.#pool.acquire(this.#modelId);
    try {
      const { detector } = lease;
      const image = opened.isPhoto && !given ? await this.#narrowed(detector, opened) : opened;
      const embeddings: Float32Array[] = [];
      for (let view = 0; view < image.views; view++) embeddings.push(await this.#embed(detector, image, view));
      const all = new Float32Array(embeddings.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const embedding of embeddings) {
        all.set(embedding, at);
        at += embedding.length;
      }
      return { embeddings: writeEmbeddings(all), box: shareOf(image) };
    } finally {
      lease.release();
    }
  }

  /** Of a photograph the best mark that the Model finds, else all of it. */
  async #narrowed(detector: Detector, photo: OpenedReference): Promise<OpenedReference> {
    const { objects, place } = await this.#show(detector, photo, 0);
    const best = objects.find(({ score }) => score >= meantScore);
    if (!best) return photo;
    const { width, height } = detector.inputSpec;
    const toX = (x: number): number => Math.min(photo.width, Math.max(0, (x * width - place.x) / place.scale));
    const toY = (y: number): number => Math.min(photo.height, Math.max(0, (y * height - place.y) / place.scale));
    const box = { x1: toX(best.x), y1: toY(best.y), x2: toX(best.x + best.w), y2: toY(best.y + best.h) };
    return box.x2 - box.x1 >= 8 && box.y2 - box.y1 >= 8 ? this.#drawer.narrow(box) : photo;
  }

  async #embed(detector: Detector, image: OpenedReference, view: number): Promise<Float32Array> {
    const { queryEmbedding } = await this.#show(detector, image, view);
    if (!queryEmbedding) throw new Refusal('unavailable', 'this model gives no embeddings');
    normalise(queryEmbedding, 0);
    if (queryEmbedding.every((value) => value === 0))
      throw new Refusal('internal', 'the model gave an empty embedding');
    return queryEmbedding;
  }

  /** Runs the Model on a view, with the mark's box as its query. */
  async #show(
    detector: Detector,
    { box }: OpenedReference,
    view: number,
  ): Promise<DetectResult & { place: DrawnPlace }> {
    const slot = await freeSlot(detector);
    const { inputSpec, slots } = detector;
    let place: DrawnPlace;
    try {
      place = await this.#drawer.draw(view, detector, slot);
    } catch (error) {
      slots.release(slot);
      throw error;
    } finally {
      // The next Stream's picture in this slot must not keep our pixels in its padding.
      slots.forgetPadding(slot);
    }
    const { width: frameWidth, height: frameHeight } = inputSpec;
    return { ...(await detector.detect({ slot, frameWidth, frameHeight, query: queryOf(box, place) })), place };
  }

  /** What is at work is refused. */
  async close(): Promise<void> {
    await this.#drawer.close();
    await this.#last;
  }
}

function queryOf({ x1, y1, x2, y2 }: PixelBox, { x, y, scale }: DrawnPlace): number[] {
  return [x1 * scale + x, y1 * scale + y, x2 * scale + x, y2 * scale + y];
}

async function freeSlot({ slots }: Detector): Promise<number> {
  for (let waitedMs = 0; waitedMs < slotTimeoutMs; waitedMs += slotEveryMs) {
    const slot = slots.acquire();
    if (slot !== undefined) return slot;
    await new Promise((resolve) => setTimeout(resolve, slotEveryMs));
  }
  throw tooBusy();
}

function tooBusy(): Refusal {
  return new Refusal('unavailable', 'the inference node is too busy to look at an image; try again');
}

const shareOf = ({ box: { x1, y1, x2, y2 }, width, height }: OpenedReference): PictureBox => ({
  x: x1 / width,
  y: y1 / height,
  w: (x2 - x1) / width,
  h: (y2 - y1) / height,
});
