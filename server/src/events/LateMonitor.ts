import type { AnalysisView } from '../protocol/index.ts';

/** It has to be well again for so long: figures are of one second each. */
const backAfterMs = 3_000;
/** What an event has room for; the words of a node, of a model that can't be loaded for one, have no limit. */
const maxReason = 500;

export interface LateSettings {
  /** Of the frames of the video. */
  share: number;
  seconds: number;
}

/** Whether the analysis of one Publication keeps up. */
export class LateMonitor {
  readonly #settings: LateSettings;
  #otherwiseSinceMs: number | undefined;
  #isLate = false;

  constructor(settings: LateSettings) {
    this.#settings = settings;
  }

  /** Asked about once a second. `late` and `back` take turns; the change was at `sinceMs`. */
  sample(view: AnalysisView, nowMs: number): { change: 'late' | 'back'; sinceMs: number; reason: string } | undefined {
    const reason = this.#lateReason(view);
    if ((reason !== undefined) === this.#isLate) {
      this.#otherwiseSinceMs = undefined;
      return undefined;
    }
    const sinceMs = (this.#otherwiseSinceMs ??= nowMs);
    const neededMs = this.#isLate ? backAfterMs : this.#settings.seconds * 1000;
    if (nowMs - sinceMs < neededMs) return undefined;
    this.#isLate = !this.#isLate;
    this.#otherwiseSinceMs = undefined;
    const words = (reason ?? 'keeps up again').slice(0, maxReason).toWellFormed();
    return { change: this.#isLate ? 'late' : 'back', sinceMs, reason: words };
  }

  #lateReason({ state, reason, analysisFps, sourceFps }: AnalysisView): string | undefined {
    if (state !== 'running') return reason === undefined ? `the analysis is ${state}` : `${state}: ${reason}`;
    // No figures yet, or no frames come: nothing to be late with.
    if (analysisFps === undefined || sourceFps === undefined || sourceFps <= 0) return undefined;
    if (analysisFps >= sourceFps * this.#settings.share) return undefined;
    return `analyses ${analysisFps.toFixed(1)} of ${sourceFps.toFixed(1)} frames a second`;
  }
}
