import { and, asc, desc, eq, gte, inArray, lt, or, type SQL, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type AppearanceRow, appearances, type ExposureCoverageRow, exposureCoverage } from '../schema.ts';

/** Rows a statement: far from the 65,535 parameters that Postgres takes, and short enough to let others in between. */
const rowsPerStatement = 100;

/** What is asked about: a Stream, a Publication or both, and a time range with open ends. */
export interface ExposureScope {
  streamId?: string | undefined;
  publicationId?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

/** An Appearance without its pictures. */
export type ListedAppearance = Omit<AppearanceRow, 'firstJpeg' | 'lastJpeg' | 'heatmap'> & {
  hasFirst: boolean;
  hasLast: boolean;
};

export interface AppearancePosition {
  startedAt: Date;
  id: string;
}

/** One brand within a scope; what reaches beyond the range counts by the part of its time that is within. */
export interface BrandTotals {
  brandId: string;
  appearances: number;
  /** Sums over Appearances, as of one after another. */
  seconds: number;
  shareSeconds: number;
  scoreSeconds: number;
  longestSeconds: number;
  largestShare: number;
  /** Some Appearance is open and was written lately. */
  onScreenNow: boolean;
  /**
   * Begin and end of each Appearance within the range, in any order: pairs of Postgres' own binary timestamps (int64 big
   * endian, microseconds since 2000-01-01 UTC). Asked for as numbers they took three times as long.
   */
  spans: Uint8Array;
  /** Those of all that lie within the range, one after another, as they were put. Null where there is none. */
  heatmaps: Uint8Array | null;
}

const instant = (date: Date): SQL => sql`${date.toISOString()}::timestamptz`;

/** What brands were on screen when (Appearances), and what was looked at (coverage). */
export class ExposureStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /**
   * Inserts, or replaces by totals that are newer: fewer Frames than are known change nothing, and no row passes to
   * another Publication. A picture that is null leaves the one that is there. Ids are unique within `rows`.
   */
  async putAppearances(rows: readonly AppearanceRow[]): Promise<void> {
    const excluded = (column: string) => sql.raw(`excluded."${column}"`);
    const newer = sql`excluded."frames" > ${appearances.frames}`;
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      await this.#drizzle
        .insert(appearances)
        .values(rows.slice(at, at + rowsPerStatement))
        .onConflictDoUpdate({
          target: appearances.id,
          set: {
            startedAt: excluded('started_at'),
            endedAt: excluded('ended_at'),
            seconds: excluded('seconds'),
            shareSeconds: excluded('share_seconds'),
            scoreSeconds: excluded('score_seconds'),
            largestShare: excluded('largest_share'),
            frames: excluded('frames'),
            heatmap: excluded('heatmap'),
            // One that was taken for over may prove to be there still; one that is over never opens by a late report.
            ended: sql`case when ${newer} then excluded."ended" else ${appearances.ended} or excluded."ended" end`,
            firstJpeg: sql`coalesce(excluded."first_jpeg", ${appearances.firstJpeg})`,
            lastJpeg: sql`coalesce(excluded."last_jpeg", ${appearances.lastJpeg})`,
          },
          setWhere: sql`excluded."frames" >= ${appearances.frames} and excluded."publication_id" = ${appearances.publicationId}`,
        });
    }
  }

  /** The same for coverage. */
  async putCoverage(rows: readonly ExposureCoverageRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      await this.#drizzle
        .insert(exposureCoverage)
        .values(rows.slice(at, at + rowsPerStatement))
        .onConflictDoUpdate({
          target: exposureCoverage.runId,
          set: {
            startedAt: sql`excluded."started_at"`,
            endedAt: sql`excluded."ended_at"`,
            seconds: sql`excluded."seconds"`,
            frames: sql`excluded."frames"`,
          },
          setWhere: sql`excluded."frames" >= ${exposureCoverage.frames} and excluded."publication_id" = ${exposureCoverage.publicationId}`,
        });
    }
  }

  /** All runs that touch the range, oldest first. */
  async coverage(scope: ExposureScope): Promise<ExposureCoverageRow[]> {
    return this.#drizzle
      .select()
      .from(exposureCoverage)
      .where(within(scope, exposureCoverage))
      .orderBy(asc(exposureCoverage.startedAt), asc(exposureCoverage.runId));
  }

  /** One row a brand, by its id. `freshAfter`: open ones that were written since count as on screen. */
  async brandTotals(scope: ExposureScope, freshAfter: Date): Promise<BrandTotals[]> {
    const { from, to } = scope;
    const { startedAt, endedAt, seconds, shareSeconds, scoreSeconds, heatmap } = appearances;
    const begin = from ? sql`greatest(${startedAt}, ${instant(from)})` : sql`${startedAt}`;
    const end = to ? sql`least(${endedAt}, ${instant(to)})` : sql`${endedAt}`;
    const inside = insideOf(scope);
    const part =
      from || to
        ? sql`case when ${inside} then 1 else extract(epoch from ${end} - ${begin})::float8 / greatest(extract(epoch from ${endedAt} - ${startedAt})::float8, 0.000001) end`
        : sql`1`;
    const rows = await this.#drizzle
      .select({
        brandId: appearances.brandId,
        appearances: sql<number>`count(*)::int`,
        seconds: sql<number>`sum(${seconds} * ${part})`,
        shareSeconds: sql<number>`sum(${shareSeconds} * ${part})`,
        scoreSeconds: sql<number>`sum(${scoreSeconds} * ${part})`,
        longestSeconds: sql<number>`max(${seconds} * ${part})`,
        largestShare: sql<number>`max(${appearances.largestShare})::float8`,
        onScreenNow: sql<boolean>`bool_or(not ${appearances.ended} and ${endedAt} > ${instant(freshAfter)})`,
        spans: sql<Uint8Array>`string_agg(timestamptz_send(${begin}) || timestamptz_send(${end}), ''::bytea)`,
        heatmaps: sql<Uint8Array | null>`string_agg(${heatmap}, ''::bytea) filter (where ${inside})`,
      })
      .from(appearances)
      .where(within(scope, appearances))
      .groupBy(appearances.brandId);
    return rows.sort((a, b) => (a.brandId < b.brandId ? -1 : 1));
  }

  /** Of Appearances that reach beyond the range: their heatmaps, and which part of their time is within. */
  async heatmapsAcross(scope: ExposureScope): Promise<{ brandId: string; heatmap: Uint8Array; part: number }[]> {
    if (!scope.from && !scope.to) return [];
    const { brandId, heatmap, startedAt, endedAt } = appearances;
    const rows = await this.#drizzle
      .select({ brandId, heatmap, startedAt, endedAt })
      .from(appearances)
      .where(and(within(scope, appearances), sql`not ${insideOf(scope)}`));
    return rows.map((row) => {
      const [begin, end] = [row.startedAt.getTime(), row.endedAt.getTime()];
      const seen = Math.min(end, scope.to?.getTime() ?? end) - Math.max(begin, scope.from?.getTime() ?? begin);
      return { brandId: row.brandId, heatmap: row.heatmap, part: seen / Math.max(end - begin, 0.001) };
    });
  }

  /** Those that began at one of these moments. */
  async startedAt(scope: ExposureScope, moments: readonly Date[]): Promise<ListedAppearance[]> {
    if (moments.length === 0) return [];
    return this.#drizzle
      .select(listed)
      .from(appearances)
      .where(and(within(scope, appearances), inArray(appearances.startedAt, [...moments])))
      .orderBy(asc(appearances.startedAt), asc(appearances.id));
  }

  /** Newest first. */
  async list(
    scope: ExposureScope,
    options: { brandId?: string | undefined; after?: AppearancePosition | undefined; limit: number },
  ): Promise<ListedAppearance[]> {
    const { brandId, after, limit } = options;
    const older = after && [
      lt(appearances.startedAt, after.startedAt),
      and(eq(appearances.startedAt, after.startedAt), lt(appearances.id, after.id)),
    ];
    return this.#drizzle
      .select(listed)
      .from(appearances)
      .where(
        and(
          within(scope, appearances),
          brandId === undefined ? undefined : eq(appearances.brandId, brandId),
          older && or(...older),
        ),
      )
      .orderBy(desc(appearances.startedAt), desc(appearances.id))
      .limit(limit);
  }

  /** Undefined: no such Appearance, or it has no such picture. */
  async picture(id: string, which: 'first' | 'last'): Promise<Uint8Array | undefined> {
    const jpeg = which === 'first' ? appearances.firstJpeg : appearances.lastJpeg;
    const [row] = await this.#drizzle.select({ jpeg }).from(appearances).where(eq(appearances.id, id));
    return row?.jpeg ?? undefined;
  }

  /** Open ones that nothing was told of since: over, as far as they were seen. Answers how many. */
  async endStale(before: Date): Promise<number> {
    const rows = await this.#drizzle
      .update(appearances)
      .set({ ended: true })
      .where(and(eq(appearances.ended, false), lt(appearances.endedAt, before)))
      .returning({ id: appearances.id });
    return rows.length;
  }

  /** What ended before, with its coverage; some thousand rows a statement. Answers how many Appearances. */
  async deleteEndedBefore(before: Date): Promise<number> {
    let deleted = 0;
    for (let some = 1; some > 0; deleted += some) {
      const oldest = this.#drizzle
        .select({ id: appearances.id })
        .from(appearances)
        .where(lt(appearances.endedAt, before))
        .limit(2_000);
      const rows = await this.#drizzle
        .delete(appearances)
        .where(inArray(appearances.id, oldest))
        .returning({ id: appearances.id });
      some = rows.length;
    }
    await this.#drizzle.delete(exposureCoverage).where(lt(exposureCoverage.endedAt, before));
    return deleted;
  }
}

