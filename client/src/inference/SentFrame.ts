import { rtpTicksBetween } from '@framelock/server/protocol';

/** A frame that was given to the encoder: a captured one, or a pilot, as in radio: one whose place is known beforehand. */
export interface SentFrame {
  /** Undefined = a pilot: a picture that was sent once more, at a time of our choosing. */
  id: number | undefined;
  /** VideoFrame.timestamp, µs. */
  timestampUs: number;
  /** performance.now() of the worker, ms. */
  writtenAtMs: number;
}

/** RTP ticks; libwebrtc rounds capture times to whole ms, so that they were up to 1 ms astray. */
export const toleranceTicks = 180;
/** Frames have to be that far from each other to be told apart, with a ms to spare, µs. */
export const distinctUs = (2 * toleranceTicks * 1000) / 90 + 1_500;

/** RTP timestamp less the frame's own, u32; both wrap. */
export function offsetOf(rtpTimestamp: number, timestampUs: number): number {
  return (rtpTimestamp - Math.round(timestampUs * 0.09)) >>> 0;
}

/**
 * The frame after `afterUs` whose timestamp and this offset make this RTP timestamp. 'none' fits, or 'several' do: then
 * also where a second one is only nearly as near.
 */
export function findFrame(
  sent: readonly SentFrame[],
  rtpTimestamp: number,
  offset: number,
  afterUs: number,
): SentFrame | 'none' | 'several' {
  let hit: SentFrame | undefined;
  let near = 0;
  // The newest first: there it is, nearly always.
  for (let i = sent.length - 1; i >= 0; i--) {
    const frame = sent[i]!;
    if (frame.timestampUs <= afterUs) break;
    const error = Math.abs(rtpTicksBetween(offsetOf(rtpTimestamp, frame.timestampUs), offset));
    if (error <= toleranceTicks) hit = frame;
    if (error <= 2 * toleranceTicks) near++;
  }
  if (!hit) return 'none';
  return near > 1 ? 'several' : hit;
}
