import { videoClockRate } from '../../rtpTime.ts';
import { maxCountedLabels, otherLabels, type ZoneEvent } from '../../zones.ts';
import type { FrameMoment, ZoneTrack } from './ZoneTrack.ts';

/**
 * Whoever crossed a border less far than its jitter stays where it was, until it went further, or was on the other side
 * in every Frame for this long and in so many. Either way the crossing is dated back to where its path met the border.
 */
const settleTicks = videoClockRate;
const settleFrames = 8;

/** A path met a border, and it is not settled whether that holds. */
export interface Crossing {
  atTicks: number;
  /** 0..1 of the picture. */
  x: number;
  y: number;
  /** The first Frame after it. */
  shownTicks: number;
  shownRtp: number;
  /** So many Frames show the object beyond it. */
  frames: number;
}

export function crossingIn(frame: FrameMoment): Crossing {
  return { atTicks: frame.ticks, x: 0, y: 0, shownTicks: frame.ticks, shownRtp: frame.rtpTimestamp, frames: 0 };
}

/** `part`: 0..1 of the way from the track's last place to its present one; the object is where `part` is 1 when it is new. */
export function dateCrossing(
  crossing: Crossing,
  track: ZoneTrack,
  frame: FrameMoment,
  y: [number, number],
  part: number,
) {
  const from = track.isNew ? track.x : track.previousX;
  const fromTicks = track.isNew ? frame.ticks : track.previousTicks;
  crossing.atTicks = fromTicks + part * (frame.ticks - fromTicks);
  crossing.x = from + part * (track.x - from);
  crossing.y = y[0] + part * (y[1] - y[0]);
  crossing.shownTicks = frame.ticks;
  crossing.shownRtp = frame.rtpTimestamp;
  crossing.frames = 0;
}

/** For a crossing that was just seen again in `frame`. */
export function isSettled(crossing: Crossing, frame: FrameMoment): boolean {
  return crossing.frames >= settleFrames && frame.ticks - crossing.atTicks >= settleTicks;
}

export type EventSink = (event: ZoneEvent) => void;

/** Which labels count; null = all. */
export class LabelFilter {
  readonly #labels: ReadonlySet<string> | undefined;

  constructor(labels: readonly string[] | null) {
    this.#labels = labels ? new Set(labels) : undefined;
  }

  takes(label: string): boolean {
    return this.#labels === undefined || this.#labels.has(label);
  }
}

/** One more of this label; labels beyond the limit are counted together. */
export function countLabel(counts: Map<string, number>, label: string): void {
  const key = counts.has(label) || counts.size < maxCountedLabels ? label : otherLabels;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
