import { videoClockRate } from '../../rtpTime.ts';
import { type ZoneHeatmap, zoneHeatmapColumns, zoneHeatmapRows } from '../../zones.ts';

/** Weights grow instead of all cells shrinking; before they lose digits, all cells are brought back. */
const largestWeight = 2 ** 40;

/**
 * Where objects were, in seconds each cell: over a period (`take` begins the next), or fading, so that the past counts
 * half after every `halfLifeSeconds` of media time.
 */
export class PositionHeatmap {
  readonly #cells = new Float64Array(zoneHeatmapColumns * zoneHeatmapRows);
  readonly #halfLifeTicks: number;
  #weight = 1;

  constructor({ halfLifeSeconds = Infinity }: { halfLifeSeconds?: number } = {}) {
    this.#halfLifeTicks = halfLifeSeconds * videoClockRate;
  }

  /** So much media time went by, RTP ticks. */
  fade(ticks: number): void {
    if (this.#halfLifeTicks === Infinity) return;
    this.#weight *= 2 ** (ticks / this.#halfLifeTicks);
    if (this.#weight < largestWeight) return;
    for (let i = 0; i < this.#cells.length; i++) this.#cells[i]! /= this.#weight;
    this.#weight = 1;
  }

  /** An object was so long, RTP ticks, at x, y (0..1 of the picture, else the nearest cell). */
  add(x: number, y: number, ticks: number): void {
    const column = cellAt(x, zoneHeatmapColumns);
    this.#cells[cellAt(y, zoneHeatmapRows) * zoneHeatmapColumns + column]! += ticks * this.#weight;
  }

  snapshot(): ZoneHeatmap {
    const ticks = videoClockRate * this.#weight;
    const seconds = Array.from(this.#cells, (cell) => cell / ticks);
    return { columns: zoneHeatmapColumns, rows: zoneHeatmapRows, seconds };
  }

  /** What there is, and begins anew. */
  take(): ZoneHeatmap {
    const taken = this.snapshot();
    this.#cells.fill(0);
    this.#weight = 1;
    return taken;
  }
}

const cellAt = (at: number, count: number): number => Math.max(0, Math.min(count - 1, Math.floor(at * count)));
