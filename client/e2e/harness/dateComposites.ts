import { decodePictureCode } from '../clip/pictureCode.ts';
import type { ProofRecord } from './proofReader.ts';

/** Capture to canvas of the pictures that could be dated, ms. */
export interface DatedComposites {
  all: number[];
  /** Only those drawn with their own boxes. */
  exact: number[];
  /** Until the display frame after the one they were drawn in: as near to glass as a page can see. */
  displayed: number[];
  /** Captures that were not recorded: the number's last one was a loop of the clip ago. */
  undated: number;
}

/**
 * Dates each composite by the number burnt into it. The clip loops, so of a number's captures the last one before it was
 * drawn is the one that was drawn; `longestMs` must be shorter than the loop.
 */
export function dateComposites(
  records: readonly ProofRecord[],
  captured: Window['captured'],
  longestMs: number,
): DatedComposites {
  const capturedAt = new Map<number, number[]>();
  for (const { cells, atMs } of captured) {
    const frame = decodePictureCode(cells)?.frame;
    if (frame === undefined) continue;
    const times = capturedAt.get(frame);
    if (times) times.push(atMs);
    else capturedAt.set(frame, [atMs]);
  }
  const dated: DatedComposites = { all: [], exact: [], displayed: [], undated: 0 };
  for (const { cells, drawnAtMs, displayedAtMs, kind } of records) {
    const frame = decodePictureCode(cells)?.frame;
    const capturedMs = frame === undefined ? undefined : capturedAt.get(frame)?.findLast((atMs) => atMs <= drawnAtMs);
    if (capturedMs === undefined || drawnAtMs - capturedMs > longestMs) {
      dated.undated++;
      continue;
    }
    dated.all.push(drawnAtMs - capturedMs);
    if (displayedAtMs !== undefined) dated.displayed.push(displayedAtMs - capturedMs);
    if (kind === 'exact') dated.exact.push(drawnAtMs - capturedMs);
  }
  return dated;
}
