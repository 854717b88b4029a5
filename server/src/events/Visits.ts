import type { EventView } from '../protocol/index.ts';

/** Of one Publication; a scene with more is counted without the oldest. */
const maxVisits = 10_000;

/** One ObjectTrack in one zone. */
export interface Visit {
  readonly zoneId: string;
  readonly trackId: number;
  readonly entered: EventView;
  readonly enteredAtMs: number;
  label: string;
  /** The last Frame that is known to show it. */
  seenMs: number;
}

/** Who is in which zone, as ZoneEvents of one run of an analysis tell it: every `entered` has its `left`. */
export class Visits {
  readonly #byKey = new Map<string, Visit>();
  readonly #byTrack = new Map<number, Set<Visit>>();

  get size(): number {
    return this.#byKey.size;
  }

  [Symbol.iterator](): Iterator<Visit> {
    return this.#byKey.values();
  }

  enter(entered: EventView): void {
    const { zoneId, trackId } = entered;
    if (zoneId === null || trackId === null) return;
    const enteredAtMs = Date.parse(entered.at);
    const visit = { zoneId, trackId, entered, enteredAtMs, label: entered.label ?? '', seenMs: enteredAtMs };
    this.#remove(this.#byKey.get(keyOf(zoneId, trackId)));
    this.#byKey.set(keyOf(zoneId, trackId), visit);
    const ofTrack = this.#byTrack.get(trackId) ?? new Set();
    this.#byTrack.set(trackId, ofTrack.add(visit));
    if (this.#byKey.size > maxVisits) this.#remove(this.#byKey.values().next().value);
  }

  /** What was known of it until now. */
  leave({ zoneId, trackId }: EventView): Visit | undefined {
    const visit = this.of(zoneId, trackId);
    this.#remove(visit);
    return visit;
  }

  of(zoneId: string | null, trackId: number | null): Visit | undefined {
    return zoneId === null || trackId === null ? undefined : this.#byKey.get(keyOf(zoneId, trackId));
  }

  /** An ObjectTrack was seen until then; names may change. */
  saw(trackId: number, label: string, toMs: number): void {
    for (const visit of this.#byTrack.get(trackId) ?? []) {
      visit.label = label;
      visit.seenMs = Math.max(visit.seenMs, toMs);
    }
  }

  #remove(visit: Visit | undefined): void {
    if (!visit) return;
    this.#byKey.delete(keyOf(visit.zoneId, visit.trackId));
    const ofTrack = this.#byTrack.get(visit.trackId);
    ofTrack?.delete(visit);
    if (ofTrack?.size === 0) this.#byTrack.delete(visit.trackId);
  }
}

const keyOf = (zoneId: string, trackId: number): string => `${trackId}/${zoneId}`;
