import { rtpTicksBetween } from '@framelock/server/protocol';
import { matchBoxes } from './matchBoxes.ts';
import type { PlacedBox } from './PlacedBox.ts';

export interface TimedBoxes {
  rtp: number;
  boxes: readonly PlacedBox[];
}

/**
 * Where the objects were at `rtp`, between two analysed pictures: linear, for objects found in both. One found in only
 * one of them is left out, since nobody saw when it came or went.
 */
export function interpolate(before: TimedBoxes, after: TimedBoxes, rtp: number): PlacedBox[] {
  const spanTicks = rtpTicksBetween(after.rtp, before.rtp);
  const share = spanTicks > 0 ? Math.min(1, Math.max(0, rtpTicksBetween(rtp, before.rtp) / spanTicks)) : 0;
  const partners = matchBoxes(before.boxes, after.boxes);
  const boxes: PlacedBox[] = [];
  for (const [i, a] of before.boxes.entries()) {
    const b = partners[i];
    if (!b) continue;
    boxes.push({
      trackId: a.trackId || b.trackId,
      labelIndex: a.labelIndex,
      score: mix(a.score, b.score, share),
      x: mix(a.x, b.x, share),
      y: mix(a.y, b.y, share),
      w: mix(a.w, b.w, share),
      h: mix(a.h, b.h, share),
    });
  }
  return boxes;
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
