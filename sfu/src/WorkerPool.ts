import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { types } from 'mediasoup';
import { Refusal } from '@framelock/server/protocol';
import { MediaWorker, type WorkerWatch } from './MediaWorker.ts';

export interface WorkerPoolOptions {
  count: number;
  workerBin: string | undefined;
  /** What Worker `index` listens on. */
  listenInfos(index: number): types.TransportListenInfo[];
  /** Starts in a row that may fail before the pool gives up; 10. */
  maxStartAttempts?: number;
  watch?: WorkerWatch;
}

interface WorkerPoolEvents {
  workerDied: [MediaWorker, Error];
  workerStarted: [MediaWorker];
  /** A dead Worker could not be started again within the limit: the node is of no use until it restarts. */
  failed: [Error];
}

interface Slot {
  readonly index: number;
  worker: MediaWorker | undefined;
  startedAtMs: number;
  /** Deaths in a row of a Worker younger than `youngMs`. */
  earlyDeaths: number;
}

const maxBackoffMs = 2_000;
const youngMs = 10_000;
const pickTimeoutMs = 5_000;

/** The node's Workers; a dead one is replaced at once on the same port, and slower where it keeps dying. */
export class WorkerPool extends EventEmitter<WorkerPoolEvents> {
  readonly #options: WorkerPoolOptions;
  readonly #slots: Slot[];
  #closed = false;
  readonly #closing = new AbortController();

  private constructor(options: WorkerPoolOptions) {
    super();
    this.#options = options;
    this.#slots = Array.from({ length: options.count }, (_, index) => {
      return { index, worker: undefined, startedAtMs: 0, earlyDeaths: 0 };
    });
  }

  /** @throws ConfigError where a port is taken; Workers already started are closed. */
  static async create(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    const started = await Promise.allSettled(pool.#slots.map((slot) => pool.#start(slot)));
    const failure = started.find((one) => one.status === 'rejected');
    if (failure) {
      await pool.close();
      throw failure.reason;
    }
    return pool;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Those alive. */
  get workers(): MediaWorker[] {
    return this.#slots.flatMap(({ worker }) => (worker && !worker.closed ? [worker] : []));
  }

  /**
   * The Worker with the fewest Streams. Waits for one that is being restarted.
   * @throws Refusal `unavailable` where none comes back in time.
   */
  async pick(): Promise<MediaWorker> {
    const deadlineMs = performance.now() + pickTimeoutMs;
    while (!this.#closed) {
      const [least] = this.workers.sort((a, b) => a.streams - b.streams || a.index - b.index);
      if (least) return least;
      if (performance.now() > deadlineMs) break;
      await sleep(20);
    }
    throw new Refusal('unavailable', 'no mediasoup Worker is running; one is being restarted');
  }

  async #start(slot: Slot): Promise<void> {
    const { workerBin, watch } = this.#options;
    const { index } = slot;
    const worker = await MediaWorker.create({ index, workerBin, watch, listenInfos: this.#options.listenInfos(index) });
    if (this.#closed || worker.closed) {
      await worker.close();
      if (!this.#closed) throw new Error(`the mediasoup Worker ${slot.index} died while it started`);
      return;
    }
    slot.worker = worker;
    slot.startedAtMs = performance.now();
    worker.once('died', (error) => void this.#replace(slot, worker, error));
    this.emit('workerStarted', worker);
  }

  async #replace(slot: Slot, dead: MediaWorker, error: Error): Promise<void> {
    if (this.#closed) return;
    slot.worker = undefined;
    slot.earlyDeaths = performance.now() - slot.startedAtMs < youngMs ? slot.earlyDeaths + 1 : 0;
    this.emit('workerDied', dead, error);
    const { maxStartAttempts = 10 } = this.#options;
    let problem: unknown;
    for (let attempt = 0; attempt < maxStartAttempts; attempt++) {
      const setbacks = attempt + Math.max(0, slot.earlyDeaths - 1);
      if (setbacks > 0) await this.#pause(Math.min(maxBackoffMs, 50 * 2 ** setbacks));
      if (this.#closed) return;
      try {
        return await this.#start(slot);
      } catch (failure) {
        problem = failure;
      }
    }
    this.emit('failed', new Error(`mediasoup Worker ${slot.index} does not start again: ${String(problem)}`));
  }

  async #pause(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  /** Resolves when all processes are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort();
    await Promise.all(this.#slots.flatMap(({ worker }) => (worker ? [worker.close()] : [])));
  }
}
