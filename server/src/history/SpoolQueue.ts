import type { Logger } from 'pino';
import type { HistoryItem } from './HistoryItem.ts';
import { type HistorySpool, SpoolFull } from './HistorySpool.ts';
import type { Outcome } from './HistoryWriter.ts';

const sayFullEveryMs = 30_000;

/** An item on its way to the database or the spool. */
export interface Entry {
  readonly item: HistoryItem;
  readonly weight: number;
  readonly sinceMs: number;
  settled: boolean;
  /** The database has it before it at this moment. */
  writing: boolean;
  /** A write of it failed, or was not waited for: it may be in the database all the same. */
  tried: boolean;
  settle(outcome: Outcome): void;
}

export interface SpoolQueueOptions {
  logger: Logger;
  /** Of one record. */
  groupItems: number;
  groupBytes: number;
  onSpooled(): void;
}

/** Puts entries into the spool, all that came while the one before was synced together (group commit), and settles them. */
export class SpoolQueue {
  spool: HistorySpool | undefined;
  readonly #options: SpoolQueueOptions;
  readonly #waiting = new Set<Entry>();
  #running: Promise<void> | undefined;
  #active = false;
  #saidFullAtMs = -Infinity;

  constructor(options: SpoolQueueOptions) {
    this.#options = options;
  }

  get open(): boolean {
    return this.spool !== undefined;
  }

  /** Entries that are settled or here already are left out. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) if (!entry.settled) this.#waiting.add(entry);
    if (this.#active || this.#waiting.size === 0) return;
    this.#active = true;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    for (let group = this.#nextGroup(); group.length > 0; group = this.#nextGroup()) {
      try {
        if (!this.spool) throw new SpoolFull('there is no spool');
        await this.spool.append(group.map(({ item }) => item));
        for (const entry of group) entry.settle('spooled');
        this.#options.onSpooled();
      } catch (error) {
        this.#sayFull(error as Error);
        // What the database has before it at this moment may still be taken.
        for (const entry of group) if (!entry.writing) entry.settle('refused');
      }
      for (const entry of group) this.#waiting.delete(entry);
    }
    this.#active = false;
  }

  /** Stay in `#waiting` until they are settled, so that they do not come twice. */
  #nextGroup(): Entry[] {
    const group: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      if (entry.settled) {
        this.#waiting.delete(entry);
        continue;
      }
      bytes += entry.weight;
      if (group.length > 0 && (bytes > this.#options.groupBytes || group.length >= this.#options.groupItems)) break;
      group.push(entry);
    }
    return group;
  }

  #sayFull(error: Error): void {
    const now = performance.now();
    if (now - this.#saidFullAtMs < sayFullEveryMs) return;
    this.#saidFullAtMs = now;
    this.#options.logger.error({ reason: error.message }, 'the spool takes no history: batches are refused');
  }

  async close(): Promise<void> {
    await this.#running;
  }
}
