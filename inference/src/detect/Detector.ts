import { availableParallelism } from 'node:os';
import { type ExecutionProvider, Refusal } from '@framelock/server/protocol';
import type { CatalogueEntry } from '../catalogue/catalogueEntry.ts';
import { Batcher } from './Batcher.ts';
import {
  type DetectedObject,
  floatsPerPicture,
  type InputSpec,
  objectStride,
  unpackObjects,
} from '@framelock/server/protocol/analysis';
import type { ExecutionProviderChoice } from './executionProviders.ts';
import { InferenceThread } from './InferenceThread.ts';
import { TensorSlots } from './TensorSlots.ts';

export interface DetectorOptions {
  modelPath: string;
  entry: CatalogueEntry;
  executionProvider: ExecutionProviderChoice;
  /** Input tensors that may be filled, waiting or running at once, over all Streams. */
  slotCount?: number;
  /** Threads inside one InferenceSession; default half the cores, at most 4. */
  intraOpNumThreads?: number;
  /** InferenceSessions side by side where the model's batch is fixed; default by cores. */
  parallelSessions?: number;
  /** The inference thread died or the model failed; requests in flight were rejected. It is started again by itself. */
  onFault(reason: string): void;
}

export interface DetectRequest {
  slot: number;
  /** Size of the decoded picture that lies in the slot, pixels. */
  frameWidth: number;
  frameHeight: number;
  /** Input pixels x1, y1, x2, y2: embed this box, too. Such a request runs alone. */
  query?: number[];
  /** With the slot's floats, while they are still the picture's. */
  onResult?(result: DetectResult, tensor: Float32Array): void;
}

export interface DetectResult {
  objects: DetectedObject[];
  /** Of the request's `query`, where the Model gives embeddings. */
  queryEmbedding?: Float32Array;
  /** performance.timeOrigin + performance.now(), of the model run that the slot was in. */
  startedAtMs: number;
  finishedAtMs: number;
}

export interface DetectorDump {
  modelId: string;
  executionProvider: ExecutionProvider;
  passedOver: string[];
  lanes: number;
  maxBatch: number;
  waiting: number;
  slots: { count: number; used: number };
  batches: number;
  pictures: number;
  restarts: number;
  problem: string | undefined;
  closed: boolean;
}

/** Pictures in one run at most: beyond it a CPU gains nothing and the first picture waits longer. */
const maxBatch = 8;
/** Between a fault and a new try, ms; doubled each time up to the limit, reset by a run that works. */
const restartAfterMs = 250;
const maxRestartAfterMs = 10_000;
/** Tries in a row without a single run between them; then the Detector closes. */
const maxRestarts = 8;

/**
 * One Model ready to run, shared by all Streams that use it. Its InferenceSessions live in threads of their own; when
 * one dies another is started over the same slots, so that those who fill them need not know.
 */
export class Detector {
  readonly inputSpec: InputSpec;
  readonly labels: string[];
  /** How its marks get their names, where it is a brand model. */
  readonly brands: CatalogueEntry['brands'];
  /** How its objects are followed; what is left out has its default. */
  readonly track: CatalogueEntry['track'];
  readonly slots: TensorSlots;
  readonly #options: DetectorOptions;
  readonly #intraOpNumThreads: number;
  readonly #batcher: Batcher<InferenceThread, DetectRequest, DetectResult>;
  readonly #threads = new Set<InferenceThread>();
  readonly #maxBatch: number;
  #executionProvider: ExecutionProvider;
  #passedOver: string[];
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #restartsInRow = 0;
  #restarts = 0;
  #batches = 0;
  #pictures = 0;
  #problem: string | undefined;
  #closed = false;

