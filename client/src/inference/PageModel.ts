import type { BrowserProvider, Gallery } from '@framelock/server/protocol';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';
import type { FromModelWorker, LoadModel, ToModelWorker } from './messages.ts';

export interface PageModelOptions {
  spec: BrowserModelSpec;
  /** The preferred one first. */
  providers: readonly BrowserProvider[];
  /** Of WebAssembly. */
  threads: number;
  /** A worker that runs modelWorker.ts. */
  openWorker(): Worker;
}

export interface PageModelListener {
  /** Where frames go; undefined = there is no model just now. */
  onPort(port: MessagePort | undefined): void;
  /** `problem`, `note` or `restarts` changed. */
  onChange(): void;
}

const loadTimeoutMs = 60_000;
const firstRetryMs = 500;
const longestRetryMs = 30_000;
/** A model that ran for so long begins its retries from the shortest again, ms. */
const steadyAfterMs = 60_000;
/** A provider that failed that often within this time is left to rest for as long, while there is another. */
const maxLosses = 2;
const lossesWithinMs = 10 * 60_000;

/**
 * The model in a worker of this page. Where its worker or its WebGPU device is lost it is loaded again, after a while
 * that grows, and by WebAssembly when WebGPU fails again.
 */
export class PageModel {
  readonly #options: PageModelOptions;
  readonly #losses: { provider: BrowserProvider; atMs: number }[] = [];
  #listener: PageModelListener | undefined;
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #provider: BrowserProvider;
  #threads: number;
  #gallery: { gallery: Gallery; version: number } | undefined;
  #problem: string | undefined;
  #note: string | undefined;
  #restarts = 0;
  #attempt = 0;
  #readyAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Resolves when the model has run once. @throws with the reason where it does not. */
  static async create(options: PageModelOptions): Promise<PageModel> {
    const model = new PageModel(options);
    await model.#load();
    return model;
  }

  private constructor(options: PageModelOptions) {
    this.#options = options;
    this.#provider = options.providers[0] ?? 'wasm';
    this.#threads = options.threads;
  }

  get provider(): BrowserProvider {
    return this.#provider;
  }

  get threads(): number {
    return this.#threads;
  }

  /** Why nothing is analysed just now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Why it does not run on the preferred provider. */
  get note(): string | undefined {
    return this.#note;
  }

  /** How often it was lost. */
  get restarts(): number {
    return this.#restarts;
  }

  listen(listener: PageModelListener): void {
    this.#listener = listener;
    listener.onPort(this.#port);
  }

  /** By which marks are named from the next frame on. Answers its version: results say by which they were named. */
  setGallery(gallery: Gallery): number {
    if (this.#gallery?.gallery === gallery) return this.#gallery.version;
    const version = (this.#gallery?.version ?? 0) + 1;
    this.#gallery = { gallery, version };
    this.#tell({ kind: 'gallery', gallery, version });
    return version;
  }

  #tell(message: ToModelWorker): void {
    if (this.#port) this.#worker?.postMessage(message);
  }

  async #load(): Promise<void> {
    const { spec, threads, openWorker } = this.#options;
    const worker = openWorker();
    this.#worker = worker;
    const { port1, port2 } = new MessageChannel();
    const order: LoadModel = { kind: 'load', spec, providers: this.#providersNow(), threads, frames: port1 };
    const answer = await answerOf(worker, order);
    if (this.#closed) return worker.terminate();
    if (answer.kind === 'failed') {
      worker.terminate();
      this.#worker = undefined;
      port2.close();
      throw new Error(answer.reason);
    }
    this.#provider = answer.provider;
    this.#threads = answer.threads;
    this.#readyAtMs = performance.now();
    this.#problem = undefined;
    this.#note = this.#noteOf(answer.problems);
    worker.onmessage = ({ data }: MessageEvent<FromModelWorker>) => {
      if (data.kind === 'failed') this.#lose(worker, data.reason);
    };
    worker.onerror = ({ message }) => this.#lose(worker, message || 'its worker failed');
    this.#port = port2;
    if (this.#gallery) this.#tell({ kind: 'gallery', ...this.#gallery });
    this.#listener?.onPort(port2);
    this.#listener?.onChange();
  }

  #providersNow(): BrowserProvider[] {
    const sinceMs = performance.now() - lossesWithinMs;
    const { providers } = this.#options;
    const rested = providers.filter((one) => {
      return this.#losses.filter(({ provider, atMs }) => provider === one && atMs > sinceMs).length < maxLosses;
    });
    return rested.length > 0 ? rested : providers.slice(-1);
  }

  #noteOf(problems: readonly string[]): string | undefined {
    if (this.#provider === this.#options.providers[0]) return undefined;
    return problems[0] ?? `${this.#options.providers[0]} failed ${maxLosses} times`;
  }

  /** A frame was not answered for too long. */
  stalled(): void {
    if (this.#worker && this.#port) this.#lose(this.#worker, 'it did not answer any more');
  }

  #lose(worker: Worker, reason: string): void {
    if (this.#closed || worker !== this.#worker) return;
    worker.terminate();
    this.#worker = undefined;
    this.#port = undefined;
    this.#restarts++;
    this.#losses.push({ provider: this.#provider, atMs: performance.now() });
    if (this.#losses.length > 8) this.#losses.shift();
    if (performance.now() - this.#readyAtMs > steadyAfterMs) this.#attempt = 0;
    this.#listener?.onPort(undefined);
    this.#retryLater(reason);
  }

  #retryLater(reason: string): void {
    this.#problem = `${reason}; it is loaded again`;
    this.#listener?.onChange();
    const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#attempt++);
    this.#retryTimer = setTimeout(() => {
      this.#load().catch((error: unknown) => {
        if (!this.#closed) this.#retryLater(error instanceof Error ? error.message : String(error));
      });
    }, waitMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#worker?.terminate();
    this.#listener = undefined;
  }
}

function answerOf(worker: Worker, order: LoadModel): Promise<FromModelWorker> {
  return new Promise((resolve) => {
    const fail = (reason: string): void => settle({ kind: 'failed', reason });
    const timer = setTimeout(() => fail('the model did not load in time'), loadTimeoutMs);
    const settle = (answer: FromModelWorker): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    worker.onmessage = ({ data }: MessageEvent<FromModelWorker>) => settle(data);
    worker.onerror = ({ message }) => fail(message || 'its worker did not start');
    worker.postMessage(order, [order.frames]);
  });
}
