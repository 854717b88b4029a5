import type { SystemFault } from '../protocol/index.ts';

interface Known {
  node: string;
  what: string;
  /** Totals at the last samples, oldest first. */
  totals: number[];
  lastAtMs: number | undefined;
  /** The newest sample in which it was told. */
  told: number;
}

/** Counters of what went wrong, and which of them grew lately. */
export class FaultLog {
  readonly #limit: number;
  readonly #known = new Map<string, Known>();
  #samples = 0;

  /** How many samples make "lately". */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The totals of one node's counters at this sample. Call `next` once between samples. */
  take(node: string, totals: Readonly<Record<string, number>>, nowMs: number): void {
    for (const [what, total] of Object.entries(totals)) {
      const key = `${node} ${what}`;
      const known = this.#known.get(key);
      if (!known) {
        // What happened before it was first looked at has no time; one that was not known at all began at nothing.
        this.#known.set(key, { node, what, totals: [total], lastAtMs: undefined, told: this.#samples });
        continue;
      }
      const last = known.totals.at(-1) ?? 0;
      // It fell: the process began anew, and all that it counts is new.
      if (total < last) known.totals = known.totals.map((before) => before - last);
      if (total !== last && total > 0) known.lastAtMs = nowMs;
      known.totals.push(total);
      if (known.totals.length > this.#limit) known.totals.shift();
      known.told = this.#samples;
    }
  }

  /** Forgets those of nodes that are gone for as long as the samples go back. */
  next(): void {
    this.#samples++;
    for (const [key, { told }] of this.#known) if (this.#samples - told > this.#limit) this.#known.delete(key);
  }

  /** Those that ever happened, the latest first. */
  view(): SystemFault[] {
    return [...this.#known.values()]
      .filter(({ totals }) => (totals.at(-1) ?? 0) > 0)
      .sort((a, b) => (b.lastAtMs ?? 0) - (a.lastAtMs ?? 0) || (b.totals.at(-1) ?? 0) - (a.totals.at(-1) ?? 0))
      .map(({ node, what, totals, lastAtMs }) => {
        const total = totals.at(-1) ?? 0;
        const recent = total - (totals[0] ?? 0);
        return { node, what, total, recent, lastAt: lastAtMs && recent > 0 ? new Date(lastAtMs).toISOString() : null };
      });
  }
}
