import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';

const firstAfterMs = 20_000;
const everyMs = 600_000;
/** Between two parts, so that what is written and asked for meanwhile does not wait. */
const restMs = 50;
const dayMs = 86_400_000;

/** Days after which it is deleted, by kind. */
export interface HistoryAges {
  detections: number;
  /** With their thumbnails and heatmaps. */
  tracks: number;
  events: number;
  properties: number;
}

type Deletes = Pick<
  HistoryStore,
  'deleteDetectionsBefore' | 'deleteTracksBefore' | 'deleteEventsBefore' | 'deletePropertiesBefore'
>;

export interface HistoryRetentionOptions {
  store: Deletes;
  ages: HistoryAges;
  logger: Logger;
  metrics: Metrics;
  firstAfterMs?: number;
}

/** Deletes what is too old, a part at a time. */
export class HistoryRetention {
  readonly #options: HistoryRetentionOptions;
  readonly #stop = new AbortController();
  readonly #ran: Promise<void>;

  private constructor(options: HistoryRetentionOptions) {
    this.#options = options;
    this.#ran = this.#run().catch(() => undefined); // ends by the signal
  }

  static create(options: HistoryRetentionOptions): HistoryRetention {
    return new HistoryRetention(options);
  }

  async #run(): Promise<void> {
    await this.#sleep(this.#options.firstAfterMs ?? firstAfterMs);
    for (;;) {
      await this.sweep();
      await this.#sleep(everyMs);
    }
  }

  #sleep(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#stop.signal, ref: false });
  }

  /** All that is too old now; gives up at a database that fails. Answers how many rows, by kind. */
  async sweep(): Promise<Record<keyof HistoryAges, number>> {
    const { store, ages } = this.#options;
    return {
      detections: await this.#delete('detections', ages.detections, (before) => store.deleteDetectionsBefore(before)),
      tracks: await this.#delete('tracks', ages.tracks, (before) => store.deleteTracksBefore(before)),
      events: await this.#delete('events', ages.events, (before) => store.deleteEventsBefore(before)),
      properties: await this.#delete('properties', ages.properties, (before) => store.deletePropertiesBefore(before)),
    };
  }

  async #delete(kind: string, days: number, some: (before: Date) => Promise<number>): Promise<number> {
    const { logger, metrics } = this.#options;
    const before = new Date(Date.now() - days * dayMs);
    let deleted = 0;
    try {
      for (let part = await some(before); part > 0; part = await some(before)) {
        deleted += part;
        metrics.historyDeleted.inc({ kind }, part);
        await this.#sleep(restMs);
      }
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      metrics.databaseFaults.inc();
      logger.warn({ kind, reason: (error as Error).message }, 'old history was not deleted');
    }
    if (deleted > 0) logger.info({ kind, deleted, days }, 'old history deleted');
    return deleted;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.race([this.#ran, sleep(2_000, undefined, { ref: false })]);
  }
}
