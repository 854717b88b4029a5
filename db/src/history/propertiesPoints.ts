import { and, asc, eq, gt, gte, lt, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { visualProperties } from '../historySchema.ts';

export interface PropertiesScope {
  streamId: string;
  from: Date;
  to: Date;
  /** Equal parts of the range. */
  points: number;
}

/** What one part of a range looks like; none where nothing was looked at. */
export interface PropertiesPointRow {
  point: number;
  /** Of its first second. */
  at: Date;
  brightness: number;
  contrast: number;
  saturation: number;
  motion: number | null;
  sharpness: number | null;
  cuts: number;
  /** [{colour, share}], of its first second. */
  colours: unknown;
}

/** Seconds that are read for one chart; of a longer range so many from all over it. */
const maxSeconds = 4_000;
const maxSamples = 2_400;
/** Of one chart; a Stream with more shows too few at the end of the range. */
const maxCutSeconds = 20_000;

/** Means by part of the range: of all its seconds, or of up to eight from all over it where it is long. */
export async function readProperties(
  drizzle: Drizzle,
  scope: PropertiesScope,
): Promise<{ sampled: boolean; points: PropertiesPointRow[] }> {
  const seconds = (scope.to.getTime() - scope.from.getTime()) / 1000;
  if (seconds <= maxSeconds) return { sampled: false, points: await meansOf(drizzle, scope, scope.points, undefined) };
  const perPoint = Math.max(1, Math.min(8, Math.floor(maxSamples / scope.points)));
  const [points, cuts] = await Promise.all([
    meansOf(drizzle, scope, scope.points * perPoint, perPoint),
    cutsOf(drizzle, scope),
  ]);
  return { sampled: true, points: points.map((one) => ({ ...one, cuts: cuts.get(one.point) ?? 0 })) };
}

/** Parts of the range by number, and in milliseconds from its begin. */
const widthMs = ({ from, to }: PropertiesScope, parts: number): number => (to.getTime() - from.getTime()) / parts;

/** Reads all seconds of each slice, or its first one alone where so many slices make one point. */
async function meansOf(
  drizzle: Drizzle,
  scope: PropertiesScope,
  slices: number,
  perPoint: number | undefined,
): Promise<PropertiesPointRow[]> {
  const { at, brightness, contrast, saturation, motion, sharpness, cuts, colours } = visualProperties;
  const width = widthMs(scope, slices);
  const begin = sql`(${scope.from.toISOString()}::timestamptz + "slices"."slice" * ${width}::float8 * interval '1 millisecond')`;
  const some = drizzle
    .select()
    .from(visualProperties)
    .where(
      and(
        eq(visualProperties.streamId, scope.streamId),
        sql`${at} >= ${begin}`,
        sql`${at} < ${begin} + ${width}::float8 * interval '1 millisecond'`,
      ),
    )
    .orderBy(asc(at))
    .limit(perPoint === undefined ? maxSeconds : 1)
    .as('some');
  const mean = (column: { name: string }) => sql<number>`avg("some".${sql.identifier(column.name)})`.mapWith(Number);
  const meanOrNull = (column: { name: string }) =>
    sql<number | null>`avg("some".${sql.identifier(column.name)})`.mapWith(Number);
  return drizzle
    .select({
      point: sql<number>`floor("slices"."slice" / ${perPoint ?? 1}::float8)`.mapWith(Number),
      at: sql<Date>`min("some"."at")`.mapWith(at),
      brightness: mean(brightness),
      contrast: mean(contrast),
      saturation: mean(saturation),
      motion: meanOrNull(motion),
      sharpness: meanOrNull(sharpness),
      cuts: sql<number>`sum("some".${sql.identifier(cuts.name)})`.mapWith(Number),
      colours: sql`(array_agg("some".${sql.identifier(colours.name)} order by "some"."at"))[1]`.mapWith(colours),
    })
    .from(sql`generate_series(0, ${slices - 1}::int) "slices"("slice")`)
    .crossJoinLateral(some)
    .groupBy(sql`1`)
    .orderBy(sql`1`);
}

/** Cuts are rare, and have an index of their own: all of them, by point. */
async function cutsOf(drizzle: Drizzle, scope: PropertiesScope): Promise<Map<number, number>> {
  const { at, cuts, streamId } = visualProperties;
  const rows = await drizzle
    .select({ at, cuts })
    .from(visualProperties)
    .where(and(eq(streamId, scope.streamId), gte(at, scope.from), lt(at, scope.to), gt(cuts, 0)))
    .orderBy(asc(at))
    .limit(maxCutSeconds);
  const width = widthMs(scope, scope.points);
  const byPoint = new Map<number, number>();
  for (const row of rows) {
    const point = Math.floor((row.at.getTime() - scope.from.getTime()) / width);
    byPoint.set(point, (byPoint.get(point) ?? 0) + row.cuts);
  }
  return byPoint;
}
