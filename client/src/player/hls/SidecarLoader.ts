import { decodeSidecar, type Sidecar } from './decodeSidecar.ts';

export interface SidecarLoaderOptions {
  /** The body of a 200; undefined = it is not there (yet). Rejects when the server can't be reached. */
  fetchBytes(url: string, signal: AbortSignal): Promise<ArrayBuffer | undefined>;
  onSidecar(key: string, sidecar: Sidecar): void;
  /** Default 3: browsers open six connections to an HTTP/1.1 server, and the origin holds requests for what it is about to have. */
  concurrency?: number;
  /** Waits before each further try. */
  retryDelaysMs?: readonly number[];
  /** For all tries of one; default 5 s. */
  timeoutMs?: number;
  sleep?(ms: number): Promise<void>;
}

interface Wanted {
  key: string;
  url: string;
  abort: AbortController;
}

/** Of media that is loaded ahead: half a minute of Parts. What is longest in line goes first, and counts as missing. */
const longestQueue = 96;

/**
 * Fetches the detections beside each Part and Segment that the player loads: a few at a time, the newest wanted first
 * (after a jump these are what is shown next), each tried again a few times.
 */
export class SidecarLoader {
  readonly #options: SidecarLoaderOptions;
  readonly #queue: Wanted[] = [];
  readonly #wanted = new Map<string, Wanted>();
  #running = 0;
  #closed = false;
  readonly counts = { loaded: 0, missing: 0 };

  constructor(options: SidecarLoaderOptions) {
    this.#options = options;
  }

  /** `key` names the media; what is wanted already is not asked for twice. */
  want(key: string, url: string): void {
    if (this.#closed || this.#wanted.has(key)) return;
    const wanted = { key, url, abort: new AbortController() };
    this.#wanted.set(key, wanted);
    this.#queue.push(wanted);
    if (this.#queue.length > longestQueue) {
      const oldest = this.#queue.shift()!;
      this.#wanted.delete(oldest.key);
      this.counts.missing++;
    }
    this.#next();
  }

  /** Its media left the buffer: who plays it again wants it again. */
  forget(key: string): void {
    this.#wanted.get(key)?.abort.abort();
    this.#wanted.delete(key);
    const index = this.#queue.findIndex((queued) => queued.key === key);
    if (index >= 0) this.#queue.splice(index, 1);
  }

  #next(): void {
    while (this.#running < (this.#options.concurrency ?? 3)) {
      const wanted = this.#queue.pop();
      if (!wanted) return;
      this.#running++;
      void this.#load(wanted).finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }

  async #load(wanted: Wanted): Promise<void> {
    const { retryDelaysMs = [120, 300, 800], sleep = wait, timeoutMs = 5_000 } = this.#options;
    const { abort } = wanted;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([abort.signal, timeout]);
    for (let attempt = 0; ; attempt++) {
      const bytes = await this.#options.fetchBytes(wanted.url, signal).catch(() => undefined);
      if (abort.signal.aborted) return;
      const sidecar = bytes && decodeSidecar(bytes);
      if (sidecar) {
        this.counts.loaded++;
        return this.#options.onSidecar(wanted.key, sidecar);
      }
      const delayMs = retryDelaysMs[attempt];
      // What came and is no sidecar will be none the next time.
      if (bytes || delayMs === undefined || timeout.aborted) return this.#miss(wanted);
      await sleep(delayMs);
      if (abort.signal.aborted) return;
    }
  }

  /** When its media comes again it is asked for anew. */
  #miss(wanted: Wanted): void {
    this.counts.missing++;
    this.#wanted.delete(wanted.key);
  }

  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    for (const { abort } of this.#wanted.values()) abort.abort();
    this.#wanted.clear();
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
