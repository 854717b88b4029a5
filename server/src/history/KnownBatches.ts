import type { BatchKey } from './HistoryItem.ts';

const maxRuns = 2_000;
/** Stretches without a gap that are remembered of one run. */
const maxStretches = 64;

/** Which HistoryBatches are durable already, of the latest runs: few numbers each, for sequences have few gaps. */
export class KnownBatches {
  /** Stretches `[first, last]` by run, sorted; the run that was told of last is the last one. */
  readonly #runs = new Map<string, [number, number][]>();

  has({ runId, sequence }: BatchKey): boolean {
    return this.#runs.get(runId)?.some(([first, last]) => first <= sequence && sequence <= last) ?? false;
  }

  add({ runId, sequence }: BatchKey): void {
    const stretches = this.#runs.get(runId) ?? [];
    this.#runs.delete(runId);
    this.#runs.set(runId, stretches);
    if (this.#runs.size > maxRuns) this.#runs.delete(this.#runs.keys().next().value!);
    let at = stretches.length;
    while (at > 0 && stretches[at - 1]![0] > sequence) at--;
    const before = stretches[at - 1];
    const after = stretches[at];
    if (before && sequence <= before[1]) return;
    const joinsBefore = before?.[1] === sequence - 1;
    const joinsAfter = after?.[0] === sequence + 1;
    if (joinsBefore && joinsAfter) stretches.splice(at - 1, 2, [before[0], after[1]]);
    else if (joinsBefore) before[1] = sequence;
    else if (joinsAfter) after[0] = sequence;
    else stretches.splice(at, 0, [sequence, sequence]);
    if (stretches.length > maxStretches) stretches.shift();
  }
}
