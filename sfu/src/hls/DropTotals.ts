/** Something of which the losses are known since it began; `publicationId` tells one from another. */
export interface Dropping {
  readonly publicationId: string;
  readonly view: { dropped?: Record<string, number> };
}

/**
 * What all Publications lost since the process began. Each counts for itself, and from 0 again when its packager or its
 * input is made anew: what was added since the last look is taken over, so that the totals never fall.
 */
export class DropTotals {
  readonly #totals = new Map<string, number>();
  #last = new Map<string, Record<string, number>>();

  /** To be called now and then, before what was counted goes away, and for the totals. */
  count(publications: Iterable<Dropping>): ReadonlyMap<string, number> {
    const seen = new Map<string, Record<string, number>>();
    for (const { publicationId, view } of publications) {
      const dropped = view.dropped ?? {};
      const before = this.#last.get(publicationId) ?? {};
      for (const [what, count] of Object.entries(dropped)) {
        const last = before[what] ?? 0;
        this.#totals.set(what, (this.#totals.get(what) ?? 0) + (count >= last ? count - last : count));
      }
      seen.set(publicationId, dropped);
    }
    this.#last = seen;
    return this.#totals;
  }
}
