import type { VideoCodec } from '@framelock/server/protocol/tap';
import { Worker } from 'node:worker_threads';
import { endThread } from '../endThread.ts';
import type { FromDecodeThread } from './decodeMessages.ts';
import { DecodeStream, type DecodeStreamEvents } from './DecodeStream.ts';

const firstRestartMs = 100;
const longestRestartMs = 5000;
/** A thread that lived this long starts again at once, ms. */
const healthyAfterMs = 60_000;
/** What still waits there is decoded first: a second of Frames of each Stream, at most. */
const endWithinMs = 4_000;

export interface DecodeWorkerOptions {
  onDied?(reason: string): void;
}

/** One decode thread with the Streams it carries. A thread that dies is started again and they recover by a key frame. */
export class DecodeWorker {
  readonly #options: DecodeWorkerOptions;
  readonly #streams = new Map<number, DecodeStream>();
  /** Streams that are closed but may still be written to slots by: id -> told when the thread let go. */
  readonly #closing = new Map<number, () => void>();
  #thread: Worker | undefined;
  #nextId = 1;
  #startedAtMs = 0;
  #restartMs = firstRestartMs;
  #restartTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DecodeWorkerOptions = {}) {
    this.#options = options;
    this.#start();
  }

  get load(): number {
    return this.#streams.size;
  }

  /** Frames of all its Streams that were given to the thread and not reported yet. */
  get undecoded(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.undecoded;
    return sum;
  }

  get closed(): boolean {
    return this.#closed;
  }

  #start(): void {
    this.#startedAtMs = performance.now();
    const thread = new Worker(new URL('./decodeThread.ts', import.meta.url), { name: 'framelock-decode' });
    this.#thread = thread;
    let problem: string | undefined;
    thread.on('message', (message: FromDecodeThread) => this.#receive(message));
    thread.on('error', (error) => (problem = (error as Error).message));
    thread.on('exit', (code) => {
      if (this.#thread === thread) this.#died(problem ?? `exit code ${code}`);
    });
  }

  #receive(message: FromDecodeThread): void {
    if (message.type === 'closed') {
      this.#closing.get(message.id)?.();
      this.#closing.delete(message.id);
      return;
    }
    this.#streams.get(message.id)?.receive(message);
  }

  #died(reason: string): void {
    this.#thread = undefined;
    for (const done of this.#closing.values()) done();
    this.#closing.clear();
    if (this.#closed) return;
    this.#options.onDied?.(reason);
    for (const stream of this.#streams.values()) stream.threadDied();
    if (performance.now() - this.#startedAtMs > healthyAfterMs) this.#restartMs = firstRestartMs;
    this.#restartTimer = setTimeout(() => {
      this.#start();
      for (const stream of this.#streams.values()) stream.threadRestarted();
    }, this.#restartMs);
    this.#restartMs = Math.min(longestRestartMs, this.#restartMs * 2);
  }

  /** `onLetGo`: after `close`, when the thread does not write to any slot of this Stream any more. */
  openStream(codec: VideoCodec, events: DecodeStreamEvents, onLetGo: () => void): DecodeStream {
    const id = this.#nextId++;
    const stream = new DecodeStream({
      id,
      codec,
      events,
      // Messages to a dead thread are lost; the restart opens every Stream anew.
      post: (message, transfer) => this.#thread?.postMessage(message, transfer ?? []),
      release: () => {
        this.#streams.delete(id);
        if (this.#thread === undefined) onLetGo();
        else this.#closing.set(id, onLetGo);
      },
    });
    this.#streams.set(id, stream);
    return stream;
  }

  async close(_reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    for (const stream of [...this.#streams.values()]) stream.close();
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread) await endThread(thread, endWithinMs);
    for (const done of this.#closing.values()) done();
    this.#closing.clear();
  }

  /** For tests of recovery only: the thread dies of an error. */
  async kill(): Promise<void> {
    const thread = this.#thread;
    if (!thread) return;
    const died = new Promise((resolve) => thread.once('exit', resolve));
    thread.postMessage(undefined);
    await died;
  }
}
