import type { Timeline } from '../Playback.ts';
import type { HlsFigures } from '../PlayerStats.ts';

/** One playlist on one <video>, until closed: by Media Source Extensions (`HlsMedia`) or by the browser itself. */
export interface HlsVideo {
  /** undefined until the playlist is there. */
  readonly timeline: Timeline | undefined;
  readonly figures: HlsFigures;
  /** 0 = not known. */
  readonly bitrateBps: number;
  readonly codec: string;
  /** Unix ms at which what is shown at this time of the video was captured; undefined = the playlist does not say. */
  capturedAtMs(videoS: number): number | undefined;
  /** Where on the timeline what was captured at this Unix ms is shown, else what is nearest; undefined = not known. */
  positionOf(unixMs: number): number | undefined;
  /** URL of a picture near this place. */
  thumbnailAt(videoS: number): string | undefined;
  /** Seconds on the timeline. */
  seek(positionS: number): void;
  seekLive(): void;
  close(): void;
}