const listed = {
  id: appearances.id,
  streamId: appearances.streamId,
  publicationId: appearances.publicationId,
  brandId: appearances.brandId,
  name: appearances.name,
  startedAt: appearances.startedAt,
  endedAt: appearances.endedAt,
  seconds: appearances.seconds,
  shareSeconds: appearances.shareSeconds,
  scoreSeconds: appearances.scoreSeconds,
  largestShare: appearances.largestShare,
  frames: appearances.frames,
  ended: appearances.ended,
  hasFirst: sql<boolean>`${appearances.firstJpeg} is not null`,
  hasLast: sql<boolean>`${appearances.lastJpeg} is not null`,
};

/** What touches the range; a moment (of one Frame alone) touches it where it lies in it. */
function within(scope: ExposureScope, table: typeof appearances | typeof exposureCoverage): SQL | undefined {
  const { streamId, publicationId, from, to } = scope;
  return and(
    streamId === undefined ? undefined : eq(table.streamId, streamId),
    publicationId === undefined ? undefined : eq(table.publicationId, publicationId),
    to && lt(table.startedAt, to),
    from && or(sql`${table.endedAt} > ${instant(from)}`, gte(table.startedAt, from)),
  );
}

/** Lies in the range with all of its time. */
function insideOf({ from, to }: ExposureScope): SQL {
  const begins = from ? sql`${appearances.startedAt} >= ${instant(from)}` : sql`true`;
  const ends = to ? sql`${appearances.endedAt} <= ${instant(to)}` : sql`true`;
  return sql`(${begins} and ${ends})`;
}
