import type { HistoryRows, HistoryStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { DeadLetters } from './DeadLetters.ts';
import { type HistoryItem, weightOf } from './HistoryItem.ts';
import type { HistorySpool } from './HistorySpool.ts';
import { historyRows } from './historyRows.ts';
import { isPoison } from './isPoison.ts';
import { type Entry, SpoolQueue } from './SpoolQueue.ts';

/**
 * What became of an item. `stored`: in the database, and was not there before. `known`: it was. `spooled`: in the spool.
 * `aside`: a dead letter, for the database refuses it. `refused`: nothing of it is kept.
 */
export type Outcome = 'stored' | 'known' | 'spooled' | 'aside' | 'refused';

export interface WriterLimits {
  /** What comes within this goes to the database together. */
  gatherMs: number;
  /** Longer waits nothing for the database: it goes to the spool. */
  maxWaitMs: number;
  /** Of memory, what is on its way to the database or the spool included; more is refused. */
  maxItems: number;
  maxBytes: number;
  /** In one transaction. */
  groupItems: number;
  groupBytes: number;
  retryFirstMs: number;
  retryMaxMs: number;
}

export const defaultWriterLimits: WriterLimits = {
  ...{ gatherMs: 200, maxWaitMs: 2_000, maxItems: 2_000, maxBytes: 64 * 1024 * 1024 },
  ...{ groupItems: 64, groupBytes: 4 * 1024 * 1024, retryFirstMs: 500, retryMaxMs: 10_000 },
};

/** A model's labels are written again after this, so that retention sees that they are in use. */
const modelKnownForMs = 600_000;
const maxKnownModels = 5_000;

export interface HistoryWriterOptions {
  store: Pick<HistoryStore, 'put'>;
  deadLetters: DeadLetters;
  logger: Logger;
  metrics: Metrics;
  limits?: Partial<WriterLimits>;
}

/**
 * Takes items into the database, several in one transaction, and those that it does not take in time into the spool, which
 * is drained when it does again. One write to the database at a time; whichever of the two is first settles an item.
 */
export class HistoryWriter {
  readonly #options: HistoryWriterOptions;
  readonly #limits: WriterLimits;
  readonly #queue: SpoolQueue;
  #spool: HistorySpool | undefined;
  /** Oldest first; neither in the database nor on its way to the spool. */
  #waiting: Entry[] = [];
  /** Not settled yet, wherever they are. */
  #unsettled = { items: 0, bytes: 0 };
  #writing: { entries: readonly Entry[]; sinceMs: number } | undefined;
  /** The latest write failed, or takes too long. */
  #away = false;
  #retryMs: number;
  #wake: (() => void) | undefined;
  #poked = false;
  #spoolUnreadUntilMs = -Infinity;
  readonly #models = new Map<string, number>();
  readonly #watch: ReturnType<typeof setInterval>;
  readonly #ran: Promise<void>;
  #closed = false;

  private constructor(options: HistoryWriterOptions) {
    this.#options = options;
    this.#limits = { ...defaultWriterLimits, ...options.limits };
    this.#retryMs = this.#limits.retryFirstMs;
    this.#queue = new SpoolQueue({
      logger: options.logger,
      groupItems: this.#limits.groupItems,
      groupBytes: this.#limits.groupBytes,
      onSpooled: () => this.#poke(),
    });
    this.#watch = setInterval(() => this.#look(), Math.max(10, this.#limits.maxWaitMs / 8));
    this.#watch.unref();
    this.#ran = this.#run();
  }

  static create(options: HistoryWriterOptions): HistoryWriter {
    return new HistoryWriter(options);
  }

  /** What is in it is drained from now on. */
  useSpool(spool: HistorySpool): void {
    this.#spool = spool;
    this.#queue.spool = spool;
    this.#poke();
  }

  get waiting(): number {
    return this.#unsettled.items;
  }

  get waitingBytes(): number {
    return this.#unsettled.bytes;
  }

  /** Nothing goes to the database at the moment. */
  get away(): boolean {
    return this.#away;
  }

  /** `settle` is told once, later. False: too much waits, and nothing was taken. */
  offer(item: HistoryItem, settle: (outcome: Outcome) => void): boolean {
    const weight = weightOf(item);
    const { items, bytes } = this.#unsettled;
    if (this.#closed || items >= this.#limits.maxItems || bytes + weight > this.#limits.maxBytes) return false;
    this.#unsettled = { items: items + 1, bytes: bytes + weight };
    const entry: Entry = {
      ...{ item, weight, sinceMs: performance.now(), settled: false, writing: false, tried: false },
      settle: (outcome) => {
        if (entry.settled) return;
        entry.settled = true;
        this.#unsettled = { items: this.#unsettled.items - 1, bytes: this.#unsettled.bytes - weight };
        settle(outcome);
      },
    };
    this.#waiting.push(entry);
    if (this.#away) this.#look();
    else this.#poke();
    return true;
  }

  /** What can't wait any longer goes to the spool. */
  #look(): void {
    const now = performance.now();
    const { maxWaitMs } = this.#limits;
    if (this.#writing && now - this.#writing.sinceMs > maxWaitMs) this.#setAway(true);
    const overdue = this.#away || (this.#waiting[0] && now - this.#waiting[0].sinceMs > maxWaitMs);
    if (!overdue || !this.#queue.open) return;
    if (this.#away && this.#writing) this.#queue.add(this.#writing.entries);
    this.#queue.add(this.#waiting.splice(0));
  }

  #setAway(away: boolean): void {
    if (this.#away === away) return;
    this.#away = away;
    const figures = { waiting: this.#waiting.length, spoolBytes: this.#spool?.bytes ?? 0 };
    if (away) this.#options.logger.warn(figures, 'the database does not take history in time: it goes to the spool');
    else this.#options.logger.info(figures, 'the database takes history again');
  }

  /** New items and the spool take turns. */
  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        const wrote = (await this.#writeGroup()) || (await this.#drainOne());
        if (wrote && !this.#closed) await this.#drainOne();
        if (!wrote) await this.#rest();
      } catch (error) {
        this.#options.metrics.databaseFaults.inc();
        this.#options.logger.warn({ reason: (error as Error).message }, 'history is not in the database yet');
        this.#setAway(true);
        this.#look();
        await this.#pause(this.#retryMs, () => false);
        this.#retryMs = Math.min(this.#retryMs * 2, this.#limits.retryMaxMs);
        // With nothing in the spool to try the database with, it is what comes next: while it is away all that is refused.
        if (this.#spool?.empty !== false) this.#away = false;
      }
    }
  }

  async #writeGroup(): Promise<boolean> {
    const first = this.#waiting[0];
    if (!first) return false;
    const restMs = first.sinceMs + this.#limits.gatherMs - performance.now();
    const isFull = (): boolean => this.#waiting.length >= this.#limits.groupItems;
    if (restMs > 0 && !isFull()) await this.#pause(restMs, isFull);
    const entries = this.#takeGroup();
    if (entries.length === 0) return false;
    this.#writing = { entries, sinceMs: performance.now() };
    for (const entry of entries) entry.writing = true;
    try {
      const outcomes = await this.#put(entries.map(({ item }) => item));
      this.#succeeded();
      for (const [index, entry] of entries.entries()) {
        const outcome = outcomes[index]!;
        entry.settle(outcome === 'known' && entry.tried ? 'stored' : outcome);
      }
    } catch (error) {
      for (const entry of entries) entry.tried = true;
      // They wait on, at the head; `#look` gives them to the spool.
      this.#waiting.unshift(...entries.filter(({ settled }) => !settled));
      throw error;
    } finally {
      for (const entry of entries) entry.writing = false;
      this.#writing = undefined;
    }
    return true;
  }

  #takeGroup(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const { weight } of this.#waiting) {
      bytes += weight;
      if (count > 0 && bytes > this.#limits.groupBytes) break;
      if (++count >= this.#limits.groupItems) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #drainOne(): Promise<boolean> {
    const spool = this.#spool;
    if (!spool || spool.empty || performance.now() < this.#spoolUnreadUntilMs) return false;
    const record = await spool.oldest().catch((error: unknown) => {
      this.#spoolUnreadUntilMs = performance.now() + this.#limits.retryMaxMs;
      this.#options.logger.error({ reason: (error as Error).message }, 'the history spool can not be read');
      return undefined;
    });
    if (!record) return false;
    this.#writing = { entries: [], sinceMs: performance.now() };
    try {
      const outcomes = await this.#put(record.items);
      this.#succeeded();
      // Was acknowledged long ago: all that is left to do is to count.
      const lost = outcomes.filter((outcome) => outcome === 'refused').length;
      this.#options.metrics.historyDropped.inc({ why: 'poison' }, lost);
      for (const value of record.unread) {
        if ((await this.#putAside(value, 'it is no HistoryItem')) === 'refused') {
          this.#options.metrics.historyDropped.inc({ why: 'poison' });
        }
      }
      await spool.drained();
    } finally {
      this.#writing = undefined;
    }
    return true;
  }

  #succeeded(): void {
    this.#retryMs = this.#limits.retryFirstMs;
    this.#setAway(false);
  }

  /** One outcome an item. Rejects where the database is away; then some of them may be in it. */
  async #put(items: readonly HistoryItem[]): Promise<Outcome[]> {
    const stop = this.#options.metrics.historyWriteSeconds.startTimer();
    try {
      const rows = historyRows(items);
      rows.models = this.#unknownModels(rows);
      const added = await this.#options.store.put(rows);
      for (const { publicationId, revision } of rows.models) this.#rememberModel(`${publicationId}:${revision}`);
      const keys = new Set(added.batches.map(({ runId, sequence }) => `${runId}:${sequence}`));
      const events = new Set(added.eventIds);
      return items.map(({ batch, events: views }) => {
        const isNew = batch ? keys.has(`${batch.runId}:${batch.sequence}`) : views.some(({ id }) => events.has(id));
        return isNew ? 'stored' : 'known';
      });
    } catch (error) {
      if (!isPoison(error)) throw error;
      if (items.length === 1) return [await this.#putAside(items[0], (error as Error).message)];
      const half = items.length >> 1;
      return [...(await this.#put(items.slice(0, half))), ...(await this.#put(items.slice(half)))];
    } finally {
      stop();
    }
  }

  async #putAside(item: unknown, reason: string): Promise<Outcome> {
    try {
      const path = await this.#options.deadLetters.put(item, reason);
      this.#options.logger.error({ path, reason }, 'the database refuses a batch of history: it is put aside');
      return 'aside';
    } catch (error) {
      this.#options.logger.error(
        { reason, problem: (error as Error).message },
        'the database refuses a batch of history, and it could not be put aside',
      );
      return 'refused';
    }
  }

  #unknownModels({ models }: HistoryRows): HistoryRows['models'] {
    const now = performance.now();
    return models.filter(({ publicationId, revision }) => {
      const storedAtMs = this.#models.get(`${publicationId}:${revision}`);
      return storedAtMs === undefined || now - storedAtMs > modelKnownForMs;
    });
  }

  #rememberModel(key: string): void {
    this.#models.delete(key);
    this.#models.set(key, performance.now());
    if (this.#models.size > maxKnownModels) this.#models.delete(this.#models.keys().next().value!);
  }

  /** Something is to be done. */
  #poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  /** Until `#poke`, also one since the last pause; or, with something in a spool that can't be read now, for a while. */
  async #rest(): Promise<void> {
    if (!this.#poked) await this.#pause(this.#spool?.empty === false ? this.#limits.retryMaxMs : undefined, () => true);
    this.#poked = false;
  }

  #pause(ms: number | undefined, endsBefore: () => boolean): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        if (!this.#closed && !endsBefore()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What waits is written once more, else it goes to the spool; what neither takes is refused. */
  async close(): Promise<void> {
    if (this.#closed) return this.#ran;
    this.#closed = true;
    clearInterval(this.#watch);
    this.#wake?.();
    const { maxWaitMs } = this.#limits;
    const hung = await Promise.race([this.#ran.then(() => false), after(maxWaitMs)]);
    if (this.#writing) this.#queue.add(this.#writing.entries);
    while (!hung && !this.#away && this.#waiting.length > 0) {
      const wrote = this.#writeGroup().catch(() => false);
      if (!(await Promise.race([wrote, after(maxWaitMs).then(() => false)]))) break;
    }
    if (this.#writing) this.#queue.add(this.#writing.entries);
    this.#queue.add(this.#waiting.splice(0));
    await this.#queue.close();
  }
}

function after(ms: number): Promise<true> {
  return new Promise((resolve) => void setTimeout(resolve, ms, true).unref());
}
