import { and, between, desc, eq, gte, lt, or, type SQL, sql } from 'drizzle-orm';
import { type PgColumn, unionAll } from 'drizzle-orm/pg-core';
import type { Drizzle } from '../connection.ts';
import { objectTracks, objectTrackZones, scoreClasses, spanClasses } from '../historySchema.ts';
import type { ObjectTrackRow } from '../stores/HistoryStore.ts';

/** All that is named has to hold. Of a range: the ObjectTrack touches it, `to` excluded. */
export interface TrackScope {
  streamId?: string | undefined;
  publicationId?: string | undefined;
  runId?: string | undefined;
  trackId?: number | undefined;
  zoneId?: string | undefined;
  label?: string | undefined;
  minScore?: number | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** First and last begin of what `publicationId` and `runId` name, so that an index by time is read there alone. */
  begins?: [Date, Date] | undefined;
}

/** The order of lists: newest first by `startedAt`, then by the other two. */
export interface TrackPosition {
  startedAt: Date;
  runId: string;
  trackId: number;
}

export const listedTrack = {
  runId: objectTracks.runId,
  trackId: objectTracks.trackId,
  streamId: objectTracks.streamId,
  publicationId: objectTracks.publicationId,
  label: objectTracks.label,
  startedAt: objectTracks.startedAt,
  endedAt: objectTracks.endedAt,
  firstRtp: objectTracks.firstRtp,
  lastRtp: objectTracks.lastRtp,
  frames: objectTracks.frames,
  bestScore: objectTracks.bestScore,
  bestRtp: objectTracks.bestRtp,
  bestBox: objectTracks.bestBox,
  zoneIds: objectTracks.zoneIds,
  ended: objectTracks.ended,
  hasThumbnail: objectTracks.hasThumbnail,
};

type Keys = Record<'startedAt' | 'runId' | 'trackId' | 'label' | 'bestScore' | 'scoreClass', PgColumn>;
const moment = (date: Date): SQL => sql`${date.toISOString()}::timestamptz`;
const shortestLongMs = spanClasses[0]! * 1000;

/**
 * One page, newest first. What began in the range, or so shortly before that only short ones could have ended since, comes
 * from the index of whichever filter is the narrowest. Behind them come long ones that reach into the range, by classes of
 * length: of each, only begins that near are looked at.
 */
export async function readTracks(
  drizzle: Drizzle,
  scope: TrackScope,
  after: TrackPosition | undefined,
  limit: number,
): Promise<ObjectTrackRow[]> {
  const { from } = scope;
  const reach = from && new Date(from.getTime() - shortestLongMs);
  if (!reach) return readPart(drizzle, scope, classesOf(scope), after, limit);
  const touches = or(gte(objectTracks.startedAt, from), gte(objectTracks.endedAt, from));
  const near = classesOf(scope).map((one) => and(one, gte(keysOf(scope).startedAt, reach), touches));
  const rows = after && after.startedAt < reach ? [] : await readPart(drizzle, scope, near, after, limit);
  if (rows.length >= limit) return rows;
  return [...rows, ...(await readPart(drizzle, scope, longAcross(scope, from, reach), after, limit - rows.length))];
}

/** Of each part its first rows, and of them the first. An empty condition is everything. */
async function readPart(
  drizzle: Drizzle,
  scope: TrackScope,
  parts: readonly (SQL | undefined)[],
  after: TrackPosition | undefined,
  limit: number,
): Promise<ObjectTrackRow[]> {
  const { startedAt, runId, trackId } = keysOf(scope);
  const newestFirst = [desc(startedAt), desc(runId), desc(trackId)];
  const filters = and(filtersOf(scope), after && olderThan(keysOf(scope), after));
  const queries = parts.map((part) => {
    const where = and(filters, part);
    const query = drizzle.select(listedTrack).from(objectTracks).$dynamic();
    if (scope.zoneId !== undefined) query.innerJoin(objectTrackZones, ofItsTrack);
    return query
      .where(where)
      .orderBy(...newestFirst)
      .limit(limit);
  });
  const [first, second, ...rest] = queries;
  if (!first || !second) return first ? first : [];
  const columns = { startedAt: sql`"started_at"`, runId: sql`"run_id"`, trackId: sql`"track_id"` };
  return unionAll(first, second, ...rest)
    .orderBy(desc(columns.startedAt), desc(columns.runId), desc(columns.trackId))
    .limit(limit);
}

const ofItsTrack = and(
  eq(objectTracks.runId, objectTrackZones.runId),
  eq(objectTracks.trackId, objectTrackZones.trackId),
);

/** Columns that are searched: of a zone, those that stand beside its id. */
function keysOf(scope: TrackScope): Keys {
  return scope.zoneId === undefined ? objectTracks : objectTrackZones;
}

/** A minimal score is looked for in each class from its own on, so that no low ones are read. */
function classesOf(scope: TrackScope): (SQL | undefined)[] {
  if (scope.minScore === undefined) return [undefined];
  // Columns hold float32: 0.7 is a little less there.
  const least = Math.fround(scope.minScore);
  const lowest = scoreClasses.filter((floor) => floor <= least).length;
  const { scoreClass, bestScore } = keysOf(scope);
  // In another type, the score is none that Postgres has figures of. By these few rows of all have it, while most of the
  // class do; it would read and sort the whole class.
  const isEnough = sql`${bestScore}::float8 >= ${least}::float8`;
  return Array.from({ length: scoreClasses.length + 1 - lowest }, (_, index) =>
    and(eq(scoreClass, lowest + index), index === 0 ? isEnough : undefined),
  );
}

/** Began before `reach`, and were there at `from`. */
function longAcross({ minScore }: TrackScope, from: Date, reach: Date): (SQL | undefined)[] {
  return spanClasses.map((_, index) => {
    const longerMs = (spanClasses[index + 1] ?? Infinity) * 1000;
    return and(
      // As a number in the text, Postgres knows that the partial index has it.
      sql`${objectTracks.spanClass} = ${sql.raw(String(index + 1))}`,
      lt(objectTracks.startedAt, reach),
      longerMs < Infinity ? gte(objectTracks.startedAt, new Date(from.getTime() - longerMs)) : undefined,
      gte(objectTracks.endedAt, from),
      minScore === undefined ? undefined : sql`${objectTracks.bestScore} >= ${Math.fround(minScore)}::float4`,
    );
  });
}

function filtersOf(scope: TrackScope): SQL | undefined {
  const { startedAt, label } = keysOf(scope);
  return and(
    scope.zoneId === undefined ? undefined : eq(objectTrackZones.zoneId, scope.zoneId),
    scope.streamId === undefined ? undefined : eq(objectTracks.streamId, scope.streamId),
    scope.publicationId === undefined ? undefined : eq(objectTracks.publicationId, scope.publicationId),
    scope.runId === undefined ? undefined : eq(keysOf(scope).runId, scope.runId),
    scope.trackId === undefined ? undefined : eq(keysOf(scope).trackId, scope.trackId),
    scope.label === undefined ? undefined : eq(label, scope.label),
    scope.to && lt(startedAt, scope.to),
    scope.begins && between(startedAt, ...scope.begins),
  );
}

const olderThan = ({ startedAt, runId, trackId }: Keys, after: TrackPosition): SQL =>
  sql`(${startedAt}, ${runId}, ${trackId}) < (${moment(after.startedAt)}, ${after.runId}, ${after.trackId}::int4)`;
