import { hlsPartTicks, hlsTargetDurationS, hlsTimescale } from '@framelock/server/protocol';
import type { InitSection, Part, Segment } from '../media.ts';

/**
 * PART-TARGET as it is declared, in ticks: no Part is longer. A little over `hlsPartTicks`, for ten frames of a camera
 * that says 30 fps take 0.333 s only on average.
 */
export const partTargetTicks = Math.round(hlsPartTicks * 1.05);
/** The same for the playlist, in seconds. */
export const partTargetS = partTargetTicks / hlsTimescale;
/** A Part that is not its Segment's last has at least this (RFC 8216bis 4.4.4.9), where frames allow it. */
export const minPartTicks = Math.ceil(partTargetTicks * 0.85);
/** EXTINF must round to no more than TARGETDURATION (RFC 8216bis 4.4.3.1). */
export const maxSegmentTicks = Math.floor((hlsTargetDurationS + 0.49) * hlsTimescale);
/** A longer pause between two pictures is a discontinuity. */
export const maxGapTicks = hlsTimescale;

export interface SegmenterEvents {
  /** Before the first Part that needs it. */
  onInit(init: InitSection): void;
  /**
   * A Part is complete. `segment` is its Segment so far, this Part included, the same object each time. After the
   * last one of a Segment `onSegment` follows at once: publish both together, so that nobody is told of a next Part
   * that never comes.
   */
  onPart(part: Part, segment: Segment, last: boolean): void;
  onSegment(segment: Segment): void;
  /** A key frame is due: once per Segment, and once a second while nothing can begin without one. */
  onWantKeyFrame(): void;
  /** None came in time: a Segment had to end, and the next one begins without. */
  onLateKeyFrame(): void;
}

/** Everything that did not go as it should, since it began. */
export interface SegmenterCounts {
  /** Pictures that nothing could begin with. */
  framesBeforeKeyFrame: number;
  /** Breaks of the timeline: gaps, jumps, other encoders. */
  discontinuities: number;
  lateKeyFrames: number;
  /** Parts over PART-TARGET, for a picture in them lasted long. */
  longParts: number;
  partsWithoutTheirAudio: number;
  /** Audio frames in a later Part than theirs. */
  audioLate: number;
  /** Dropped: from before the first picture of a timeline. */
  audioBeforeVideo: number;
  /** Dropped: after the last picture of a timeline. */
  audioAfterVideo: number;
  /** Dropped: it came with a time before what was there. */
  audioBackwards: number;
  /** Dropped: no picture came for it for long. */
  audioOverflow: number;
  /** Dropped: no Part came for it. */
  detectionsDropped: number;
}

export const noCounts = (): SegmenterCounts => ({
  framesBeforeKeyFrame: 0,
  discontinuities: 0,
  lateKeyFrames: 0,
  longParts: 0,
  partsWithoutTheirAudio: 0,
  audioLate: 0,
  audioBeforeVideo: 0,
  audioAfterVideo: 0,
  audioBackwards: 0,
  audioOverflow: 0,
  detectionsDropped: 0,
});
