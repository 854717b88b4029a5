import { join } from 'node:path';
import type { HistoryStore, PublicationStore } from '@framelock/db';
import type { Logger } from 'pino';
import { PublicationOwners } from '../exposure/PublicationOwners.ts';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { EventHandlers, EventView, HistoryBatch, InferenceControlContract } from '../protocol/index.ts';
import { DeadLetters } from './DeadLetters.ts';
import { eventViewsOf } from './eventViews.ts';
import type { HistoryItem } from './HistoryItem.ts';
import { type HistoryAges, HistoryRetention } from './HistoryRetention.ts';
import { isStorable } from './historyRows.ts';
import { HistorySpool } from './HistorySpool.ts';
import { HistoryWriter, type Outcome, type WriterLimits } from './HistoryWriter.ts';
import { KnownBatches } from './KnownBatches.ts';
import { SpoolFolder } from './SpoolFolder.ts';

/** Questions to the database about a batch (whose it is, what its Stream is called); more are not asked. */
const maxQuestions = 100;
const questionTimeoutMs = 2_000;

export interface HistoryOptions {
  store: HistoryStore;
  publications: PublicationStore;
  serverId: string;
  /** The spool and dead letters are in `spool/` there. */
  dataDir: string;
  spoolMaxBytes: number;
  ages: HistoryAges;
  /** Whether this Publication runs here; asked before the database is. */
  isLive(publicationId: string, streamId: string): boolean;
  /** Undefined: there is none such (any more). */
  streamName(streamId: string): string | undefined | Promise<string | undefined>;
  logger: Logger;
  metrics: Metrics;
  limits?: Partial<WriterLimits>;
}

type Sender = Pick<InferenceNode, 'id' | 'requestIfOpen'>;
export type BatchListener = (batch: HistoryBatch, events: EventView[]) => void;
export type EventsListener = (events: EventView[]) => void;

