import { hlsTimescale } from '@framelock/server/protocol';
import type { MediaTime } from './media.ts';
import type { Packager } from './Packager.ts';
import { MediaPlaylist, type PlaylistEntry } from './playlist/MediaPlaylist.ts';
import type { SegmentStore } from './store/SegmentStore.ts';

/** More Segments and init sections than one process makes of a Publication: three weeks of Segments. */
const numbersPerProcess = 1_000_000;
const initsPerProcess = 10_000;

/** Where a Packager begins. */
export interface Beginning {
  firstMsn: number;
  firstInitIndex: number;
  playlist: MediaPlaylist;
}

/**
 * What goes on from one Packager of a Publication to the next, so that nothing that players or caches hold is named or
 * numbered twice: Segments, InitSections, discontinuities, media time.
 */
export class Continuation {
  #nextMsn: number;
  #nextInitIndex: number;
  #playlist: MediaPlaylist | undefined;
  #time: MediaTime = 0;

  /** `restarts`: hls processes before this one: how far they had come nobody knows, and caches keep what they named. */
  constructor(restarts = 0) {
    this.#nextMsn = restarts * numbersPerProcess;
    this.#nextInitIndex = restarts * initsPerProcess;
  }

  /** Media times up to here have been used. */
  get time(): MediaTime {
    return this.#time;
  }

  used(time: MediaTime): void {
    this.#time = Math.max(this.#time, time);
  }

  /** A Packager has ended. */
  keep({ store, playlist }: Packager): void {
    this.#nextMsn = Math.max(this.#nextMsn, store.nextMsn);
    this.#nextInitIndex = Math.max(this.#nextInitIndex, store.nextInitIndex);
    this.#playlist = playlist;
  }

  /** For one that goes on with `store`, whose Segments of the last `windowS` are listed. */
  begin(store: SegmentStore, windowS: number): Beginning {
    for (const { start, duration } of store.segments) this.used(start + duration);
    const before = this.#playlist;
    const listed = store.segments.filter(({ msn }) => !before || msn >= before.first);
    const stored = listed.length > 0 ? listed : store.segments;
    const entries = stored.map((segment) => ({ ...segment, unixMs: segment.unixMs }));
    const firstInitIndex = Math.max(store.nextInitIndex, this.#nextInitIndex);
    if (entries.length === 0) {
      const firstMsn = Math.max(store.nextMsn, this.#nextMsn);
      const discontinuitySequence = before?.lastDiscontinuitySequence ?? 0;
      return { firstMsn, firstInitIndex, playlist: new MediaPlaylist({ firstMsn, discontinuitySequence }) };
    }
    const discontinuitySequence = before ? sequenceAt(before, entries[0]!.msn) : 0;
    const playlist = new MediaPlaylist({ entries, discontinuitySequence });
    playlist.removeBefore(firstWithin(playlist.entries, windowS));
    // Where a Recording goes on after a fault, its numbers do: a gap would cut off what it has.
    return { firstMsn: store.nextMsn, firstInitIndex, playlist };
  }
}

/** EXT-X-DISCONTINUITY-SEQUENCE of `playlist` if its first Segment were `msn`. */
function sequenceAt(playlist: MediaPlaylist, msn: number): number {
  const gone = playlist.entries.filter((entry) => entry.discontinuity && entry.msn < msn);
  return playlist.discontinuitySequence + gone.length;
}

/** Number of the first Segment of the last `windowS` seconds. */
export function firstWithin(entries: readonly PlaylistEntry[], windowS: number): number {
  let ticks = 0;
  for (let i = entries.length - 1; i >= 0; i--) {
    ticks += entries[i]!.duration;
    if (ticks > windowS * hlsTimescale) return entries[i]!.msn + 1;
  }
  return entries[0]?.msn ?? 0;
}
