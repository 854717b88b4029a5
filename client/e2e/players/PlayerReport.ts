/** A place at which playing stopped for a while. Times are Unix ms, so that they can be laid beside the machine's load. */
export interface Stall {
  unixMs: number;
  tookMs: number;
  /** What was loaded ahead of the picture when it began: with media at hand, it was not the origin that was late. */
  bufferedAheadS: number;
  /** How late the page's own timer was around it. */
  pageLagMs: number;
  /** The element's `waiting`, or only that its time stood still. */
  event: boolean;
}

/** What one HLS client met. Only what came after start-up counts in `stalls`, `jumps` and `errors`. */
export interface PlayerReport {
  client: string;
  version: string;
  playlist: string;
  secondsPlayed: number;
  stalls: Stall[];
  /** Places where media is missing, in words. */
  gaps: string[];
  /** Places where the time leapt, in words. */
  jumps: string[];
  errors: string[];
  /** Its own figures, each client's other ones. */
  figures: Record<string, unknown>;
  /** Media times of the pictures that it got, in order; for `comparePictures`, not for the result. */
  pictureTicks?: number[];
}

/** One that could not be run here, and why. */
export interface SkippedPlayer {
  client: string;
  skipped: string;
}

export const faultsOf = ({ stalls, gaps, jumps, errors }: PlayerReport): number =>
  stalls.length + gaps.length + jumps.length + errors.length;
