import type { AppearanceRow, ExposureCoverageRow, ExposureStore, PublicationStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { EventHandlers, ExposureReport, InferenceControlContract } from '../protocol/index.ts';
import { appearanceRow, coverageRow, isStorable, newerOf } from './exposureRows.ts';
import { staleAfterMs } from './exposureSummary.ts';
import { PublicationOwners } from './PublicationOwners.ts';

/** Appearances that wait to be written; of each only the latest totals count. Some 50 MiB where all have two pictures. */
const defaultMaxWaiting = 2_000;
/** Reports that come within this go to the database together. */
const gatherMs = 200;
const retryFirstMs = 500;
const retryMaxMs = 10_000;
const sweepEveryMs = 10_000;
/** Of old rows; sweeps in between only end what nobody tells of any more. */
const sweepsPerRetention = 360;

export interface ExposuresOptions {
  store: ExposureStore;
  publications: PublicationStore;
  serverId: string;
  /** Appearances are deleted when they ended so many days ago. */
  maxAgeDays: number;
  logger: Logger;
  metrics: Metrics;
  /** Of a Publication of ours; told again and again, as it comes. */
  onReport?(report: ExposureReport): void;
  maxWaiting?: number;
}

type Sender = Pick<InferenceNode, 'id' | 'requestIfOpen'>;

/** What a batch holds: the newest totals of each, and the reports that are stored with it. */
interface Batch {
  appearances: Map<string, AppearanceRow>;
  coverage: Map<string, ExposureCoverageRow>;
  told: { node: Sender; publicationId: string; sequence: number }[];
}

const emptyBatch = (): Batch => ({ appearances: new Map(), coverage: new Map(), told: [] });

/**
 * Takes the ExposureReports of inference nodes into the database. Nodes repeat what is not answered with
 * `exposureStored`, and totals replace one another, so a report may come twice or be refused without harm.
 */
export class Exposures {
  readonly #options: ExposuresOptions;
  readonly #maxWaiting: number;
  readonly #owners: PublicationOwners;
  #waiting = emptyBatch();
  #writing: Promise<void> | undefined;
  #retryMs = retryFirstMs;
  /** Ends the present pause of the writer. */
  #hurry: (() => void) | undefined;
  #sweeps = 0;
  #sweeping: Promise<void> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #closed = false;

  private constructor(options: ExposuresOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? defaultMaxWaiting;
    this.#owners = new PublicationOwners(options.publications, options.serverId);
    this.#timer = setInterval(() => this.#sweepSoon(), sweepEveryMs);
    this.#timer.unref();
    this.#sweepSoon();
  }

  static create(options: ExposuresOptions): Exposures {
    return new Exposures(options);
  }

  /** Appearances that wait for the database. */
  get waiting(): number {
    return this.#waiting.appearances.size;
  }

  eventsOf(node: Sender): Pick<EventHandlers<InferenceControlContract>, 'exposure'> {
    return { exposure: (report) => void this.#receive(node, report) };
  }

  async #receive(node: Sender, report: ExposureReport): Promise<void> {
    const { metrics, logger } = this.#options;
    try {
      const whose = await this.#owners.whose(report);
      if (this.#closed) return;
      metrics.exposureReports.inc({ outcome: whose === 'ours' ? this.#take(node, report) : whose });
    } catch (error) {
      metrics.exposureReports.inc({ outcome: 'databaseAway' });
      logger.debug({ publicationId: report.publicationId, reason: (error as Error).message }, 'a report was not taken');
    }
  }

  #take(node: Sender, report: ExposureReport): 'taken' | 'full' | 'malformed' {
    const { publicationId, sequence } = report;
    if (!isStorable(report)) return 'malformed';
    const { appearances, coverage, told } = this.#waiting;
    const added = report.appearances.filter(({ id }) => !appearances.has(id)).length;
    if (appearances.size + added > this.#maxWaiting || told.length >= this.#maxWaiting) return 'full';
    for (const one of report.appearances) {
      appearances.set(one.id, newerOf(appearances.get(one.id), appearanceRow(report, one)));
    }
    putCoverage(coverage, coverageRow(report));
    told.push({ node, publicationId, sequence });
    this.#options.onReport?.(report);
    this.#writeSoon();
    return 'taken';
  }

  #writeSoon(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      // Taken after the writer's last look.
      if (this.#waiting.told.length > 0 && !this.#closed) this.#writeSoon();
    });
  }

  /** Until nothing waits; what can't be written now stays, and what comes meanwhile replaces it. */
  async #write(): Promise<void> {
    await this.#pause(gatherMs);
    while (this.#waiting.told.length > 0) {
      const batch = this.#waiting;
      this.#waiting = emptyBatch();
      try {
        await this.#options.store.putAppearances([...batch.appearances.values()]);
        await this.#options.store.putCoverage([...batch.coverage.values()]);
        this.#retryMs = retryFirstMs;
        this.#answer(batch);
      } catch (error) {
        this.#putBack(batch);
        this.#options.metrics.databaseFaults.inc();
        this.#options.logger.warn({ reason: (error as Error).message }, 'exposure is not stored yet');
        if (this.#closed) return;
        await this.#pause(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, retryMaxMs);
      }
    }
  }

  #answer({ told }: Batch): void {
    for (const { node, publicationId, sequence } of told) {
      void node.requestIfOpen('exposureStored', { publicationId, sequence });
    }
  }

  /** What came while it was tried is newer. Beyond the limit the oldest go, and with them every answer: nodes tell again. */
  #putBack(batch: Batch): void {
    const newer = this.#waiting;
    for (const [id, row] of newer.appearances) {
      batch.appearances.set(id, newerOf(batch.appearances.get(id), row));
    }
    for (const row of newer.coverage.values()) putCoverage(batch.coverage, row);
    // Nodes tell again of what they are not answered about: only the latest need to be.
    batch.told = [...batch.told, ...newer.told].slice(-this.#maxWaiting);
    this.#waiting = batch;
    const dropped = dropOldest(batch.appearances, this.#maxWaiting);
    if (dropped + dropOldest(batch.coverage, this.#maxWaiting) === 0) return;
    batch.told.length = 0;
    this.#options.metrics.exposureDropped.inc(dropped);
  }

  #pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #sweepSoon(): void {
    this.#sweeping ??= this.#sweep()
      .catch((error: unknown) => {
        this.#options.metrics.databaseFaults.inc();
        this.#options.logger.warn({ reason: (error as Error).message }, 'exposure was not swept');
      })
      .finally(() => (this.#sweeping = undefined));
  }

  /** Ends what nobody tells of any more (its node or its analysis is gone), and deletes what is too old. */
  async #sweep(): Promise<void> {
    const { store, maxAgeDays, logger } = this.#options;
    const nowMs = Date.now();
    const ended = await store.endStale(new Date(nowMs - staleAfterMs));
    if (ended > 0) logger.info({ ended }, 'appearances that nothing was told of any more have ended');
    if (this.#sweeps++ % sweepsPerRetention !== 0) return;
    const deleted = await store.deleteEndedBefore(new Date(nowMs - maxAgeDays * 86_400_000));
    if (deleted > 0) logger.info({ deleted, maxAgeDays }, 'old appearances deleted');
  }

  /** What waits is tried once more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#hurry?.();
    await Promise.all([this.#writing, this.#sweeping]);
  }
}

/** Reports of a run may overtake one another. */
function putCoverage(coverage: Batch['coverage'], row: ExposureCoverageRow): void {
  if ((coverage.get(row.runId)?.frames ?? 0) <= row.frames) coverage.set(row.runId, row);
}

/** Answers how many. */
function dropOldest(rows: Map<string, unknown>, max: number): number {
  const excess = Math.max(0, rows.size - max);
  for (const id of [...rows.keys()].slice(0, excess)) rows.delete(id);
  return excess;
}
