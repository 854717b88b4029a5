import type { Metrics } from '../Metrics.ts';
import type { ViewerReport } from '../protocol/index.ts';

const kinds = ['exact', 'interpolated', 'extrapolated', 'unanalysed'] as const;
/** What one viewer can add by one report: 10 minutes at 60 fps, so that a hostile one can't drown the sum. */
const maxDelta = 36_000;
/** More is no latency but two clocks, or a hostile viewer who would drown the sum. */
const longestLatencyMs = 60_000;

/** Turns one viewer's cumulative reports into increments of the server's sums. */
export class ViewerTally {
  readonly #metrics: Metrics;
  #last: Partial<ViewerReport> = {};

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  add(report: ViewerReport): void {
    for (const kind of kinds) this.#metrics.viewerFrames.inc({ kind }, this.#delta(report, kind));
    this.#metrics.viewerFrames.inc({ kind: 'missedCallback' }, this.#delta(report, 'missedCallbacks'));
    this.#metrics.viewerWrongFrames.inc(this.#delta(report, 'wrongFrame'));
    const { captureToOverlayP50Ms: latencyMs } = report;
    if (latencyMs !== undefined && latencyMs <= longestLatencyMs)
      this.#metrics.viewerLatency.observe(latencyMs / 1_000);
    this.#last = report;
  }

  /** Never negative: a player that was built anew counts from 0 again. */
  #delta(report: ViewerReport, key: 'missedCallbacks' | 'wrongFrame' | (typeof kinds)[number]): number {
    const last = this.#last[key] ?? 0;
    const delta = report[key] >= last ? report[key] - last : report[key];
    return Math.min(delta, maxDelta);
  }
}
