import { StorageProblem } from './StorageProblem.ts';

export interface WriteQueueOptions {
  /** Of what waits to be written. */
  maxBytes: number;
  maxTasks?: number;
  /** Once; nothing is written after it. */
  onProblem(problem: StorageProblem): void;
}

interface Task {
  bytes: number;
  run(): Promise<void>;
}

/** Writes in the order in which they were asked for, one at a time, until one fails. */
export class WriteQueue {
  readonly #options: Required<WriteQueueOptions>;
  readonly #tasks: Task[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #problem: StorageProblem | undefined;
  /** Writes let go since the problem. */
  dropped = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = { maxTasks: 10_000, ...options };
  }

  get problem(): StorageProblem | undefined {
    return this.#problem;
  }

  /** Bytes that wait or are being written. */
  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number, run: () => Promise<void>): void {
    if (this.#problem) {
      this.dropped++;
      return;
    }
    const { maxBytes, maxTasks } = this.#options;
    if (this.#bytes + bytes > maxBytes || this.#tasks.length >= maxTasks) {
      this.#fail(new StorageProblem('slow', `the disk is too slow for HLS: ${this.#bytes} bytes wait to be written`));
      this.dropped++;
      return;
    }
    this.#bytes += bytes;
    this.#tasks.push({ bytes, run });
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more, also after a problem. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      try {
        await task.run();
      } catch (error) {
        this.#fail(StorageProblem.of(error));
      }
      this.#bytes -= task.bytes;
    }
    this.#running = undefined;
  }

  #fail(problem: StorageProblem): void {
    if (this.#problem) return;
    this.#problem = problem;
    for (const { bytes } of this.#tasks) this.#bytes -= bytes;
    this.dropped += this.#tasks.length;
    this.#tasks.length = 0;
    this.#options.onProblem(problem);
  }
}
