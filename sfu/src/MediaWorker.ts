import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createWorker, type types } from 'mediasoup';
import { ConfigError } from './config.ts';
import { routerCodecs } from './routerCodecs.ts';
import type { WorkerUsage } from './metrics.ts';

export interface MediaWorkerOptions {
  index: number;
  /** Nothing = mediasoup's own binary. */
  workerBin: string | undefined;
  listenInfos: types.TransportListenInfo[];
  watch?: WorkerWatch;
}

/** How a Worker that hangs is told from one that is slow. */
export interface WorkerWatch {
  everyMs: number;
  answerWithinMs: number;
  /** Answers missed in a row until it is taken for dead. */
  misses: number;
}

/** 12 s without any answer: a machine under load answers late, and only a process that does not run answers never. */
const defaultWatch: WorkerWatch = { everyMs: 2_000, answerWithinMs: 4_000, misses: 3 };

interface MediaWorkerEvents {
  /** The process ended by itself, or hung and was ended; everything on it is gone. Emitted once, and not after close(). */
  died: [Error];
}

const exitTimeoutMs = 2_000;

/** One life of a mediasoup-worker process, with the WebRtcServer on its one port. */
export class MediaWorker extends EventEmitter<MediaWorkerEvents> {
  readonly index: number;
  readonly webRtcServer: types.WebRtcServer;
  readonly #worker: types.Worker;
  /** Streams on it, as WorkerPool's measure of load. */
  streams = 0;
  #closing: Promise<void> | undefined;
  #hung: Error | undefined;
  readonly #watching = new AbortController();

  private constructor(index: number, worker: types.Worker, webRtcServer: types.WebRtcServer, watch: WorkerWatch) {
    super();
    this.index = index;
    this.#worker = worker;
    this.webRtcServer = webRtcServer;
    worker.once('died', (error) => {
      this.#watching.abort();
      this.emit('died', this.#hung ?? error);
    });
    void this.#watch(watch);
  }

  /** @throws ConfigError where the port is taken. */
  static async create({ index, workerBin, listenInfos, watch }: MediaWorkerOptions): Promise<MediaWorker> {
    const worker = await createWorker({ logLevel: 'error', ...(workerBin ? { workerBin } : {}) });
    // Until the MediaWorker has it: a death here shows as the failure of createWebRtcServer.
    try {
      return new MediaWorker(index, worker, await worker.createWebRtcServer({ listenInfos }), watch ?? defaultWatch);
    } catch (error) {
      await closeProcess(worker);
      throw listenError(error as Error, listenInfos);
    }
  }

  get pid(): number {
    return this.#worker.pid;
  }

  /** Also true after death. */
  get closed(): boolean {
    return this.#worker.closed;
  }

  /** A process that is stopped or stuck never exits by itself: its peers would wait for it for ever. */
  async #watch({ everyMs, answerWithinMs, misses }: WorkerWatch): Promise<void> {
    const { signal } = this.#watching;
    let missed = 0;
    while (!signal.aborted && missed < misses) {
      missed = (await this.#answers(answerWithinMs)) ? 0 : missed + 1;
      if (missed === 0) await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
    if (signal.aborted || this.#worker.closed) return;
    this.#hung = new Error(`it did not answer for ${misses * answerWithinMs} ms and was ended`);
    endProcess(this.#worker.pid);
  }

  async #answers(withinMs: number): Promise<boolean> {
    const { signal } = this.#watching;
    let answered = false;
    const answer = this.#worker.getResourceUsage().then(
      () => (answered = true),
      () => false, // it closed, and says so itself
    );
    const timer = new AbortController();
    const stopped = AbortSignal.any([signal, timer.signal]);
    await Promise.race([answer, sleep(withinMs, undefined, { signal: stopped, ref: false }).catch(() => {})]);
    timer.abort();
    // It may be we who did not run: an answer that has come meanwhile is read in the next turns.
    for (let turn = 0; turn < 3 && !answered; turn++) await nextTurn();
    return answered;
  }

  async createRouter(mediaCodecs = routerCodecs): Promise<types.Router> {
    return this.#worker.createRouter({ mediaCodecs });
  }

  async usage(): Promise<WorkerUsage> {
    const { ru_utime, ru_stime, ru_maxrss } = await this.#worker.getResourceUsage();
    return { index: this.index, cpuSeconds: (ru_utime + ru_stime) / 1000, maxRssBytes: ru_maxrss * 1024 };
  }

  /** Resolves when the process is gone. */
  close(): Promise<void> {
    this.#watching.abort();
    return (this.#closing ??= closeProcess(this.#worker));
  }
}

/** Asks the process to go, and ends one that does not. */
async function closeProcess(worker: types.Worker): Promise<void> {
  if (worker.subprocessClosed) return;
  const gone = new Promise<void>((resolve) => worker.once('subprocessclose', () => resolve()));
  worker.close();
  const timer = setTimeout(() => endProcess(worker.pid), exitTimeoutMs);
  await gone;
  clearTimeout(timer);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone between the timer and now
  }
}

function listenError(error: Error, listenInfos: types.TransportListenInfo[]): Error {
  const [first] = listenInfos;
  const where = [...new Set(listenInfos.map(({ ip }) => ip))].join(', ');
  if (/address already in use/i.test(error.message)) {
    return new ConfigError(
      `port ${first?.port} (UDP or TCP, on ${where}) is in use: set RTC_PORT to a free port, or end the program that has it`,
    );
  }
  if (/address not available|permission denied/i.test(error.message)) {
    return new ConfigError(`cannot listen on ${where} port ${first?.port} (${error.message}): check HOST and RTC_PORT`);
  }
  return error;
}
