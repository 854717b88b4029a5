import type { EventRow, HistoryRows, ObjectTrackRow } from '../src/stores/HistoryStore.ts';
import type { EventScope } from '../src/stores/HistoryQueries.ts';
import type { TrackScope } from '../src/history/trackRows.ts';

/** For tests: history drawn from a seed, and what a query has to answer, by looking at every row. */

/** Mulberry32: 0..1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const startMs = Date.UTC(2026, 10, 20, 10, 0, 0);
export const hoursMade = 12;
const spanMs = hoursMade * 3_600_000;
/** A third without a zone, the others in one or both of their Stream. */
const zonesOf = (stream: string, draw: number): string[] =>
  draw < 0.33 ? [] : draw < 0.6 ? [`${stream}-a`] : draw < 0.8 ? [`${stream}-b`] : [`${stream}-a`, `${stream}-b`];
export const pick = <T>(random: () => number, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
export const madeStreams = ['front', 'back', 'quiet'];
export const madeLabels = ['person', 'person', 'person', 'car', 'car', 'dog', 'umbrella'];

/** Many of one moment, so that order hangs on the ids too; one of ten is there for minutes to hours. */
export function madeTrack(random: () => number, trackId: number, atMs?: number): ObjectTrackRow {
  const streamId = pick(random, ['front', 'front', 'back', 'quiet']);
  const from = atMs ?? startMs + Math.floor(random() * 2_000) * (spanMs / 2_000);
  const half = from < startMs + spanMs / 2 ? 1 : 2;
  const publicationId = `${streamId}-p${half}`;
  const seconds = random() < 0.1 ? random() ** 3 * 20_000 : random() * 30;
  return {
    ...{ runId: `${publicationId}-r${pick(random, [1, 2])}`, trackId, streamId, publicationId },
    ...{
      label: pick(random, madeLabels),
      startedAt: new Date(from),
      endedAt: new Date(Math.round(from + seconds * 1000)),
    },
    ...{ firstRtp: trackId, lastRtp: 2 ** 32 - 1, frames: 1 + trackId, bestScore: Math.round(random() * 1000) / 1000 },
    ...{ bestRtp: 7, bestBox: [0.125, 0.25, 0.5, 0.0625], zoneIds: zonesOf(streamId, random()), ended: random() < 0.9 },
    hasThumbnail: false,
  };
}

const eventKinds = ['entered', 'left', 'dwell', 'crossedIn', 'streamUp'];
export function madeEvent(random: () => number, index: number): EventRow {
  const streamId = pick(random, madeStreams);
  return {
    ...{ id: `event ${index}`, kind: pick(random, eventKinds), streamId, streamName: 'as it was' },
    at: new Date(startMs + Math.floor(random() * 500) * 60_000),
    ...{ publicationId: `${streamId}-p1`, rtpTimestamp: 2 ** 32 - 1, trackId: null, runId: null, zoneName: null },
    zoneId: random() < 0.5 ? `${streamId}-a` : null,
    label: random() < 0.8 ? pick(random, madeLabels) : null,
    data: { cause: 'moved', dwellSeconds: 1.5 },
  };
}

export const noRows = (rows: Partial<HistoryRows>): HistoryRows => ({
  ...{ batches: [], models: [], tracks: [], thumbnails: [], events: [], properties: [], heatmaps: [] },
  ...rows,
});

export const trackKey = ({ runId, trackId }: ObjectTrackRow): string => `${runId} ${trackId}`;
const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);

export function expectedTracks(all: readonly ObjectTrackRow[], scope: TrackScope): ObjectTrackRow[] {
  return all
    .filter(
      (one) =>
        (scope.streamId === undefined || one.streamId === scope.streamId) &&
        (scope.publicationId === undefined || one.publicationId === scope.publicationId) &&
        (scope.runId === undefined || one.runId === scope.runId) &&
        (scope.trackId === undefined || one.trackId === scope.trackId) &&
        (scope.zoneId === undefined || one.zoneIds.includes(scope.zoneId)) &&
        (scope.label === undefined || one.label === scope.label) &&
        (scope.minScore === undefined || Math.fround(one.bestScore) >= Math.fround(scope.minScore)) &&
        (!scope.to || one.startedAt < scope.to) &&
        (!scope.from || one.startedAt >= scope.from || one.endedAt >= scope.from),
    )
    .sort(
      (a, b) =>
        b.startedAt.getTime() - a.startedAt.getTime() || compare(b.runId, a.runId) || compare(b.trackId, a.trackId),
    );
}

export function expectedEvents(all: readonly EventRow[], scope: EventScope): EventRow[] {
  return all
    .filter(
      (one) =>
        (['streamId', 'kind', 'zoneId', 'label'] as const).every(
          (key) => scope[key] === undefined || one[key] === scope[key],
        ) &&
        (!scope.from || one.at >= scope.from) &&
        (!scope.to || one.at < scope.to),
    )
    .sort((a, b) => b.at.getTime() - a.at.getTime() || compare(b.id, a.id));
}
