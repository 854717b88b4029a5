import { hlsTimescale, type StoredRecording } from '@framelock/server/protocol';
import type { PublicationFile } from './publicationFile.ts';
import type { StoredInit, StoredSegment } from './segmentIndex.ts';

/** Sums over segments, which a store keeps as it goes. */
export function sumSegments(segments: readonly StoredSegment[]): { ticks: number; bytes: number } {
  let ticks = 0;
  let bytes = 0;
  for (const segment of segments) {
    ticks += segment.duration;
    bytes += segment.bytes + segment.extraBytes;
  }
  return { ticks, bytes };
}

/** What the API tells of a Recording, from what its folder holds. */
export function summarise(
  file: PublicationFile,
  inits: readonly StoredInit[],
  segments: readonly StoredSegment[],
  sums: { ticks: number; bytes: number },
): StoredRecording {
  const durationS = sums.ticks / hlsTimescale;
  const first = segments[0];
  const last = segments.at(-1);
  const startedAtMs = first?.unixMs ?? file.createdAtMs;
  const endedAtMs =
    last?.unixMs === undefined ? startedAtMs + durationS * 1_000 : last.unixMs + ticksToMs(last.duration);
  const init = inits.find(({ index }) => index === last?.initIndex) ?? inits.at(-1);
  return {
    publicationId: file.publicationId,
    streamId: file.streamId,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(Math.max(startedAtMs, endedAtMs)).toISOString(),
    durationS,
    bytes: sums.bytes,
    width: init?.width ?? 0,
    height: init?.height ?? 0,
    hasAudio: inits.some(({ hasAudio }) => hasAudio),
    segments: segments.length,
    state: file.state === 'live' ? 'recording' : file.state,
  };
}

const ticksToMs = (ticks: number): number => (ticks / hlsTimescale) * 1_000;
