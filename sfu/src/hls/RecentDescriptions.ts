import type { ModelDescription } from '@framelock/server/protocol';

/** Detections come a little after the pictures that they are of, and players hold playlists of a moment ago. */
const spareMs = 30_000;
/** Each gallery change is a revision, and its labels may have 128 KiB. As many as a SegmentStore holds in memory. */
const maxKept = 64;

/**
 * Model descriptions that the Segments of the last `windowS` may name, for a Packager that begins anew: the newest, and
 * those that were the newest within that time.
 */
export class RecentDescriptions {
  readonly #windowMs: number;
  readonly #kept = new Map<number, { description: ModelDescription; supersededAtMs: number }>();

  constructor(windowS: number) {
    this.#windowMs = windowS * 1_000 + spareMs;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** `nowMs`: of a clock that never goes back. */
  add(description: ModelDescription, nowMs: number): void {
    const newest = [...this.#kept.values()].at(-1);
    if (newest) newest.supersededAtMs = nowMs;
    // Also one that is told again is the newest.
    this.#kept.delete(description.revision);
    this.#kept.set(description.revision, { description, supersededAtMs: Infinity });
    for (const [revision, { supersededAtMs }] of this.#kept) {
      if (this.#kept.size <= maxKept && nowMs - supersededAtMs <= this.#windowMs) continue;
      this.#kept.delete(revision);
    }
  }

  /** The newest last. */
  within(nowMs: number): ModelDescription[] {
    return [...this.#kept.values()]
      .filter(({ supersededAtMs }) => nowMs - supersededAtMs <= this.#windowMs)
      .map(({ description }) => description);
  }
}
