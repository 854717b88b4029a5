import type { DrawnKind } from '../overlay/DrawnRecord.ts';
import { SlidingWindow } from './SlidingWindow.ts';

export interface DrawnOutcome {
  kind: DrawnKind;
  /** |picture time - time the drawn boxes stand for|, 90 kHz ticks; null = no boxes' time to compare with. */
  errorTicks: number | null;
  /** Drawn as exact, and the boxes' timestamp or Publication is another. */
  wrongFrame: boolean;
}

const nobody: DrawnOutcome = { kind: 'unanalysed', errorTicks: null, wrongFrame: false };

/**
 * Counts distinct pictures, each once, as the best it reached while it was shown: a picture drawn without its own
 * detections and drawn again when they came in time ends as `exact`.
 *
 * overlayErrorTicks: for `exact` the measured distance between the pixels' own timestamp and the drawn message's (0
 * unless something is wrong); `interpolated` boxes and predictions stand for the picture's own time, so theirs is 0 as
 * long as they could be computed for it; a prediction held at its limit errs by what it is short of. How good a
 * prediction is does not show here: its age does, as predictionAgeMs.
 */
export class OverlayCounters {
  readonly #kinds: Record<DrawnKind, number> = { exact: 0, interpolated: 0, extrapolated: 0, unanalysed: 0 };
  readonly #errors = new SlidingWindow(3_000);
  #maxErrorTicks = 0;
  /** The picture on the canvas now; its error enters the window when the next one replaces it. */
  #current: DrawnOutcome | undefined;
  #wrongFrame = 0;
  missedCallbacks = 0;

  /** A picture that was not on the canvas before. */
  add(outcome: Readonly<DrawnOutcome>): void {
    this.#settle();
    this.#current = { ...outcome };
    this.#kinds[outcome.kind]++;
    if (outcome.wrongFrame) this.#wrongFrame++;
  }

  /** The same picture, drawn again with better boxes. */
  improve(outcome: Readonly<DrawnOutcome>): void {
    const before = this.#current ?? nobody;
    this.#kinds[before.kind]--;
    this.#kinds[outcome.kind]++;
    // Once shown wrongly stays counted.
    if (outcome.wrongFrame && !before.wrongFrame) this.#wrongFrame++;
    this.#current = { ...outcome, wrongFrame: before.wrongFrame || outcome.wrongFrame };
  }

  #settle(): void {
    const ticks = this.#current?.errorTicks;
    if (ticks === null || ticks === undefined) return;
    this.#errors.add(ticks);
    if (ticks > this.#maxErrorTicks) this.#maxErrorTicks = ticks;
  }

  get totals() {
    const { exact, interpolated, extrapolated, unanalysed } = this.#kinds;
    return {
      framesPresented: exact + interpolated + extrapolated + unanalysed,
      ...{ exact, interpolated, extrapolated, unanalysed },
      missedCallbacks: this.missedCallbacks,
      wrongFrame: this.#wrongFrame,
    };
  }

  get errorTicks(): { p50: number; p99: number; max: number } {
    const [p50, p99] = this.#errors.percentiles(0.5, 0.99);
    return { p50: p50 ?? 0, p99: p99 ?? 0, max: Math.max(this.#maxErrorTicks, this.#current?.errorTicks ?? 0) };
  }
}
