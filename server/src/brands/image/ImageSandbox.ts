import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { maxBrandImageSide, type PictureBox, Refusal } from '../../protocol/index.ts';
import type { KeptImage, SandboxAnswer, SandboxModules, SandboxRequest } from './sandboxMessages.ts';
import { limitMemory } from './wasmMemory.ts';

/** The types of Node know only its types. */
declare const WebAssembly: { compile(bytes: Uint8Array<ArrayBuffer>): Promise<SandboxModules['resvg']> };

const MiB = 1024 ** 2;
/** 40 million pixels of four bytes, and as much again for what a decoder needs beside them. */
const decoderBytes = 512 * MiB;
const resvgBytes = 256 * MiB;
/** Of V8; WebAssembly has its own limits above. */
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
const maxWaiting = 32;
/** A thread without work gives its memory back after this long. */
const idleMs = 10_000;

export interface ImageSandboxOptions {
  /** A picture that takes longer is refused, and its thread ended. */
  timeoutMs?: number;
}

interface Job {
  request: SandboxRequest;
  resolve(kept: KeptImage): void;
  reject(error: Error): void;
}

/**
 * Decodes pictures of strangers, one at a time, in a thread that may fail: its WebAssembly can touch neither our memory
 * nor network nor disk, has a limit of memory, and is ended when it takes too long.
 */
export class ImageSandbox {
  readonly #timeoutMs: number;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #worker: Worker | undefined;
  /** The worker can be asked, or has ended. Its start is not part of the time that a picture may take. */
  #ready: Promise<void> = Promise.resolve();
  #modules: Promise<SandboxModules> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #closed = false;

  constructor({ timeoutMs = 5_000 }: ImageSandboxOptions = {}) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The picture as it may be kept: a PNG with nothing but its pixels, no side longer than `maxBrandImageSide`. With a
   * `box` (of the picture as it is looked at), what is around it is cut off and the box is of what is left.
   * @throws Refusal `unsupported` with what is wrong with it, `rateLimited` when too many wait.
   */
  keep(image: Uint8Array, box?: PictureBox): Promise<KeptImage> {
    if (this.#closed) return Promise.reject(new Refusal('unavailable', 'the server is stopping'));
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(new Refusal('rateLimited', 'too many pictures at once: try again in a moment'));
    }
    return new Promise((resolve, reject) => {
      // A copy of exactly these bytes: it goes to the other thread, and a view may be of a larger buffer.
      const request = { id: this.#nextId++, image: new Uint8Array(image), box, maxSide: maxBrandImageSide };
      this.#waiting.push({ request, resolve, reject });
      void this.#next();
    });
  }

  async #next(): Promise<void> {
    if (this.#running) return;
    const job = this.#waiting.shift();
    if (!job) return;
    this.#running = job;
    clearTimeout(this.#timer);
    try {
      const modules = await (this.#modules ??= compile());
      if (this.#closed) return;
      const worker = (this.#worker ??= this.#start(modules));
      await this.#ready;
      if (this.#running !== job || this.#worker !== worker) return;
      this.#timer = setTimeout(() => this.#timedOut(), this.#timeoutMs);
      worker.postMessage(job.request, [job.request.image.buffer as ArrayBuffer]);
    } catch (error) {
      this.#settle((failed) => failed.reject(error as Error));
    }
  }

  #start(workerData: SandboxModules): Worker {
    const worker = new Worker(new URL('./sandboxThread.ts', import.meta.url), { workerData, resourceLimits, env: {} });
    worker.unref();
    let last: Error | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready = promise;
    worker.on('message', (answer: SandboxAnswer | 'ready') => {
      if (answer === 'ready') resolve();
      else this.#receive(worker, answer);
    });
    worker.on('error', (error) => (last = error as Error));
    worker.on('exit', () => {
      resolve();
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      const words = 'the picture could not be decoded: it needs too much memory, or is damaged';
      const why = last && !('code' in last) ? last : new Refusal('unsupported', words);
      this.#settle((job) => job.reject(why));
    });
    return worker;
  }

  #receive(worker: Worker, answer: SandboxAnswer): void {
    if (this.#worker !== worker || this.#running?.request.id !== answer.id) return;
    if ('refusal' in answer && answer.spent) this.#end();
    this.#settle((job) =>
      'kept' in answer ? job.resolve(answer.kept) : job.reject(new Refusal('unsupported', answer.refusal)),
    );
  }

  #timedOut(): void {
    this.#end();
    const words = `the picture takes more than ${this.#timeoutMs / 1000} s to decode: send a simpler or smaller one`;
    this.#settle((job) => job.reject(new Refusal('unsupported', words)));
  }

  #settle(answer: (job: Job) => void): void {
    clearTimeout(this.#timer);
    const job = this.#running;
    this.#running = undefined;
    if (job) answer(job);
    if (this.#waiting.length > 0) return void this.#next();
    this.#timer = setTimeout(() => this.#end(), idleMs);
    this.#timer.unref();
  }

  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#end();
    const jobs = [...(this.#running ? [this.#running] : []), ...this.#waiting.splice(0)];
    this.#running = undefined;
    for (const { reject } of jobs) reject(new Refusal('unavailable', 'the server is stopping'));
  }
}

async function compile(): Promise<SandboxModules> {
  const { resolve } = createRequire(import.meta.url);
  const load = async (path: string, maxBytes: number) =>
    WebAssembly.compile(limitMemory(await readFile(resolve(path)), maxBytes));
  const [resvg, jpeg, png] = await Promise.all([
    load('@resvg/resvg-wasm/index_bg.wasm', resvgBytes),
    load('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm', decoderBytes),
    load('@jsquash/png/codec/pkg/squoosh_png_bg.wasm', decoderBytes),
  ]);
  return { resvg, jpeg, png };
}
