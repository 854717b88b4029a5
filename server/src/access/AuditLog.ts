import type { AuditStore, NewAuditEntry } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { Caller } from './Access.ts';

/** Entries that wait for the database; more are dropped, counted and logged. */
const maxWaiting = 1_000;
const maxBatch = 100;
const trimEveryMs = 3_600_000;
export const maxAuditRows = 1_000_000;

export interface AuditLogOptions {
  store: AuditStore;
  maxAgeDays: number;
  logger: Logger;
  metrics: Metrics;
}

export interface AuditedDeed {
  caller: Caller;
  /** What the caller is known by where there is no principal. */
  actor?: { kind: 'streamKey' | 'nobody'; name: string };
  action: string;
  target: string | undefined;
  status: number;
}

/** Who changed what, from where and when; kept for so many days, and at most a million entries. */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #waiting: NewAuditEntry[] = [];
  #writing: Promise<void> | undefined;
  #trimTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  static create(options: AuditLogOptions): AuditLog {
    const log = new AuditLog(options);
    log.#scheduleTrim(60_000);
    return log;
  }

  /** Resolves when it is stored, or was given up and logged instead; never rejects. */
  record({ caller, actor, action, target, status }: AuditedDeed): Promise<void> {
    const { principal, address } = caller;
    const entry: NewAuditEntry = {
      at: new Date(),
      actorKind: principal?.kind ?? actor?.kind ?? 'nobody',
      actorId: principal?.id ?? null,
      actorName: (principal?.name ?? actor?.name ?? 'nobody').slice(0, 200),
      action: action.slice(0, 200),
      target: target?.slice(0, 200) ?? null,
      status,
      address,
    };
    if (this.#waiting.length >= maxWaiting) {
      this.#giveUp([entry], 'too many wait');
      return Promise.resolve();
    }
    this.#waiting.push(entry);
    return this.#flush();
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#write().then(() => {
      this.#writing = undefined;
      // What came between the last look and now.
      return this.#waiting.length > 0 ? this.#flush() : undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch);
      try {
        await this.#options.store.insert(batch);
      } catch (error) {
        this.#options.metrics.databaseFaults.inc();
        this.#giveUp(batch, (error as Error).message);
      }
    }
  }

  #giveUp(entries: NewAuditEntry[], reason: string): void {
    this.#options.metrics.auditDropped.inc(entries.length);
    this.#options.logger.error({ entries, reason }, 'audit entries could not be stored');
  }

  #scheduleTrim(inMs: number): void {
    if (this.#closed) return;
    this.#trimTimer = setTimeout(() => {
      const before = new Date(Date.now() - this.#options.maxAgeDays * 86_400_000);
      void this.#options.store
        .trim(before, maxAuditRows)
        .catch((error: unknown) => {
          this.#options.metrics.databaseFaults.inc();
          this.#options.logger.warn({ reason: (error as Error).message }, 'the audit log could not be trimmed');
        })
        .finally(() => this.#scheduleTrim(trimEveryMs));
    }, inMs);
    this.#trimTimer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#trimTimer);
    await this.#writing;
  }
}
