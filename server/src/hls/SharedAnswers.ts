/** A whole answer, as it goes to everybody who asks for the same. */
export interface Answer {
  status: number;
  /** Flat: name, value, name, value… */
  headers: string[];
  etag: string | undefined;
  body: Buffer;
  /** Never changes: it may be kept. */
  immutable: boolean;
}

/** Too long to be kept whole: each who asks for it gets it by itself. */
export const notShareable = Symbol('notShareable');
export type Shared = Answer | typeof notShareable;

/** What one entry takes beside its body, roughly: small entries must not be free. */
const entryBytes = 1_024;

interface Flight {
  waiting: number;
  readonly abort: AbortController;
  readonly answer: Promise<Shared>;
}

export interface SharedAnswersOptions {
  cacheBytes: number;
  onEvicted(): void;
}

/** One request to the origin for all who ask for the same at the same time, and a cache of what never changes. */
export class SharedAnswers {
  readonly #options: SharedAnswersOptions;
  /** Oldest use first. */
  readonly #cache = new Map<string, Answer>();
  readonly #flights = new Map<string, Flight>();
  #bytes = 0;
  #waiting = 0;

  constructor(options: SharedAnswersOptions) {
    this.#options = options;
  }

  get cachedBytes(): number {
    return this.#bytes;
  }

  /** Who waits for an answer of the origin. */
  get waiting(): number {
    return this.#waiting;
  }

  cached(key: string): Answer | undefined {
    const answer = this.#cache.get(key);
    if (!answer) return undefined;
    this.#cache.delete(key);
    this.#cache.set(key, answer);
    return answer;
  }

  isAsked(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * Joins who asked for it already, else asks. `leave` says that the caller no longer waits: the last one to leave ends
   * the request.
   */
  join(key: string, ask: (signal: AbortSignal) => Promise<Shared>): { answer: Promise<Shared>; leave(): void } {
    const flight = this.#flights.get(key) ?? this.#begin(key, ask);
    flight.waiting++;
    this.#waiting++;
    let here = true;
    const leave = () => {
      if (!here) return;
      here = false;
      this.#waiting--;
      if (--flight.waiting > 0 || this.#flights.get(key) !== flight) return;
      this.#flights.delete(key);
      flight.abort.abort();
    };
    return { answer: flight.answer, leave };
  }

  #begin(key: string, ask: (signal: AbortSignal) => Promise<Shared>): Flight {
    const abort = new AbortController();
    const answer = ask(abort.signal).then(
      (shared) => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        if (shared !== notShareable && shared.immutable) this.#keep(key, shared);
        return shared;
      },
      (error: unknown) => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        throw error;
      },
    );
    answer.catch(() => undefined); // where everybody has left
    const flight: Flight = { waiting: 0, abort, answer };
    this.#flights.set(key, flight);
    return flight;
  }

  #keep(key: string, answer: Answer): void {
    const bytes = answer.body.length + entryBytes;
    if (bytes > this.#options.cacheBytes / 4) return;
    this.#drop(key);
    this.#cache.set(key, answer);
    this.#bytes += bytes;
    for (const oldest of this.#cache.keys()) {
      if (this.#bytes <= this.#options.cacheBytes) break;
      this.#drop(oldest);
      this.#options.onEvicted();
    }
  }

  #drop(key: string): void {
    const answer = this.#cache.get(key);
    if (!answer) return;
    this.#cache.delete(key);
    this.#bytes -= answer.body.length + entryBytes;
  }

  /** Of what was deleted. */
  forget(prefix: string): void {
    for (const key of [...this.#cache.keys()]) if (key.startsWith(prefix)) this.#drop(key);
  }
}
