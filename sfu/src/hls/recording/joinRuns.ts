import { hlsTimescale } from '@framelock/server/protocol';
import type { StoredSegment } from '../store/segmentIndex.ts';

/** Segments with one init section. */
export interface Run {
  initIndex: number;
  /** `offset`: to be added to its media times. undefined: so that the first sample of all gets time 0. */
  segments: { segment: StoredSegment; offset: number | undefined }[];
}

/** A step in media time over which players would stop. */
const jumpTicks = hlsTimescale;

/** One timeline of Segments that may be none: what follows a discontinuity begins where the Segment before it ended. */
export function joinRuns(segments: readonly StoredSegment[]): Run[] {
  const runs: Run[] = [];
  const first = segments[0];
  if (!first) return runs;
  // Relative to the first Segment's start, which gets its place when its bytes are there.
  let offset = -first.start;
  let end = 0;
  let joined = false;
  for (const segment of segments) {
    const isJump = Math.abs(segment.start + offset - end) > jumpTicks;
    if (segment !== first && (segment.discontinuity || isJump)) {
      offset = end - segment.start;
      joined = true;
    }
    end = segment.start + offset + segment.duration;
    if (runs.at(-1)?.initIndex !== segment.initIndex) runs.push({ initIndex: segment.initIndex, segments: [] });
    runs.at(-1)!.segments.push({ segment, offset: joined ? offset : undefined });
  }
  return runs;
}
