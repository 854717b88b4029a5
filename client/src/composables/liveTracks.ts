import type { DrawnRecord } from '../player/Player.ts';

/** One ObjectTrack as this page has seen it. */
export interface LiveTrack {
  trackId: number;
  label: string;
  /** Of its newest detection. */
  score: number;
  color: string;
  /** Unix ms. */
  sinceMs: number;
  lastMs: number;
  /** It was there in the first picture that this page saw, so that it is older than that. */
  wasThere: boolean;
  /** Box 0..1 of the picture, top left corner. */
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Out of sight for so long, a row is faded, and then goes. */
export const fadedAfterMs = 700;
const goneAfterMs = 2_500;
/** More than anybody reads. */
const mostTracks = 500;

/** Keyed by track what the player draws: fed with every composite, asked a few times a second. */
export class LiveTracks {
  readonly #tracks = new Map<number, LiveTrack>();
  #publicationId = '';
  #isFirst = true;

  /** No allocation except for an ObjectTrack that is new. Predictions are not seen, and count for nothing. */
  add({ publicationId, boxes, drawnAtMs, kind }: DrawnRecord): void {
    if (publicationId !== this.#publicationId) {
      this.clear();
      this.#publicationId = publicationId;
    }
    if (kind !== 'exact' && kind !== 'interpolated') return;
    for (const box of boxes) {
      if (box.trackId === 0 || box.predicted) continue;
      let track = this.#tracks.get(box.trackId);
      if (!track) {
        if (this.#tracks.size >= mostTracks) continue;
        track = { ...placeOf(box), trackId: box.trackId, sinceMs: drawnAtMs, lastMs: 0, wasThere: this.#isFirst };
        this.#tracks.set(box.trackId, track);
      }
      track.label = box.label;
      track.score = box.score;
      track.color = box.color;
      track.x = box.x;
      track.y = box.y;
      track.w = box.w;
      track.h = box.h;
      track.lastMs = drawnAtMs;
    }
    this.#isFirst = false;
  }

  /** Copies, the oldest first: a row keeps its place while others come and go. Forgets what has gone. */
  list(nowMs: number): LiveTrack[] {
    for (const [id, { lastMs }] of this.#tracks) if (nowMs - lastMs > goneAfterMs) this.#tracks.delete(id);
    return [...this.#tracks.values()]
      .map((track) => ({ ...track }))
      .sort((a, b) => a.sinceMs - b.sinceMs || a.trackId - b.trackId);
  }

  /** Ids of another run of the analysis mean other objects. */
  clear(): void {
    this.#tracks.clear();
    this.#isFirst = true;
  }
}

function placeOf({ label, score, color, x, y, w, h }: DrawnRecord['boxes'][number]) {
  return { label, score, color, x, y, w, h };
}

/** How many of each label, most first. */
export function countLabels(tracks: readonly Pick<LiveTrack, 'label' | 'color'>[]) {
  const counts = new Map<string, { label: string; color: string; count: number }>();
  for (const { label, color } of tracks) {
    const entry = counts.get(label) ?? { label, color, count: 0 };
    entry.count++;
    counts.set(label, entry);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
}
