import './noTelemetry.ts';
import { Worker } from 'node:worker_threads';
import { type ExecutionProvider, Refusal, type RefusalCode } from '@framelock/server/protocol';
import type { CatalogueEntry } from '../catalogue/catalogueEntry.ts';
import { type ExecutionProviderChoice, executionProvidersToTry } from './executionProviders.ts';
import { type endOrder, endThread } from '../endThread.ts';
import type { InspectedModel } from './inspectModel.ts';

/** What the thread is born with. */
export interface InferenceThreadData {
  modelPath: string;
  /** Undefined: the model is to be recognised by its outputs. */
  entry: CatalogueEntry | undefined;
  executionProviders: ExecutionProvider[];
  intraOpNumThreads: number;
  /** Undefined: the model is only inspected. */
  slots: { buffer: SharedArrayBuffer; floatsPerSlot: number } | undefined;
}

export type ThreadOrder = BatchOrder | typeof endOrder;

export interface BatchOrder {
  id: number;
  slots: number[];
  /** Width, height of each slot's decoded picture, pixels. */
  sizes: number[];
  /** x1, y1, x2, y2 in input pixels: the box to embed beside what is detected. One slot then. */
  query?: number[] | undefined;
}

/** What inspection found, as far as it can cross threads. */
export type ModelFacts = Pick<
  InspectedModel,
  'family' | 'input' | 'labels' | 'nmsIou' | 'scoreThreshold' | 'dynamicBatch'
>;

export interface BatchResult {
  /** Objects of each slot, and their floats one after another (objectStride each). */
  counts: number[];
  packed: Float32Array;
  /** One vector an object, in their order, of a Model that gives them. */
  embeddings?: Float32Array | undefined;
  /** Of the order's `query`. */
  queryEmbedding?: Float32Array | undefined;
  startedAtMs: number;
  finishedAtMs: number;
}

export type ThreadReport =
  | { kind: 'ready'; facts: ModelFacts; executionProvider: ExecutionProvider; passedOver: string[] }
  | { kind: 'refused'; code: RefusalCode; message: string }
  | ({ kind: 'ran'; id: number } & BatchResult)
  | { kind: 'failed'; id: number; message: string };

export interface InferenceThreadOptions extends Omit<InferenceThreadData, 'executionProviders' | 'slots'> {
  executionProvider: ExecutionProviderChoice;
  slots?: InferenceThreadData['slots'];
  /** The thread is gone or its InferenceSession failed, not by `close()`. Told once; the thread is closed then. */
  onFault(reason: string): void;
}

/** A run that takes longer hangs (a driver, as a rule): the thread is given up. */
const runTimeoutMs = 30_000;
/** A thread that has not ended after this hangs, and is left alone. */
const endWithinMs = 4_000;

/** One worker thread with one InferenceSession, for one life. Runs one batch at a time. */
export class InferenceThread {
  readonly facts: ModelFacts;
  readonly executionProvider: ExecutionProvider;
  /** Why each provider that comes before it in the order was not used. */
  readonly passedOver: string[];
  readonly #worker: Worker;
  readonly #onFault: (reason: string) => void;
  #running: { id: number; resolve(result: BatchResult): void; reject(error: Error): void } | undefined;
  #runTimer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 0;
  #closed = false;

  private constructor(
    worker: Worker,
    ready: Extract<ThreadReport, { kind: 'ready' }>,
    onFault: (reason: string) => void,
  ) {
    this.#worker = worker;
    this.facts = ready.facts;
    this.executionProvider = ready.executionProvider;
    this.passedOver = ready.passedOver;
    this.#onFault = onFault;
    worker.on('message', (report: ThreadReport) => this.#receive(report));
    worker.on('error', (error) => this.#fail(`the inference thread died: ${error.message}`));
    worker.on('exit', (code) => this.#fail(`the inference thread ended with code ${code}`));
  }

  /** Refuses with `unsupported` when the model does not load or fit its entry. */
  static async create({
    executionProvider,
    onFault,
    slots,
    ...rest
  }: InferenceThreadOptions): Promise<InferenceThread> {
    const executionProviders = executionProvidersToTry(executionProvider);
    const workerData: InferenceThreadData = { ...rest, executionProviders, slots };
    const worker = new Worker(new URL('./runInference.ts', import.meta.url), { workerData, name: 'inference' });
    const report = await firstReport(worker);
    if (report.kind === 'ready') return new InferenceThread(worker, report, onFault);
    await endThread(worker, endWithinMs);
    if (report.kind === 'refused') throw new Refusal(report.code, report.message);
    throw new Error(`the inference thread began with ${report.kind}`);
  }

  run(slots: number[], sizes: number[], query?: number[]): Promise<BatchResult> {
    if (this.#closed) return Promise.reject(new Refusal('unavailable', 'the inference thread is closed'));
    const id = this.#nextId++;
    this.#runTimer = setTimeout(() => this.#fail(`the model did not answer for ${runTimeoutMs} ms`), runTimeoutMs);
    return new Promise((resolve, reject) => {
      this.#running = { id, resolve, reject };
      this.#worker.postMessage({ id, slots, sizes, query } satisfies BatchOrder);
    });
  }

  #receive(report: ThreadReport): void {
    if (report.kind === 'failed') return this.#fail(`the model failed: ${report.message}`);
    if (report.kind !== 'ran' || this.#running?.id !== report.id) return;
    clearTimeout(this.#runTimer);
    const { resolve } = this.#running;
    this.#running = undefined;
    resolve(report);
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    void this.close(reason);
    this.#onFault(reason);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Settles when the thread has ended, so that nothing reads the slots any more; or hangs, and may read them once more. */
  async close(reason: string): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#runTimer);
      this.#running?.reject(new Refusal('unavailable', reason));
      this.#running = undefined;
    }
    await endThread(this.#worker, endWithinMs);
  }
}

async function firstReport(worker: Worker): Promise<ThreadReport> {
  const { promise, resolve, reject } = Promise.withResolvers<ThreadReport>();
  const exited = (code: number): void =>
    reject(new Refusal('unavailable', `the inference thread ended with code ${code}`));
  worker.once('message', resolve).once('error', reject).once('exit', exited);
  try {
    return await promise;
  } finally {
    // An error that comes later, before anybody else listens, is followed by `exit`.
    worker.off('message', resolve).off('exit', exited);
  }
}
