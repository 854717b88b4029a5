import type { Logger } from 'pino';
import { type EventKind, type EventView, Refusal } from '../protocol/index.ts';
import type { EventMetrics } from './EventMetrics.ts';
import { defaultMaxWaiting, FeedClient, readFeedId } from './FeedClient.ts';

const beatEveryMs = 15_000;
const lookEveryMs = 1_000;
/** Events of other servers are looked for this often, as far back as a batch is late. */
const elsewhereEveryMs = 2_000;
const elsewhereMs = 30_000;
const maxClients = 500;
const maxOfAddress = 20;
/** Events are told by when they were known and stored by when they happened: who comes again gets some of them twice. */
const overlapMs = 10_000;
const maxMissed = 1_000;
/** The latest, which may not be in the database yet; and ids of what was told. */
const maxRecent = 2_000;

export interface FeedQuery {
  streamId?: string | undefined;
  kinds?: readonly EventKind[] | undefined;
}

export interface EventFeedOptions {
  /** Newest first. */
  read(query: FeedQuery & { from: Date }, limit: number): Promise<EventView[]>;
  /** Whether another server stores events in this database. */
  hasOthers(): Promise<boolean>;
  metrics: EventMetrics;
  logger: Logger;
}

interface Reader extends FeedQuery {
  client: FeedClient;
  address: string;
  stillMay(): boolean;
  /** What came while the missed ones are read. */
  held: EventView[] | undefined;
  /** More came than are held. */
  heldLost: boolean;
}

/** Tells events to whoever listens by HTTP, from the one after those that a reader had. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #readers = new Set<Reader>();
  readonly #recent = new Map<string, EventView>();
  readonly #timers: ReturnType<typeof setInterval>[];
  #hasOthers = false;
  #looking: Promise<void> | undefined;

  constructor(options: EventFeedOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => this.#beat(), beatEveryMs),
      setInterval(() => this.#endForbidden(), lookEveryMs),
      setInterval(() => this.#lookElsewhereSoon(), elsewhereEveryMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  get readers(): number {
    return this.#readers.size;
  }

  publish(events: readonly EventView[]): void {
    for (const event of events) {
      if (this.#recent.has(event.id)) continue;
      this.#recent.set(event.id, event);
      if (this.#recent.size > maxRecent) this.#recent.delete(this.#recent.keys().next().value!);
      for (const reader of this.#readers) {
        if (!isFor(reader, event)) continue;
        if (!reader.held) reader.client.event(event);
        else if (reader.held.length < maxRecent) reader.held.push(event);
        else reader.heldLost = true;
      }
    }
  }

  /** Refuses where too many read already. The stream ends with the right to it, or by `close`. */
  open(query: FeedQuery & { address: string; lastEventId?: string | undefined; stillMay(): boolean }) {
    const { address, lastEventId, stillMay, streamId, kinds } = query;
    this.#requireRoom(address);
    const since = lastEventId === undefined ? undefined : readFeedId(lastEventId);
    if (lastEventId !== undefined && !since) throw new Refusal('badRequest', 'Last-Event-ID: it is none of this API');
    const reader: Reader = {
      ...{ address, stillMay, streamId, kinds, held: since ? [] : undefined, heldLost: false },
      client: new FeedClient({
        onClosed: () => this.#readers.delete(reader),
        onLost: () => this.#options.metrics.streamedLost.inc(),
        // What was missed comes at once, and what happens then behind it.
        maxWaiting: defaultMaxWaiting + (since ? maxMissed : 0),
      }),
    };
    this.#readers.add(reader);
    reader.client.hello();
    if (since) void this.#tellMissed(reader, since);
    return reader.client.stream;
  }

  #requireRoom(address: string): void {
    const { streamsRefused } = this.#options.metrics;
    if (this.#readers.size >= maxClients) {
      streamsRefused.inc({ why: 'server' });
      throw new Refusal('unavailable', 'too many read events here: try again later');
    }
    let ofAddress = 0;
    for (const reader of this.#readers) if (reader.address === address) ofAddress++;
    if (ofAddress < maxOfAddress) return;
    streamsRefused.inc({ why: 'address' });
    throw new Refusal('rateLimited', `${maxOfAddress} event streams of this address are open: end one first`);
  }

  async #tellMissed(reader: Reader, since: { atMs: number; id: string }): Promise<void> {
    const { client } = reader;
    const from = new Date(Math.max(0, since.atMs - overlapMs));
    const missed = new Map<string, EventView>();
    let isWhole = true;
    try {
      const { streamId, kinds } = reader;
      const stored = await this.#options.read({ streamId, kinds, from }, maxMissed + 2);
      for (const event of stored) missed.set(event.id, event);
    } catch (error) {
      this.#options.logger.warn({ reason: (error as Error).message }, 'missed events are not known');
      isWhole = false;
    }
    for (const event of this.#recent.values()) {
      if (isFor(reader, event) && Date.parse(event.at) >= from.getTime()) missed.set(event.id, event);
    }
    for (const event of reader.held ?? []) missed.set(event.id, event);
    reader.held = undefined;
    missed.delete(since.id);
    if (!isWhole || reader.heldLost || missed.size > maxMissed) client.lost(null);
    for (const event of [...missed.values()].sort(byTime).slice(-maxMissed)) client.event(event);
  }

  #beat(): void {
    for (const { client } of this.#readers) client.beat();
  }

  #endForbidden(): void {
    for (const reader of this.#readers) {
      if (reader.stillMay()) continue;
      this.#readers.delete(reader);
      reader.client.close();
    }
  }

  #lookElsewhereSoon(): void {
    if (this.#readers.size === 0) return;
    this.#looking ??= this.#lookElsewhere()
      .catch((error: unknown) => {
        this.#options.logger.debug({ reason: (error as Error).message }, 'events of other servers are not known');
      })
      .finally(() => (this.#looking = undefined));
  }

  /** What another server stored is told here a little later. */
  async #lookElsewhere(): Promise<void> {
    const { hasOthers, read } = this.#options;
    const before = this.#hasOthers;
    this.#hasOthers = await hasOthers();
    if (!this.#hasOthers) return;
    const events = (await read({ from: new Date(Date.now() - elsewhereMs) }, maxRecent / 2)).reverse();
    // Readers that were here before did not ask for what happened earlier.
    if (before) this.publish(events);
    else for (const event of events) this.#recent.set(event.id, event);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { client } of this.#readers) client.close();
    this.#readers.clear();
    await this.#looking;
  }
}

function isFor({ streamId, kinds }: FeedQuery, event: EventView): boolean {
  return (streamId === undefined || event.streamId === streamId) && (kinds === undefined || kinds.includes(event.kind));
}

const byTime = (a: EventView, b: EventView): number => Date.parse(a.at) - Date.parse(b.at);
