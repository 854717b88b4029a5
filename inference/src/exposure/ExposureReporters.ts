import type { ExposureReport } from '@framelock/server/protocol';
import { ExposureReporter } from './ExposureReporter.ts';
import { ThumbnailEncoder } from './ThumbnailEncoder.ts';

/** Pictures of all Publications together, a second: some tenths of a ms each on the main thread. */
const picturesPerTick = 12;
/** How long a server may take to store what a finished analysis saw. */
const lingerMs = 60_000;
const maxLingering = 64;

export interface ExposureReportersOptions {
  emit(report: ExposureReport): void;
  /** Given up unstored, or cut by a limit: `appearances` ended and not stored, `cutShort` too many at once, `pictures`. */
  onDropped(what: 'appearances' | 'cutShort' | 'pictures', count: number): void;
}

interface Kept {
  reporter: ExposureReporter;
  finishedAtMs: number | undefined;
  counted: { appearances: number; cutShort: number; pictures: number };
}

/** The exposure of all Publications of an inference node; that of finished ones until it is stored. */
export class ExposureReporters {
  readonly #options: ExposureReportersOptions;
  readonly #encoder = new ThumbnailEncoder();
  #kept: Kept[] = [];
  /** Begins with the time, so that an answer to an earlier process is nobody's. */
  #sequence = Date.now();

  constructor(options: ExposureReportersOptions) {
    this.#options = options;
  }

  /** For one Analysis; its `finish` ends it. */
  open(options: { publicationId: string; streamId: string }): ExposureReporter {
    const reporter = new ExposureReporter({
      ...options,
      nextSequence: () => ++this.#sequence,
      emit: (report) => this.#options.emit(report),
      encode: (thumbnail) => this.#encoder.encode(thumbnail),
      onFinished: () => this.#finish(kept),
    });
    const kept: Kept = {
      reporter,
      finishedAtMs: undefined,
      counted: { appearances: 0, cutShort: 0, pictures: 0 },
    };
    this.#kept.push(kept);
    return reporter;
  }

  /** Once a second. */
  tick(nowMs = Date.now()): void {
    let budget = picturesPerTick;
    for (const { reporter } of this.#kept) {
      if (budget > 0) budget -= reporter.encode(budget, nowMs);
      reporter.report(nowMs);
    }
    // Whoever had the first choice has the last one next time.
    this.#kept.push(...this.#kept.splice(0, 1));
    this.#tidy(nowMs);
  }

  #finish(kept: Kept): void {
    const nowMs = Date.now();
    kept.finishedAtMs = nowMs;
    kept.reporter.encode(picturesPerTick, nowMs);
    kept.reporter.report(nowMs);
    this.#tidy(nowMs);
  }

  #tidy(nowMs: number): void {
    let lingering = 0;
    for (const kept of [...this.#kept].reverse()) {
      const { reporter, finishedAtMs } = kept;
      if (finishedAtMs === undefined) {
        this.#count(kept);
        continue;
      }
      const done = reporter.unstored === 0;
      if (!done && nowMs - finishedAtMs < lingerMs && ++lingering <= maxLingering) continue;
      this.#count(kept);
      if (!done) this.#options.onDropped('appearances', reporter.unstored);
      this.#kept = this.#kept.filter((one) => one !== kept);
    }
  }

  #count({ reporter, counted }: Kept): void {
    const { dropped } = reporter;
    for (const what of ['appearances', 'cutShort', 'pictures'] as const) {
      if (dropped[what] > counted[what]) this.#options.onDropped(what, dropped[what] - counted[what]);
      counted[what] = dropped[what];
    }
  }

  /** `exposureStored` of the server. */
  stored(publicationId: string, sequence: number): void {
    for (const { reporter } of this.#kept) if (reporter.publicationId === publicationId) reporter.stored(sequence);
  }

  get size(): number {
    return this.#kept.length;
  }

  /** Tells what there is once more; the servers of a node that stops do not answer any more. */
  close(): void {
    for (const { reporter } of [...this.#kept]) reporter.finish();
    this.#kept = [];
    this.#encoder.close();
  }

  dump(): object[] {
    return this.#kept.map(({ reporter }) => ({ publicationId: reporter.publicationId, ...reporter.dump() }));
  }
}
