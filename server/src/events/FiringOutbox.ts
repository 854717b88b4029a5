import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeliveryStore, NewDelivery, NodeStore, RuleStore } from '@framelock/db';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { EventMetrics } from './EventMetrics.ts';

const defaultMaxWaiting = 10_000;
/** Firings a statement. */
const perWrite = 100;
const retryFirstMs = 500;
const retryMaxMs = 10_000;
const lookForOrphansEveryMs = 10_000;
/** A server that was not heard of for so long is dead, as for its Publications. */
const serverTimeoutMs = 10_000;

/** A rule fired, or was kept silent by its cooldown so many times. */
const entrySchema = z.object({
  ruleId: z.string(),
  streamId: z.string(),
  /** Null: it did not fire. */
  firedAt: z.string().nullable(),
  suppressed: z.number().int(),
  hasCooldown: z.boolean(),
  deliveries: z.array(
    z.object({ id: z.string(), targetId: z.string(), ruleId: z.string(), eventId: z.string(), body: z.string() }),
  ),
});
export type OutboxEntry = z.infer<typeof entrySchema> & { deliveries: NewDelivery[] };

export interface FiringOutboxOptions {
  folder: string;
  serverId: string;
  deliveries: Pick<DeliveryStore, 'insert'>;
  rules: Pick<RuleStore, 'addCounts'>;
  nodes: Pick<NodeStore, 'listAlive'>;
  metrics: EventMetrics;
  logger: Logger;
  /** There is something to deliver. */
  onStored(): void;
  onDatabaseFault(): void;
  maxWaiting?: number;
}

/**
 * From a rule that fired to deliveries in the database. Each firing is in a file before the call returns, so that the
 * death of this process loses none; what a dead server left is taken over. Deliveries have ids made of what they are, so
 * that one that is stored twice is one.
 */
export class FiringOutbox {
  readonly #options: FiringOutboxOptions;
  readonly #path: string;
  #file: number;
  #fileEntries = 0;
  #waiting: OutboxEntry[] = [];
  #writing: Promise<void> | undefined;
  #hurry: (() => void) | undefined;
  #orphans: Promise<void> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #closing: Promise<void> | undefined;

  private constructor(options: FiringOutboxOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.#path = join(options.folder, fileName(options.serverId));
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#timer = setInterval(() => this.#adoptSoon(), lookForOrphansEveryMs);
    this.#timer.unref();
    this.#adoptSoon();
  }

  static create(options: FiringOutboxOptions): FiringOutbox {
    return new FiringOutbox(options);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  put(entry: OutboxEntry): void {
    const { metrics, maxWaiting = defaultMaxWaiting, logger } = this.#options;
    if (this.#waiting.length >= maxWaiting || this.#closing) return void metrics.firingsDropped.inc();
    this.#waiting.push(entry);
    try {
      // A server that took this one for dead, since its heartbeat was late, has taken the file over and deleted it.
      const isGone = fstatSync(this.#file).nlink === 0;
      if (isGone) this.#reopen();
      // Rewritten where the database never catches up, so that the file has a limit too.
      if (isGone || this.#fileEntries >= 2 * maxWaiting) this.#rewrite();
      else this.#append([entry]);
    } catch (error) {
      logger.error({ reason: (error as Error).message }, 'a firing is in memory only: its file could not be written');
    }
    this.#writeSoon();
  }

  #reopen(): void {
    const gone = this.#file;
    this.#file = openSync(this.#path, 'a', 0o600);
    closeSync(gone);
  }

  #append(entries: readonly OutboxEntry[]): void {
    writeSync(this.#file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    this.#fileEntries += entries.length;
  }

  #rewrite(): void {
    ftruncateSync(this.#file, 0);
    this.#fileEntries = 0;
    if (this.#waiting.length > 0) this.#append(this.#waiting);
  }

  #writeSoon(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && !this.#closing) this.#writeSoon();
    });
  }

  async #write(): Promise<void> {
    let retryMs = retryFirstMs;
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, perWrite);
      try {
        await this.#store(some);
        this.#waiting.splice(0, some.length);
        retryMs = retryFirstMs;
        if (this.#waiting.length === 0) this.#rewrite();
      } catch (error) {
        this.#options.onDatabaseFault();
        this.#options.logger.warn({ reason: (error as Error).message }, 'firings of rules are not stored yet');
        if (this.#closing) return;
        await this.#pause(retryMs);
        retryMs = Math.min(retryMs * 2, retryMaxMs);
      }
    }
  }

  async #store(entries: readonly OutboxEntry[]): Promise<void> {
    const { deliveries, rules, onStored } = this.#options;
    const made = entries.flatMap((entry) => entry.deliveries);
    const isNew = new Set(await deliveries.insert(made));
    if (isNew.size > 0) onStored();
    // What was stored before a restart was counted then.
    const counted = entries.filter(
      (entry) => entry.deliveries.length === 0 || entry.deliveries.some(({ id }) => isNew.has(id)),
    );
    for (const counts of countsOf(counted)) await rules.addCounts(counts);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #adoptSoon(): void {
    this.#orphans ??= this.#adopt()
      .catch((error: unknown) => {
        this.#options.logger.warn({ reason: (error as Error).message }, 'firings of a dead server are not stored yet');
      })
      .finally(() => (this.#orphans = undefined));
  }

  /** A server that lives goes on writing its file: only those of dead ones are taken. */
  async #adopt(): Promise<void> {
    const { folder, serverId, nodes, logger } = this.#options;
    const names = (await readdir(folder)).filter((name) => serverOf(name) !== undefined && serverOf(name) !== serverId);
    if (names.length === 0) return;
    const alive = new Set((await nodes.listAlive(serverTimeoutMs)).map(({ id }) => id));
    for (const name of names) {
      if (alive.has(serverOf(name)!)) continue;
      const entries = parseEntries(await readFile(join(folder, name), 'utf8'));
      for (let at = 0; at < entries.length; at += perWrite) await this.#store(entries.slice(at, at + perWrite));
      await rm(join(folder, name), { force: true });
      if (entries.length > 0) logger.info({ firings: entries.length }, 'firings of a dead server are stored');
    }
  }

  /** What waits is tried once more; what can't be stored now is, by whoever starts next. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearInterval(this.#timer);
      this.#hurry?.();
      await Promise.all([this.#writing, this.#orphans]);
      closeSync(this.#file);
      if (this.#waiting.length === 0) await rm(this.#path, { force: true });
    })();
    return this.#closing;
  }
}

const fileName = (serverId: string): string => `firings-${serverId}.jsonl`;
const serverOf = (name: string): string | undefined => /^firings-([A-Za-z0-9_-]+)\.jsonl$/.exec(name)?.[1];

/** The last line may have been cut by the death of its writer. */
function parseEntries(text: string): OutboxEntry[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = entrySchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}

function countsOf(entries: readonly OutboxEntry[]) {
  const byRule = new Map<string, Parameters<RuleStore['addCounts']>[0]>();
  for (const { ruleId, streamId, firedAt, suppressed, hasCooldown } of entries) {
    const counts = byRule.get(ruleId) ?? { ruleId, fired: 0, suppressed: 0, firedAt: null, firedByStream: {} };
    byRule.set(ruleId, counts);
    counts.suppressed += suppressed;
    if (firedAt === null) continue;
    counts.fired++;
    counts.firedAt = new Date(Math.max(counts.firedAt?.getTime() ?? 0, Date.parse(firedAt)));
    if (hasCooldown) counts.firedByStream[streamId] = firedAt;
  }
  return byRule.values();
}
