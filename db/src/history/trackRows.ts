import { and, asc, between, desc, eq, gte, lt, or, type SQL, sql } from 'drizzle-orm';
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

/** Conditions of a search: on what indexes are searched by, and on the rest of an ObjectTrack. */
interface Part {
  searched?: SQL | undefined;
  rest?: SQL | undefined;
}
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
  const near = classesOf(scope).map(({ searched }) => {
    return { searched: and(searched, gte(keysOf(scope).startedAt, reach)), rest: touches };
  });
  const rows = after && after.startedAt < reach ? [] : await readPart(drizzle, scope, near, after, limit);
  if (rows.length >= limit || !(await isOlderThan(drizzle, reach))) return rows;
  return [...rows, ...(await readLong(drizzle, scope, [from, reach], after, limit - rows.length))];
}

/** Anything began before. For a range that begins before all there is, Postgres plans the search for long ones for 0.1 s. */
async function isOlderThan(drizzle: Drizzle, reach: Date): Promise<boolean> {
  const { startedAt } = objectTracks;
  const [oldest] = await drizzle.select({ startedAt }).from(objectTracks).orderBy(asc(startedAt)).limit(1);
  return oldest !== undefined && oldest.startedAt < reach;
}

/** Of each part its first rows, and of them the first. */
async function readPart(
  drizzle: Drizzle,
  scope: TrackScope,
  parts: readonly Part[],
  after: TrackPosition | undefined,
  limit: number,
): Promise<ObjectTrackRow[]> {
  const keys = keysOf(scope);
  const newestFirst = [desc(keys.startedAt), desc(keys.runId), desc(keys.trackId)];
  const older = after && olderThan(keys, after);
  const queries = parts.map((part) => {
    const [searched, rest] = [and(searchedOf(scope), part.searched, older), and(restOf(scope), part.rest)];
    // The type of one knows of its second table; what comes out is the same.
    const query =
      scope.zoneId === undefined
        ? inTracks(drizzle, and(searched, rest))
        : (inZone(drizzle, searched, rest) as unknown as ReturnType<typeof inTracks>);
    return query.orderBy(...newestFirst).limit(limit);
  });
  const [first, second, ...others] = queries;
  if (!first || !second) return first ? first : [];
  return unionAll(first, second, ...others)
    .orderBy(desc(sql`"started_at"`), desc(sql`"run_id"`), desc(sql`"track_id"`))
    .limit(limit);
}

/** Began before `reach`, and were there at `from`. */
async function readLong(
  drizzle: Drizzle,
  scope: TrackScope,
  [from, reach]: [Date, Date],
  after: TrackPosition | undefined,
  limit: number,
): Promise<ObjectTrackRow[]> {
  const { startedAt, runId, trackId } = objectTracks;
  const long = { ...scope, zoneId: undefined };
  const older = after && olderThan(objectTracks, after);
  // As an expression, the order is none of an index: by one Postgres might read all that ever began until a page is full.
  return inTracks(drizzle, and(searchedOf(long), restOf(long), longAcross(scope, from, reach), older))
    .orderBy(sql`${startedAt} + interval '0' desc`, desc(runId), desc(trackId))
    .limit(limit);
}

const inTracks = (drizzle: Drizzle, where: SQL | undefined) =>
  drizzle.select(listedTrack).from(objectTracks).where(where).$dynamic();

/**
 * Each row of a zone with its ObjectTrack, one by one. Of a plain join of two columns Postgres expects so few rows that it
 * would look at all of the zone, with several processes, instead of at as many as a page takes.
 */
function inZone(drizzle: Drizzle, searched: SQL | undefined, rest: SQL | undefined) {
  const { runId, trackId } = objectTrackZones;
  const track = drizzle
    .select(listedTrack)
    .from(objectTracks)
    .where(and(eq(objectTracks.runId, runId), eq(objectTracks.trackId, trackId), rest))
    .limit(1)
    .as('track');
  const columns = Object.fromEntries(Object.keys(listedTrack).map((key) => [key, track[key as 'runId']]));
  return drizzle
    .select(columns as unknown as typeof listedTrack)
    .from(objectTrackZones)
    .crossJoinLateral(track)
    .where(searched)
    .$dynamic();
}

/** Columns that are searched: of a zone, those that stand beside its id. */
function keysOf(scope: TrackScope): Keys {
  return scope.zoneId === undefined ? objectTracks : objectTrackZones;
}

/** Class of ObjectTracks with this best score, as Postgres has it: columns and floors are float32, where 0.9 is a little less. */
export const firstClassOf = (score: number): number =>
  scoreClasses.filter((floor) => Math.fround(floor) <= Math.fround(score)).length;

/** A minimal score is looked for in each class from its own on, so that no low ones are read. */
function classesOf(scope: TrackScope): Part[] {
  if (scope.minScore === undefined) return [{}];
  const lowest = firstClassOf(scope.minScore);
  const { scoreClass, bestScore } = keysOf(scope);
  // In another type, the score is none that Postgres has figures of. By these few rows of all have it, while most of the
  // class do; it would read and sort the whole class.
  const isEnough = sql`${bestScore}::float8 >= ${Math.fround(scope.minScore)}::float8`;
  return Array.from({ length: scoreClasses.length + 1 - lowest }, (_, index) => ({
    searched: and(eq(scoreClass, lowest + index), index === 0 ? isEnough : undefined),
  }));
}

/** About as many as there are long ones at any moment. */
function longAcross({ minScore, zoneId }: TrackScope, from: Date, reach: Date): SQL | undefined {
  const { spanClass, startedAt, endedAt, bestScore, zoneIds } = objectTracks;
  const classes = spanClasses.map((_, index) => {
    const longerMs = (spanClasses[index + 1] ?? Infinity) * 1000;
    return and(
      // As a number in the text, Postgres knows that the partial index has it.
      sql`${spanClass} = ${sql.raw(String(index + 1))}`,
      lt(startedAt, reach),
      longerMs < Infinity ? gte(startedAt, new Date(from.getTime() - longerMs)) : undefined,
    );
  });
  const isEnough = minScore === undefined ? undefined : sql`${bestScore} >= ${Math.fround(minScore)}::float4`;
  const isInZone = zoneId === undefined ? undefined : sql`${zoneId} = any(${zoneIds})`;
  return and(or(...classes), gte(endedAt, from), isEnough, isInZone);
}

function searchedOf(scope: TrackScope): SQL | undefined {
  const { startedAt, label, runId, trackId } = keysOf(scope);
  return and(
    scope.zoneId === undefined ? undefined : eq(objectTrackZones.zoneId, scope.zoneId),
    scope.runId === undefined ? undefined : eq(runId, scope.runId),
    scope.trackId === undefined ? undefined : eq(trackId, scope.trackId),
    scope.label === undefined ? undefined : eq(label, scope.label),
    scope.to && lt(startedAt, scope.to),
    scope.begins && between(startedAt, ...scope.begins),
  );
}

function restOf({ streamId, publicationId }: TrackScope): SQL | undefined {
  return and(
    streamId === undefined ? undefined : eq(objectTracks.streamId, streamId),
    publicationId === undefined ? undefined : eq(objectTracks.publicationId, publicationId),
  );
}

const olderThan = ({ startedAt, runId, trackId }: Keys, after: TrackPosition): SQL =>
  sql`(${startedAt}, ${runId}, ${trackId}) < (${moment(after.startedAt)}, ${after.runId}, ${after.trackId}::int4)`;
