import type { AnalysisView } from '@framelock/server/protocol';
import { dropStages, stages, type DropStage, type Metrics, type Stage } from './metrics.ts';

/** What one Analysis counts: forever for metrics and drops, over the last second for rates and medians. */
export class AnalysisCounts {
  readonly #metrics: Metrics;
  readonly #dropped: Record<DropStage, number>;
  readonly #latencies: Record<Stage, number[]>;
  #decoded = 0;
  #analysed = 0;
  #since = performance.now();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#dropped = Object.fromEntries(dropStages.map((stage) => [stage, 0])) as Record<DropStage, number>;
    this.#latencies = Object.fromEntries(stages.map((stage) => [stage, []])) as unknown as Record<Stage, number[]>;
  }

  get dropped(): Readonly<Record<DropStage, number>> {
    return this.#dropped;
  }

  drop(stage: DropStage, count = 1): void {
    if (count === 0) return;
    this.#dropped[stage] += count;
    this.#metrics.framesDropped.inc({ stage }, count);
  }

  decoded(pictures: number): void {
    this.#decoded += pictures;
    this.#metrics.framesDecoded.inc(pictures);
  }

  analysed(): void {
    this.#analysed++;
    this.#metrics.framesAnalysed.inc();
  }

  latency(stage: Stage, ms: number): void {
    this.#latencies[stage].push(ms);
    this.#metrics.stageLatency.observe({ stage }, ms / 1000);
  }

  /** Rates and medians since the last call. */
  takeSecond(): Pick<AnalysisView, 'analysisFps' | 'sourceFps' | 'dropped' | 'stageMs'> {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#since) / 1000);
    const view = {
      analysisFps: round(this.#analysed / seconds),
      sourceFps: round(this.#decoded / seconds),
      dropped: { ...this.#dropped },
      stageMs: Object.fromEntries(
        stages.filter((s) => this.#latencies[s].length > 0).map((s) => [s, round(median(this.#latencies[s]))]),
      ),
    };
    this.#since = now;
    this.#analysed = this.#decoded = 0;
    for (const stage of stages) this.#latencies[stage].length = 0;
    return view;
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
