import { rtpTicksBetween, videoClockRate } from '@framelock/server/protocol';
import type { TimedBoxes } from './interpolate.ts';
import { matchBoxes } from './matchBoxes.ts';
import type { PlacedBox } from './PlacedBox.ts';

/** Movement is predicted this far, then the boxes stay where they are. */
export const longestPredictionTicks = 0.2 * videoClockRate;

export interface Prediction {
  boxes: PlacedBox[];
  /** The time the boxes stand for: `rtp`, or where the prediction stopped. */
  rtp: number;
}

/**
 * Where the objects of the newest analysed picture are by `rtp`, with the speed they had since the one before (constant
 * velocity of the centre, size as last seen). An object without a past stands still.
 */
export function predict(last: TimedBoxes, earlier: TimedBoxes | undefined, rtp: number): Prediction {
  const ageTicks = Math.min(longestPredictionTicks, Math.max(0, rtpTicksBetween(rtp, last.rtp)));
  const spanTicks = earlier ? rtpTicksBetween(last.rtp, earlier.rtp) : 0;
  const stillAt = (last.rtp + ageTicks) >>> 0;
  if (!earlier || spanTicks <= 0) return { boxes: last.boxes.map((box) => ({ ...box })), rtp: stillAt };
  const partners = matchBoxes(last.boxes, earlier.boxes);
  const share = ageTicks / spanTicks;
  const boxes = last.boxes.map((box, i) => {
    const past = partners[i];
    if (!past) return { ...box };
    const dx = box.x + box.w / 2 - (past.x + past.w / 2);
    const dy = box.y + box.h / 2 - (past.y + past.h / 2);
    return { ...box, x: box.x + dx * share, y: box.y + dy * share };
  });
  return { boxes, rtp: stillAt };
}