/**
 * Takes the HistoryBatches of inference nodes, and events of our own, into the database; where that is slow or away, into a
 * bounded spool on disk. Nodes repeat what is not answered with `historyStored`, and that is said only of what is in the
 * database or synced to the disk.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #owners: PublicationOwners;
  readonly #deadLetters: DeadLetters;
  readonly #writer: HistoryWriter;
  readonly #retention: HistoryRetention;
  readonly #opened: Promise<{ folder: SpoolFolder; spool: HistorySpool } | undefined>;
  #spool: HistorySpool | undefined;
  readonly #known = new KnownBatches();
  /** Batches that are on their way, `runId:sequence`. */
  readonly #underWay = new Set<string>();
  #questions = 0;
  readonly #batchListeners = new Set<BatchListener>();
  readonly #eventsListeners = new Set<EventsListener>();
  #closing: Promise<void> | undefined;

  private constructor(options: HistoryOptions) {
    const { store, publications, serverId, dataDir, logger, metrics, limits } = options;
    this.#options = options;
    this.#owners = new PublicationOwners(publications, serverId);
    const deadLetters = new DeadLetters({ folder: join(dataDir, 'spool', 'history-refused') });
    this.#deadLetters = deadLetters;
    this.#writer = HistoryWriter.create({ store, deadLetters, logger, metrics, ...(limits && { limits }) });
    this.#retention = HistoryRetention.create({ store, ages: options.ages, logger, metrics });
    this.#opened = this.#openSpool();
  }

  /** The spool opens behind it: what comes before goes to the database alone. */
  static create(options: HistoryOptions): History {
    return new History(options);
  }

  get figures(): { waiting: number; waitingBytes: number; spoolBytes: number; spoolBatches: number; away: boolean } {
    const { waiting, waitingBytes, away } = this.#writer;
    return { waiting, waitingBytes, spoolBytes: this.#spool?.bytes ?? 0, spoolBatches: this.#spool?.items ?? 0, away };
  }

  eventsOf(node: Sender): Pick<EventHandlers<InferenceControlContract>, 'history'> {
    return { history: (batch) => void this.#receive(node, batch) };
  }

  /** Stores events that are not of a HistoryBatch, by the same way. Ids that are known already change nothing. */
  record(events: readonly EventView[]): void {
    if (events.length === 0) return;
    const item: HistoryItem = { events: [...events] };
    const { metrics, logger } = this.#options;
    const settle = (outcome: Outcome): void => {
      if (outcome === 'stored' || outcome === 'spooled') return this.#tellEvents(item.events);
      if (outcome !== 'refused') return;
      metrics.historyDropped.inc({ why: 'full' }, events.length);
      logger.error({ events: events.map(({ id, kind }) => ({ id, kind })) }, 'events could not be stored');
    };
    if (!isStorable(item) || !this.#writer.offer(item, settle)) settle('refused');
  }

  /** Told once of each HistoryBatch, when it is durable, with its events. Answers what ends it. */
  onBatch(listener: BatchListener): () => void {
    this.#batchListeners.add(listener);
    return () => void this.#batchListeners.delete(listener);
  }

  /** Told once of all events when they are durable: of HistoryBatches and of `record`. Answers what ends it. */
  onEvents(listener: EventsListener): () => void {
    this.#eventsListeners.add(listener);
    return () => void this.#eventsListeners.delete(listener);
  }

  async #receive(node: Sender, batch: HistoryBatch): Promise<void> {
    const { historyBatches } = this.#options.metrics;
    const { runId, sequence } = batch;
    if (this.#closing) return;
    if (this.#known.has(batch)) {
      historyBatches.inc({ outcome: 'known' });
      return this.#acknowledge(node, batch);
    }
    const key = `${runId}:${sequence}`;
    if (this.#underWay.has(key)) return; // it will be answered when it is durable
    this.#underWay.add(key);
    const outcome = await this.#take(node, batch).catch((error: unknown) => {
      this.#options.logger.debug({ runId, sequence, reason: (error as Error).message }, 'a batch was not taken');
      return 'databaseAway' as const;
    });
    this.#underWay.delete(key);
    historyBatches.inc({ outcome });
  }

  async #take(node: Sender, batch: HistoryBatch): Promise<Outcome | 'unknown' | 'elsewhere'> {
    const { isLive } = this.#options;
    if (!isLive(batch.publicationId, batch.streamId)) {
      const whose = await this.#ask(() => this.#owners.whose(batch));
      if (whose !== 'ours') return whose;
    }
    const item = await this.#itemOf(batch);
    const outcome = item && isStorable(item) ? await this.#offer(item) : await this.#putAside(batch);
    if (outcome === 'refused') return outcome;
    this.#known.add(batch);
    if (item && (outcome === 'stored' || outcome === 'spooled')) this.#tellBatch(batch, item.events);
    this.#acknowledge(node, batch);
    return outcome;
  }

  #offer(item: HistoryItem): Promise<Outcome> {
    return new Promise((resolve) => {
      if (!this.#writer.offer(item, resolve)) resolve('refused');
    });
  }

  /** Undefined: its times are none. */
  async #itemOf(batch: HistoryBatch): Promise<HistoryItem | undefined> {
    if (!isStorable({ batch, events: [] })) return undefined;
    if (batch.events.length === 0) return { batch, events: [] };
    const { streamId } = batch;
    // An event without its Stream's name is worth more than none.
    const named = this.#options.streamName(streamId);
    // Where nobody waits for it any more, its failure would end the process.
    if (named instanceof Promise) named.catch(() => undefined);
    const name = typeof named === 'string' ? named : await this.#ask(async () => named).catch(() => undefined);
    return { batch, events: eventViewsOf(batch, name ?? streamId) };
  }

  async #putAside(batch: HistoryBatch): Promise<Outcome> {
    const reason = 'figures or times that no column holds';
    try {
      const path = await this.#deadLetters.put({ batch }, reason);
      this.#options.logger.error({ path, reason }, 'a batch of history can not be stored: it is put aside');
      return 'aside';
    } catch (error) {
      this.#options.logger.error({ problem: (error as Error).message, reason }, 'a batch of history can not be stored');
      return 'refused';
    }
  }

  /** A database that hangs neither gathers batches here nor questions there. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#questions >= maxQuestions) throw new Error('too many questions wait for the database');
    this.#questions++;
    const answer = question().finally(() => this.#questions--);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(reject, questionTimeoutMs, new Error('the database does not answer'));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #acknowledge(node: Sender, { runId, sequence }: HistoryBatch): void {
    void node.requestIfOpen('historyStored', { runId, sequence });
  }

  #tellBatch(batch: HistoryBatch, events: EventView[]): void {
    for (const listener of this.#batchListeners) this.#guarded(() => listener(batch, events));
    if (events.length > 0) this.#tellEvents(events);
  }

  #tellEvents(events: EventView[]): void {
    for (const listener of this.#eventsListeners) this.#guarded(() => listener(events));
  }

  #guarded(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'who was told of history has failed');
    }
  }

  async #openSpool(): Promise<{ folder: SpoolFolder; spool: HistorySpool } | undefined> {
    const { dataDir, spoolMaxBytes: maxBytes, logger, metrics } = this.#options;
    try {
      const folder = await SpoolFolder.create(dataDir);
      const onSpoiled = (records: number): void => void metrics.historyDropped.inc({ why: 'spoiled' }, records);
      const { spool, known } = await HistorySpool.create({ folder: folder.path, maxBytes, logger, onSpoiled });
      for (const key of known) this.#known.add(key);
      this.#spool = spool;
      this.#writer.useSpool(spool);
      return { folder, spool };
    } catch (error) {
      const reason = (error as Error).message;
      logger.error({ reason }, 'there is no spool: history is refused while the database does not take it');
      return undefined;
    }
  }

  /** What waits goes to the database, or where that does not take it in time, to the spool. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#retention.close();
      const opened = await this.#opened;
      await this.#writer.close();
      await opened?.spool.close();
      await opened?.folder.close();
    })();
    return this.#closing;
  }
}
