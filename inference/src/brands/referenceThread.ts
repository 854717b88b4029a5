import { parentPort } from 'node:worker_threads';
import assert from 'node:assert/strict';
import { type PictureBox, Refusal } from '@framelock/server/protocol';
import { endOrder } from '../endThread.ts';
import { decodeReferenceImage } from './decodeReferenceImage.ts';
import { type DrawnPlace, drawReference } from './drawReference.ts';
import { findMark, type FoundMark, markInBox } from './findMark.ts';
import type { PixelBox, ReferenceImage } from './ReferenceImage.ts';
import type { OpenedReference, ReferenceAnswer, ReferenceOrder } from './referenceMessages.ts';
import { type ReferenceView, referenceViews } from './referenceViews.ts';

/** Decodes and draws reference images: a quarter of a second each, in which the main thread has Frames to pass on. */
assert(parentPort, 'referenceThread.ts runs as a worker thread');
const port = parentPort;
let image: ReferenceImage | undefined;
let views: ReferenceView[] = [];
let mark: FoundMark | undefined;

port.on('message', (order: ReferenceOrder | typeof endOrder) => {
  if (order === endOrder) return port.close();
  const { id } = order;
  try {
    port.postMessage(answerTo(order));
  } catch (error) {
    const { code, message } =
      error instanceof Refusal ? error : new Refusal('internal', `the image: ${(error as Error).message}`);
    port.postMessage({ id, kind: 'refused', code, message } satisfies ReferenceAnswer);
  }
});

function answerTo(order: ReferenceOrder): ReferenceAnswer {
  const { id } = order;
  switch (order.kind) {
    case 'open':
      return { id, kind: 'opened', opened: open(order.bytes, order.given) };
    case 'narrow':
      return { id, kind: 'opened', opened: show({ box: order.box, background: 'full' }) };
    case 'draw':
      return { id, kind: 'drawn', place: draw(order) };
  }
}

function open(bytes: Uint8Array, given: PictureBox | undefined): OpenedReference {
  image = decodeReferenceImage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const found = given ? markInBox(image, pixelsOf(given, image)) : findMark(image);
  if (found) return show(found);
  const what = given ? 'there is nothing in the box: the image is clear there' : undefined;
  throw new Refusal('badRequest', what ?? 'there is nothing on the image: it is of one colour or clear');
}

function show(found: FoundMark): OpenedReference {
  assert(image);
  mark = found;
  views = referenceViews(image, mark);
  const { width, height } = image;
  return { width, height, box: mark.box, isPhoto: mark.background === 'full', views: views.length };
}

function draw({ view, spec, slots, floatsPerSlot, slot }: Extract<ReferenceOrder, { kind: 'draw' }>): DrawnPlace {
  assert(image && mark && views[view]);
  const tensor = new Float32Array(slots, slot * floatsPerSlot * Float32Array.BYTES_PER_ELEMENT, floatsPerSlot);
  return drawReference(image, views[view], mark.box, spec, tensor);
}

const pixelsOf = ({ x, y, w, h }: PictureBox, { width, height }: ReferenceImage): PixelBox => ({
  x1: x * width,
  y1: y * height,
  x2: Math.min(1, x + w) * width,
  y2: Math.min(1, y + h) * height,
});
