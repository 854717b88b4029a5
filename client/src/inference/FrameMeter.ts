import type { FrameReport } from './messages.ts';

/** What one published frame took, ms: waiting for the model, its run with preparing the picture, and until it was sent. */
export interface FrameTimes {
  queueMs: number;
  inferenceMs: number;
  publishMs: number;
}

type Figures = Pick<FrameReport, 'analysisFps' | 'sourceFps' | 'width' | 'height' | 'stageMs'>;

/** Rates and medians between two looks; what was dropped since the beginning. */
export class FrameMeter {
  readonly droppedSoFar: Record<string, number> = {};
  #captured = 0;
  #size: { width: number; height: number } | undefined;
  #times: FrameTimes[] = [];
  #lookedAtMs = performance.now();

  captured(width: number, height: number): void {
    this.#captured++;
    this.#size = { width, height };
  }

  published(times: FrameTimes): void {
    this.#times.push(times);
  }

  dropped(stage: string, count = 1): void {
    this.droppedSoFar[stage] = (this.droppedSoFar[stage] ?? 0) + count;
  }

  take(): Figures {
    const nowMs = performance.now();
    const perSecond = (count: number) => Math.min(1000, (count * 1000) / Math.max(1, nowMs - this.#lookedAtMs));
    const times = this.#times;
    const figures: Figures = {
      analysisFps: perSecond(times.length),
      sourceFps: perSecond(this.#captured),
      ...this.#size,
      ...(times.length > 0
        ? {
            stageMs: {
              queue: median(times.map(({ queueMs }) => queueMs)),
              inference: median(times.map(({ inferenceMs }) => inferenceMs)),
              publish: median(times.map(({ publishMs }) => publishMs)),
            },
          }
        : {}),
    };
    this.#captured = 0;
    this.#times = [];
    this.#lookedAtMs = nowMs;
    return figures;
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
