import type { ExposureReport } from '@framelock/server/protocol';
import { ExposureReporter } from './ExposureReporter.ts';
import { ThumbnailEncoder } from './ThumbnailEncoder.ts';

/** Pictures of all Publications together, a second: some tenths of a ms each on the main thread. */
const picturesPerTick = 12;
/**
 * What finished analyses saw is kept until it is stored, however long a server or its database is away: so many of them,
 * with so many Appearances and so much of pictures together. Beyond it the oldest go, and are counted.
 */
const maxFinished = 1_000;
const maxFinishedAppearances = 10_000;
const maxFinishedPictureBytes = 64 * 1024 * 1024;
/** They are told again after this, doubled each time up to the limit. */
const tellAgainMs = 3_000;
const maxTellAgainMs = 60_000;
/** Of finished ones: after a long time away there may be many to tell of. */
const maxToldPerTick = 20;

type Dropped = 'appearances' | 'cutShort' | 'pictures' | 'coverage';

export interface ExposureReportersOptions {
  emit(report: ExposureReport): void;
  /**
   * Given up unstored, or cut by a limit: `appearances` ended and not stored, `cutShort` too many at once, `pictures`,
   * `coverage`: analyses of which it is not stored up to when they looked.
   */
  onDropped(what: Dropped, count: number): void;
}

interface Kept {
  reporter: ExposureReporter;
  /** `order`: of finishing, as many may finish in one millisecond. */
  finished: { order: number; tellAtMs: number; waitMs: number } | undefined;
  counted: { appearances: number; cutShort: number; pictures: number };
}

/** The exposure of all Publications of an inference node; that of finished ones until it is stored. */
export class ExposureReporters {
  readonly #options: ExposureReportersOptions;
  readonly #encoder = new ThumbnailEncoder();
  #kept: Kept[] = [];
  #finishes = 0;
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
      finished: undefined,
      counted: { appearances: 0, cutShort: 0, pictures: 0 },
    };
    this.#kept.push(kept);
    return reporter;
  }

  /** Once a second. */
  tick(nowMs = Date.now()): void {
    let budget = picturesPerTick;
    let told = 0;
    for (const kept of this.#kept) {
      if (budget > 0) budget -= kept.reporter.encode(budget, nowMs);
      if (!kept.finished) kept.reporter.report(nowMs);
      else if (nowMs >= kept.finished.tellAtMs && told++ < maxToldPerTick) tellAgain(kept, nowMs);
    }
    // Whoever had the first choice has the last one next time.
    this.#kept.push(...this.#kept.splice(0, 1));
    this.#tidy();
  }

  #finish(kept: Kept): void {
    const nowMs = Date.now();
    kept.finished = { order: ++this.#finishes, tellAtMs: nowMs, waitMs: tellAgainMs };
    kept.reporter.encode(picturesPerTick, nowMs);
    tellAgain(kept, nowMs);
    this.#tidy();
  }

  #tidy(): void {
    for (const kept of this.#kept) if (!kept.finished) this.#count(kept);
    const finished = this.#kept.filter((kept) => kept.finished);
    if (finished.length === 0) return;
    const gone = new Set<Kept>();
    let [count, appearances, pictureBytes] = [0, 0, 0];
    for (const kept of finished.sort((a, b) => b.finished!.order - a.finished!.order)) {
      const { reporter } = kept;
      if (reporter.settled) gone.add(kept);
      else if (++count > maxFinished || (appearances += reporter.unstored) > maxFinishedAppearances) {
        gone.add(kept);
        if (reporter.unstored > 0) this.#options.onDropped('appearances', reporter.unstored);
        if (!reporter.coverageStored) this.#options.onDropped('coverage', 1);
      } else {
        reporter.limitPictures(Math.max(0, maxFinishedPictureBytes - pictureBytes));
        pictureBytes += reporter.pictureBytes;
      }
      this.#count(kept);
    }
    if (gone.size > 0) this.#kept = this.#kept.filter((kept) => !gone.has(kept));
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
    for (const { reporter, finished } of this.#kept) {
      if (reporter.publicationId !== publicationId) continue;
      reporter.stored(sequence);
      // Somebody listens: the rest may follow at once.
      if (finished) Object.assign(finished, { tellAtMs: 0, waitMs: tellAgainMs });
    }
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

/** What a finished one has not been told, or not been stored of it. */
function tellAgain({ reporter, finished }: Kept, nowMs: number): void {
  reporter.report(nowMs);
  if (!finished) return;
  finished.tellAtMs = nowMs + finished.waitMs;
  finished.waitMs = Math.min(finished.waitMs * 2, maxTellAgainMs);
}
