import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { objectTracks, objectTrackZones } from '../historySchema.ts';

/** What is counted: ObjectTracks that began in [from, to). */
export interface CountScope {
  streamId?: string | undefined;
  zoneId?: string | undefined;
  label?: string | undefined;
  from: Date;
  to: Date;
}

/** ObjectTracks of a label that began in one of the equal slices of a range. Whole where `exact`. */
export interface SliceCount {
  slice: number;
  label: string;
  tracks: number;
  exact: boolean;
}

/** Labels of a Stream that are told of, at most. */
const maxLabels = 500;

/**
 * Counts by slice and label at a bounded cost: of each slice at most `perSlice` ObjectTracks are read, the first ones. Where
 * there are more, the time that these took says how many the slice has. With `labels`, so many are read of each of them.
 */
export async function countSlices(
  drizzle: Drizzle,
  scope: CountScope,
  options: { slices: number; perSlice: number; labels?: readonly string[] },
): Promise<SliceCount[]> {
  const { slices, perSlice, labels } = options;
  const { zoneId, streamId, label, from, to } = scope;
  const table = zoneId === undefined ? objectTracks : objectTrackZones;
  const widthMs = (to.getTime() - from.getTime()) / slices;
  const width = sql`${widthMs}::float8 * interval '1 millisecond'`;
  const begin = sql`(${from.toISOString()}::timestamptz + "slices"."slice" * ${width})`;
  const first = drizzle
    .select({ label: sql<string>`${table.label}`.as('label'), startedAt: sql`${table.startedAt}`.as('started_at') })
    .from(table)
    .where(
      and(
        zoneId === undefined ? undefined : eq(objectTrackZones.zoneId, zoneId),
        streamId === undefined
          ? undefined
          : zoneId === undefined
            ? eq(objectTracks.streamId, streamId)
            : isOf(streamId),
        label === undefined ? undefined : eq(table.label, label),
        labels && sql`${table.label} = "labels"."label"`,
        sql`${table.startedAt} >= ${begin} and ${table.startedAt} < ${begin} + ${width}`,
      ),
    )
    .orderBy(asc(table.startedAt))
    .limit(perSlice + 1)
    .as('first');
  const parts = sql`generate_series(0, ${slices - 1}::int) "slices"("slice")`;
  const rows = await drizzle
    .select({
      slice: sql<number>`"slices"."slice"`.mapWith(Number),
      label: sql<string>`"first"."label"`,
      tracks: sql<number>`count(*)`.mapWith(Number),
      lastMs: sql<number>`max(extract(epoch from "first"."started_at" - ${begin}) * 1000)`.mapWith(Number),
    })
    .from(labels ? sql`jsonb_array_elements_text(${JSON.stringify(labels)}::jsonb) "labels"("label"), ${parts}` : parts)
    .crossJoinLateral(first)
    .groupBy(sql`1`, sql`2`);
  return labels ? rows.flatMap((row) => scaled([row], widthMs, perSlice)) : scaled(rows, widthMs, perSlice);
}

/** Of a row of a zone: looked up one by one, for as an `exists` Postgres might read all ObjectTracks. */
const isOf = (streamId: string): SQL =>
  sql`(select "of"."stream_id" from ${objectTracks} "of" where "of"."run_id" = ${objectTrackZones.runId} and "of"."track_id" = ${objectTrackZones.trackId}) = ${streamId}`;

interface SliceRow {
  slice: number;
  label: string;
  tracks: number;
  /** Begin of the last one that was read, from the slice's begin on. */
  lastMs: number;
}

function scaled(rows: readonly SliceRow[], widthMs: number, perSlice: number): SliceCount[] {
  const totals = new Map<number, { tracks: number; lastMs: number }>();
  for (const { slice, tracks, lastMs } of rows) {
    const total = totals.get(slice) ?? { tracks: 0, lastMs: 0 };
    totals.set(slice, { tracks: total.tracks + tracks, lastMs: Math.max(total.lastMs, lastMs) });
  }
  return rows.map(({ slice, label, tracks }) => {
    const total = totals.get(slice)!;
    if (total.tracks <= perSlice) return { slice, label, tracks, exact: true };
    // The last one tells only where the ones before it ended.
    const inSlice = (total.tracks - 1) * (widthMs / Math.max(total.lastMs, 1));
    return { slice, label, tracks: (tracks / total.tracks) * Math.max(inSlice, total.tracks), exact: false };
  });
}

/** First and last begin; undefined where there is none. */
export async function beginsOf(
  drizzle: Drizzle,
  where: SQL | undefined,
): Promise<{ first: Date; last: Date } | undefined> {
  const [row] = await drizzle
    .select({
      first: sql<Date | null>`min(${objectTracks.startedAt})`.mapWith(objectTracks.startedAt),
      last: sql<Date | null>`max(${objectTracks.startedAt})`.mapWith(objectTracks.startedAt),
    })
    .from(objectTracks)
    .where(where);
  return row?.first && row.last ? { first: row.first, last: row.last } : undefined;
}

/** All labels that a Stream, or any, has ObjectTracks of: from one to the next in the index, never over their rows. */
export async function labelsOf(drizzle: Drizzle, streamId: string | undefined): Promise<string[]> {
  const ofStream = streamId === undefined ? sql`true` : sql`stream_id = ${streamId}`;
  const next = sql`(select label from object_tracks where ${ofStream} and label > "found"."label" order by label limit 1)`;
  const found = sql`(
    with recursive "found"("label") as (
      (select label from object_tracks where ${ofStream} order by label limit 1)
      union all
      select ${next} from "found" where "found"."label" is not null
    ) select "label" from "found" where "label" is not null limit ${maxLabels}) "labels"`;
  const rows = await drizzle.select({ label: sql<string>`"labels"."label"` }).from(found);
  return rows.map(({ label }) => label);
}
