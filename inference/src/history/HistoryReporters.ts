import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { HistoryBatch } from '@framelock/server/protocol';
import { type HistoryDrop, HistoryOutbox, type OutboxEntry } from './HistoryOutbox.ts';
import { HistoryReporter } from './HistoryReporter.ts';
import { TrackPictures } from './TrackPictures.ts';

const compress = promisify(zstdCompress);
const tickEveryMs = 250;
/** A node that stops waits so long for servers to store what they were told. */
const closeWithinMs = 1_000;

export interface HistoryReportersOptions {
  emit(batch: HistoryBatch): void;
  /** Whether somebody is there to hear it. */
  isHeard(): boolean;
  /** Given up unstored: `batches` with the last reports of `tracks`, `events`; `pictures` there was no time or room for. */
  onDropped(what: HistoryDrop, count: number): void;
  /** Of what waits to be stored. */
  maxBytes?: number;
  maxBatches?: number;
}

/** The history of all Publications of an inference node, until it is stored. */
export class HistoryReporters {
  readonly #options: HistoryReportersOptions;
  readonly #pictures = new TrackPictures();
  readonly #outbox: HistoryOutbox;
  readonly #reporters = new Set<HistoryReporter>();
  readonly #compressing = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #wasHeard = false;
  #closed = false;

  constructor(options: HistoryReportersOptions) {
    this.#options = options;
    this.#outbox = new HistoryOutbox(options);
  }

  /** For one Analysis; its `finish` ends it. */
  open({ publicationId, streamId }: { publicationId: string; streamId: string }): HistoryReporter {
    const reporter = new HistoryReporter({
      ...{ publicationId, streamId, pictures: this.#pictures },
      send: (batch, messages, onRead) => this.#send(batch, messages, onRead),
      onDropped: this.#options.onDropped,
      onFinished: () => this.#reporters.delete(reporter),
    });
    this.#reporters.add(reporter);
    return reporter;
  }

  #send(batch: OutboxEntry['batch'], messages: Buffer, onRead: () => void): void {
    const entry = this.#outbox.add(batch);
    const done = this.#compress(entry, messages, onRead).finally(() => this.#compressing.delete(done));
    this.#compressing.add(done);
  }

  /** In libuv's threads. */
  async #compress(entry: OutboxEntry, messages: Buffer, onRead: () => void): Promise<void> {
    try {
      const detections = await compress(messages);
      this.#outbox.complete(entry, detections, Date.now());
    } catch {
      this.#outbox.fail(entry);
    } finally {
      onRead();
    }
  }

  /** Ticks by itself from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.tick(), tickEveryMs);
  }

  /** Ends what is overdue, and tells what there is room for. */
  tick(nowMs = Date.now()): void {
    for (const reporter of this.#reporters) reporter.tick(nowMs);
    const isHeard = this.#options.isHeard();
    if (isHeard && !this.#wasHeard) this.#outbox.heard(nowMs);
    this.#wasHeard = isHeard;
    this.#outbox.tick(nowMs, isHeard);
  }

  /** `historyStored` of a server. */
  stored(runId: string, sequence: number, nowMs = Date.now()): void {
    this.#outbox.stored(runId, sequence, nowMs);
  }

  /** Batches that wait to be stored, and what they take of memory, roughly. */
  get waiting(): { batches: number; bytes: number } {
    return { batches: this.#outbox.size, bytes: this.#outbox.bytes };
  }

  /** Settles when nothing is being compressed. */
  async settled(): Promise<void> {
    while (this.#compressing.size > 0) await Promise.all(this.#compressing);
  }

  /** Tells what there is once more, and gives servers a moment to store it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const reporter of [...this.#reporters]) reporter.finish();
    this.#pictures.close();
    await this.settled();
    if (!this.#options.isHeard()) return;
    this.#outbox.tellRest(Date.now());
    const until = performance.now() + closeWithinMs;
    while (this.#outbox.size > 0 && this.#options.isHeard() && performance.now() < until) await sleep(10);
  }

  dump(): object {
    return { ...this.#outbox.dump(), reporters: [...this.#reporters].map((reporter) => reporter.dump()) };
  }
}
