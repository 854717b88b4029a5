interface Waiting<Request, Result> {
  request: Request;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export interface BatcherOptions<Lane, Request, Result> {
  /** Requests in one run; 1 where the model's batch is fixed. */
  maxBatch: number;
  /** Requests that no other may share a run with. */
  alone?(request: Request): boolean;
  /** Results in the order of the requests. A rejection rejects each of them. */
  run(lane: Lane, batch: Request[]): Promise<Result[]>;
}

/**
 * First come, first served: whatever waits when a lane (an InferenceSession) becomes free goes together, up to the
 * largest batch; it never waits for more. Its queue is as long as there are slots, since each request holds one.
 */
export class Batcher<Lane, Request, Result> {
  readonly #options: BatcherOptions<Lane, Request, Result>;
  readonly #idle: Lane[] = [];
  readonly #lanes = new Set<Lane>();
  #waiting: Waiting<Request, Result>[] = [];

  constructor(options: BatcherOptions<Lane, Request, Result>) {
    this.#options = options;
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  submit(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#dispatch();
    });
  }

  addLane(lane: Lane): void {
    this.#lanes.add(lane);
    this.#idle.push(lane);
    this.#dispatch();
  }

  /** It gets nothing more; what runs on it is settled by its run. */
  removeLane(lane: Lane): void {
    this.#lanes.delete(lane);
    const at = this.#idle.indexOf(lane);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  rejectWaiting(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#idle.shift();
      if (lane === undefined) return;
      void this.#run(lane, this.#waiting.splice(0, this.#nextBatch()));
    }
  }

  /** How many of those that wait go together. */
  #nextBatch(): number {
    const { maxBatch, alone } = this.#options;
    if (!alone) return maxBatch;
    const at = this.#waiting.findIndex(({ request }) => alone(request));
    return at < 0 ? maxBatch : Math.min(maxBatch, Math.max(1, at));
  }

  async #run(lane: Lane, batch: Waiting<Request, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(
        lane,
        batch.map(({ request }) => request),
      );
      batch.forEach(({ resolve }, i) => resolve(results[i]!));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    if (!this.#lanes.has(lane)) return;
    this.#idle.push(lane);
    this.#dispatch();
  }
}