  private constructor(options: DetectorOptions, slots: TensorSlots, first: InferenceThread, intraOpNumThreads: number) {
    this.#options = options;
    this.inputSpec = options.entry.input;
    this.labels = options.entry.labels;
    this.brands = options.entry.brands;
    this.track = options.entry.track;
    this.slots = slots;
    this.#intraOpNumThreads = intraOpNumThreads;
    this.#executionProvider = first.executionProvider;
    this.#passedOver = first.passedOver;
    this.#maxBatch = first.facts.dynamicBatch ? maxBatch : 1;
    this.#batcher = new Batcher({
      maxBatch: this.#maxBatch,
      run: (thread, batch) => this.#run(thread, batch),
      alone: ({ query }) => query !== undefined,
    });
  }

  /** Loads the model in its own thread and runs it once. Refuses with `unsupported` when file or outputs do not fit. */
  static async create(options: DetectorOptions): Promise<Detector> {
    const slots = new TensorSlots(options.slotCount ?? 16, floatsPerPicture(options.entry.input));
    const intraOpNumThreads = options.intraOpNumThreads ?? defaultThreads();
    let detector: Detector | undefined;
    // A thread that dies before there is a Detector is noticed by the first run.
    const onFault = (reason: string): void => void (detector && detector.#onThreadFault(first, reason));
    const first: InferenceThread = await openThread(options, slots, intraOpNumThreads, onFault);
    detector = new Detector(options, slots, first, intraOpNumThreads);
    detector.#adopt(first);
    const lanes = first.facts.dynamicBatch ? 1 : (options.parallelSessions ?? defaultLanes(first, intraOpNumThreads));
    for (let lane = 1; lane < lanes; lane++) await detector.#addThread();
    return detector;
  }

  get executionProvider(): ExecutionProvider {
    return this.#executionProvider;
  }

  /** Why it can't detect at this moment, when it can't. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Runs the model on a filled slot; batched with other Streams' slots where the model's batch is dynamic. Takes the
   * slot over: it is released when the promise settles, either way, so the caller must not release it.
   */
  async detect(request: DetectRequest): Promise<DetectResult> {
    try {
      if (this.#closed) throw new Refusal('unavailable', 'the Detector is closed');
      if (this.#batcher.laneCount === 0) throw new Refusal('unavailable', this.#problem ?? 'no inference thread');
      const result = await this.#batcher.submit(request);
      request.onResult?.(result, this.slots.view(request.slot));
      return result;
    } finally {
      this.slots.release(request.slot);
    }
  }

  async #run(thread: InferenceThread, batch: DetectRequest[]): Promise<DetectResult[]> {
    const result = await thread.run(
      batch.map(({ slot }) => slot),
      batch.flatMap(({ frameWidth, frameHeight }) => [frameWidth, frameHeight]),
      batch[0]?.query,
    );
    this.#restartsInRow = 0;
    this.#batches++;
    this.#pictures += batch.length;
    const { startedAtMs, finishedAtMs, embeddings, queryEmbedding } = result;
    const dimensions = embeddings ? embeddings.length / (result.packed.length / objectStride) : 0;
    let at = 0;
    let vectorAt = 0;
    return result.counts.map((count) => {
      const objects = unpackObjects(result.packed, at, count);
      at += count * objectStride;
      if (embeddings) {
        for (const object of objects) {
          object.embedding = embeddings.subarray(vectorAt, vectorAt + dimensions);
          vectorAt += dimensions;
        }
      }
      return { objects, startedAtMs, finishedAtMs, ...(queryEmbedding ? { queryEmbedding } : {}) };
    });
  }

  #adopt(thread: InferenceThread): void {
    this.#threads.add(thread);
    this.#executionProvider = thread.executionProvider;
    this.#passedOver = thread.passedOver;
    this.#problem = undefined;
    this.#batcher.addLane(thread);
    if (thread.closed) this.#onThreadFault(thread, 'the inference thread ended while it started');
  }

  /** Failing to get one more thread is a fault to try again, not the end: others may still run. */
  async #addThread(): Promise<void> {
    try {
      const onFault = (reason: string): void => this.#onThreadFault(thread, reason);
      const thread: InferenceThread = await openThread(this.#options, this.slots, this.#intraOpNumThreads, onFault);
      if (this.#closed) return await thread.close('the Detector is closed');
      this.#adopt(thread);
    } catch (error) {
      this.#onThreadFault(undefined, (error as Error).message);
    }
  }

  #onThreadFault(thread: InferenceThread | undefined, reason: string): void {
    if (this.#closed) return;
    if (thread) {
      this.#threads.delete(thread);
      this.#batcher.removeLane(thread);
    }
    if (this.#batcher.laneCount === 0) {
      this.#problem = reason;
      this.#batcher.rejectWaiting(new Refusal('unavailable', reason));
    }
    if (this.#restartsInRow >= maxRestarts) {
      if (this.#batcher.laneCount === 0) void this.close(`given up after ${maxRestarts} tries: ${reason}`);
    } else if (this.#restartTimer === undefined) {
      const afterMs = Math.min(maxRestartAfterMs, restartAfterMs * 2 ** this.#restartsInRow);
      this.#restartsInRow++;
      this.#restarts++;
      this.#restartTimer = setTimeout(() => {
        this.#restartTimer = undefined;
        void this.#addThread();
      }, afterMs);
    }
    this.#options.onFault(reason);
  }

  dump(): DetectorDump {
    return {
      modelId: this.#options.entry.id,
      executionProvider: this.#executionProvider,
      passedOver: this.#passedOver,
      lanes: this.#batcher.laneCount,
      maxBatch: this.#maxBatch,
      waiting: this.#batcher.waiting,
      slots: { count: this.slots.count, used: this.slots.used },
      batches: this.#batches,
      pictures: this.#pictures,
      restarts: this.#restarts,
      problem: this.#problem,
      closed: this.#closed,
    };
  }

  /** Requests in flight are rejected with `unavailable`. Settles when the threads have ended. */
  async close(reason: string): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#problem = reason;
      clearTimeout(this.#restartTimer);
      this.#batcher.rejectWaiting(new Refusal('unavailable', reason));
    }
    await Promise.all([...this.#threads].map((thread) => thread.close(reason)));
  }
}

function openThread(
  { modelPath, entry, executionProvider }: DetectorOptions,
  { buffer, floatsPerSlot }: TensorSlots,
  intraOpNumThreads: number,
  onFault: (reason: string) => void,
): Promise<InferenceThread> {
  const slots = { buffer, floatsPerSlot };
  return InferenceThread.create({ modelPath, entry, executionProvider, intraOpNumThreads, slots, onFault });
}

/** Half the cores: decoding needs the others. */
const defaultThreads = (): number => Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));

/** A fixed batch is made up for by InferenceSessions side by side, where half the cores have room for more than one. */
function defaultLanes({ executionProvider }: InferenceThread, threads: number): number {
  if (executionProvider !== 'cpu') return 1;
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / (2 * threads))));
}
