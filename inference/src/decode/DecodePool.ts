import type { VideoCodec } from '@framelock/server/protocol/tap';
import type { DecodeStream, DecodeStreamEvents } from './DecodeStream.ts';
import { DecodeWorker } from './DecodeWorker.ts';

export interface DecodePoolOptions {
  threads: number;
  onDied?(reason: string): void;
}

/**
 * The node's decode threads. The first is started at once, for FFmpeg takes a moment to load; others when there is a
 * Stream for them. A Stream stays on its thread.
 */
export class DecodePool {
  readonly #options: DecodePoolOptions;
  readonly #workers: DecodeWorker[] = [];
  #closed = false;

  constructor(options: DecodePoolOptions) {
    this.#options = options;
    this.#addWorker();
  }

  get workers(): readonly DecodeWorker[] {
    return this.#workers;
  }

  get load(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.load, 0);
  }

  /** Frames given to the threads and not decoded yet. */
  get waiting(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.undecoded, 0);
  }

  openStream(codec: VideoCodec, events: DecodeStreamEvents, onLetGo: () => void): DecodeStream {
    return this.#leastLoaded().openStream(codec, events, onLetGo);
  }

  #leastLoaded(): DecodeWorker {
    const idle = this.#workers.find((worker) => worker.load === 0);
    if (idle) return idle;
    if (this.#workers.length < this.#options.threads) return this.#addWorker();
    return this.#workers.reduce((least, worker) => (worker.load < least.load ? worker : least));
  }

  #addWorker(): DecodeWorker {
    const worker = new DecodeWorker({ onDied: this.#options.onDied });
    this.#workers.push(worker);
    return worker;
  }

  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#workers.map((worker) => worker.close(reason)));
  }
}
