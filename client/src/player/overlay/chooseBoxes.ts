import { rtpTicksBetween, videoClockRate, type DetectionMessage } from '@framelock/server/protocol';
import type { BufferedDetections, DetectionBuffer, Neighbours } from './DetectionBuffer.ts';
import type { DrawnKind } from './DrawnRecord.ts';
import { interpolate, type TimedBoxes } from './interpolate.ts';
import { placedBox, type PlacedBox } from './PlacedBox.ts';
import { predict } from './predict.ts';

/** Between analysed pictures further apart than this, or this long after the last one, nothing is drawn. */
export const longestGapTicks = videoClockRate;

export interface BoxChoice {
  kind: DrawnKind;
  boxes: readonly PlacedBox[];
  /** The time the boxes stand for; null = there are none to stand for anything. */
  boxesRtp: number | null;
  /** The newest message they were made from. */
  message: DetectionMessage | undefined;
}

export interface ChooseOptions {
  /** Predict from the past where the future is not known. Lock never does: it waits for the picture's own. */
  predictions: boolean;
  /** The picture's timestamp is the pixels' own. If not, nothing is called exact. */
  own: boolean;
}

const nothing: readonly PlacedBox[] = [];
const around: Neighbours = { before: undefined, earlier: undefined, after: undefined };

/** Which boxes belong on the picture of this RTP timestamp, and how they came to be. */
export function chooseBoxes(buffer: DetectionBuffer, rtp: number, { predictions, own }: ChooseOptions): BoxChoice {
  const exact = buffer.exact(rtp);
  if (exact) return exactChoice(exact, own);
  const { before, earlier, after } = buffer.neighbours(rtp, around);
  if (before && after && joinable(before, after)) {
    const boxes = interpolate(timedBoxes(before), timedBoxes(after), rtp);
    return { kind: own ? 'interpolated' : 'extrapolated', boxes, boxesRtp: rtp, message: after.message };
  }
  if (predictions && before && !after && rtpTicksBetween(rtp, before.message.rtp) <= longestGapTicks) {
    const past = earlier && joinable(earlier, before) ? timedBoxes(earlier) : undefined;
    const prediction = predict(timedBoxes(before), past, rtp);
    return { kind: 'extrapolated', boxes: prediction.boxes, boxesRtp: prediction.rtp, message: before.message };
  }
  return { kind: 'unanalysed', boxes: nothing, boxesRtp: null, message: undefined };
}

export function exactChoice(entry: BufferedDetections, own: boolean): BoxChoice {
  const { rtp, boxes } = timedBoxes(entry);
  return { kind: own ? 'exact' : 'extrapolated', boxes, boxesRtp: rtp, message: entry.message };
}

/** Label indices mean the same in both, and they are close enough for their objects to be the same. */
function joinable(a: BufferedDetections, b: BufferedDetections): boolean {
  return a.message.model === b.message.model && rtpTicksBetween(b.message.rtp, a.message.rtp) <= longestGapTicks;
}

/** Several pictures are drawn from one message: its boxes are made at the first. */
function timedBoxes(entry: BufferedDetections): TimedBoxes {
  const { message } = entry;
  return (entry.placed ??= { rtp: message.rtp, boxes: message.o.map(placedBox) });
}
