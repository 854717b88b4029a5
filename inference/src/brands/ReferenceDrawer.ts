import { Worker } from 'node:worker_threads';
import { type PictureBox, Refusal } from '@framelock/server/protocol';
import type { Detector } from '../detect/Detector.ts';
import { endThread } from '../endThread.ts';
import type { DrawnPlace } from './drawReference.ts';
import type { PixelBox } from './ReferenceImage.ts';
import type { OpenedReference, ReferenceAnswer, ReferenceOrder } from './referenceMessages.ts';

/** Decoding and drawing the largest image that is taken: a thread that takes longer is ended. */
const defaultTimeoutMs = 10_000;
/** FFmpeg has long let go of an image after this: what then still runs is ours, and can be terminated. */
const endWithinMs = 20_000;
const closeWithinMs = 4_000;
/** A thread without work gives its memory back after this long. */
const idleMs = 10_000;

/** Omit, for each member of a union by itself. */
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Job {
  id: number;
  worker: Worker;
  resolve(answer: ReferenceAnswer): void;
  reject(error: Error): void;
}

/**
 * Decodes reference images and draws them into a Detector's slots, in a thread of its own: the main thread passes
 * Frames on meanwhile. One image at a time: `open` replaces the one before. Started when it is needed; one that dies or
 * takes too long fails what was asked of it, and the next image has another.
 */
export class ReferenceDrawer {
  readonly #timeoutMs: number;
  #worker: Worker | undefined;
  #job: Job | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #closed = false;

  constructor({ timeoutMs = defaultTimeoutMs }: { timeoutMs?: number } = {}) {
    this.#timeoutMs = timeoutMs;
  }

  /** Refuses what is no image with `unsupported`, and one that shows nothing with `badRequest`. */
  async open(image: Uint8Array, given: PictureBox | undefined): Promise<OpenedReference> {
    // A copy of exactly these bytes: it goes to the other thread, and a Buffer may be a part of a larger one.
    const bytes = new Uint8Array(image);
    return openedOf(await this.#ask({ kind: 'open', bytes, given }, [bytes.buffer]));
  }

  /** The mark of the open image is here. */
  async narrow(box: PixelBox): Promise<OpenedReference> {
    return openedOf(await this.#ask({ kind: 'narrow', box }));
  }

  /** Draws a view of the open image into a slot that is the caller's, and lets go of it before this settles. */
  async draw(view: number, { inputSpec: spec, slots }: Detector, slot: number): Promise<DrawnPlace> {
    const { buffer, floatsPerSlot } = slots;
    const answer = await this.#ask({ kind: 'draw', view, spec, slots: buffer, floatsPerSlot, slot });
    if (answer.kind !== 'drawn') throw new Error(`the reference thread answered with ${answer.kind}`);
    return answer.place;
  }

  #ask(order: WithoutId<ReferenceOrder>, transfer: ArrayBuffer[] = []): Promise<ReferenceAnswer> {
    if (this.#closed) return Promise.reject(new Refusal('unavailable', 'the inference node is closing'));
    if (this.#job) return Promise.reject(new Refusal('unavailable', 'another image is being looked at'));
    clearTimeout(this.#timer);
    const worker = (this.#worker ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#job = { id, worker, resolve, reject };
      this.#timer = setTimeout(() => {
        const words = `the image takes more than ${this.#timeoutMs / 1000} s: send a smaller one`;
        void this.#end(new Refusal('unsupported', words));
      }, this.#timeoutMs);
      worker.postMessage({ ...order, id } satisfies ReferenceOrder, transfer);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./referenceThread.ts', import.meta.url), { name: 'reference' });
    worker.unref();
    let problem: string | undefined;
    worker.on('message', (answer: ReferenceAnswer) => this.#receive(answer));
    worker.on('error', (error) => (problem = (error as Error).message));
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = undefined;
      if (this.#job?.worker !== worker) return;
      this.#settle().reject(new Refusal('unavailable', `the reference thread ended: ${problem ?? `code ${code}`}`));
    });
    return worker;
  }

  #receive(answer: ReferenceAnswer): void {
    if (this.#job?.id !== answer.id) return;
    const { resolve, reject } = this.#settle();
    if (answer.kind === 'refused') reject(new Refusal(answer.code, answer.message));
    else resolve(answer);
  }

  #settle(): Job {
    clearTimeout(this.#timer);
    const job = this.#job!;
    this.#job = undefined;
    if (!this.#closed) {
      this.#timer = setTimeout(() => void this.#end(), idleMs);
      this.#timer.unref();
    }
    return job;
  }

  /** Settles when the thread writes nowhere any more; only then what was asked of it is rejected. */
  async #end(reason?: Refusal): Promise<void> {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    const job = this.#job;
    this.#worker = this.#job = undefined;
    if (worker && !(await endThread(worker, this.#closed ? closeWithinMs : endWithinMs)) && !this.#closed) {
      await worker.terminate();
    }
    job?.reject(reason ?? new Refusal('unavailable', 'the inference node is closing'));
  }

  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }
}

function openedOf(answer: ReferenceAnswer): OpenedReference {
  if (answer.kind !== 'opened') throw new Error(`the reference thread answered with ${answer.kind}`);
  return answer.opened;
}
