import { and, asc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { BuiltQuery, DatabaseConnection, Drizzle } from '../connection.ts';
import {
  detectionBatches,
  detectionModels,
  events,
  objectTracks,
  objectTrackThumbnails,
  objectTrackZones,
  positionHeatmaps,
  visualProperties,
} from '../historySchema.ts';

export type DetectionBatchRow = typeof detectionBatches.$inferSelect;
export type DetectionModelRow = typeof detectionModels.$inferSelect;
/** Without what Postgres makes of it. */
export type ObjectTrackRow = Omit<typeof objectTracks.$inferSelect, 'scoreClass' | 'spanClass'>;
export type ObjectTrackThumbnailRow = typeof objectTrackThumbnails.$inferSelect;
export type EventRow = typeof events.$inferSelect;
export type VisualPropertiesRow = typeof visualProperties.$inferSelect;
export type PositionHeatmapRow = typeof positionHeatmaps.$inferSelect;

/** What is written together. Keys are unique within each list. */
export interface HistoryRows {
  batches: DetectionBatchRow[];
  models: DetectionModelRow[];
  tracks: ObjectTrackRow[];
  thumbnails: ObjectTrackThumbnailRow[];
  events: EventRow[];
  properties: VisualPropertiesRow[];
  heatmaps: PositionHeatmapRow[];
}

/** Of what was put, what was not there before. */
export interface NewHistory {
  batches: { runId: string; sequence: number }[];
  eventIds: string[];
}

/** Rows a statement: far from the 65,535 parameters that Postgres takes. */
const rowsPerStatement = 200;
/** Rows deleted at once: short enough to let others in between. */
const deletedAtOnce = 500;

/** Writes what was seen, and deletes what is too old. */
export class HistoryStore {
  readonly #connection: DatabaseConnection;
  readonly #drizzle: Drizzle;

  constructor(connection: DatabaseConnection) {
    this.#connection = connection;
    this.#drizzle = connection.drizzle;
  }

  /**
   * All of it or nothing, in one transaction; what is there already changes only where the row is newer, so that the
   * same rows put twice, or in another order, end in the same.
   */
  async put(rows: HistoryRows): Promise<NewHistory> {
    const batches = chunks(rows.batches, (some) =>
      this.#drizzle
        .insert(detectionBatches)
        .values(some)
        .onConflictDoNothing()
        .returning({ run_id: detectionBatches.runId, sequence: detectionBatches.sequence }),
    );
    const stored = chunks(rows.events, (some) =>
      this.#drizzle.insert(events).values(some).onConflictDoNothing().returning({ id: events.id }),
    );
    const rest = [
      ...chunks(rows.models, (some) => this.#putModels(some)),
      ...chunks(rows.tracks, (some) => this.#putTracks(some)),
      ...chunks(zonesOf(rows.tracks), (some) => this.#putZones(some)),
      ...chunks(rows.thumbnails, (some) => this.#putThumbnails(some)),
      ...chunks(rows.properties, (some) => this.#drizzle.insert(visualProperties).values(some).onConflictDoNothing()),
      ...chunks(rows.heatmaps, (some) => this.#putHeatmaps(some)),
    ];
    const queries = [...batches, ...stored, ...rest];
    if (queries.length === 0) return { batches: [], eventIds: [] };
    const answers = await this.#connection.transaction(queries);
    const newBatches = answers.slice(0, batches.length).flat();
    return {
      batches: newBatches.map((row) => ({ runId: row.run_id as string, sequence: row.sequence as number })),
      eventIds: answers
        .slice(batches.length, batches.length + stored.length)
        .flat()
        .map((row) => row.id as string),
    };
  }

  #putModels(rows: DetectionModelRow[]): BuiltQuery {
    return this.#drizzle
      .insert(detectionModels)
      .values(rows)
      .onConflictDoUpdate({
        target: [detectionModels.publicationId, detectionModels.revision],
        set: { seenAt: sql`greatest(${detectionModels.seenAt}, excluded."seen_at")` },
      });
  }

  /** Totals of more Frames replace; `ended` and `hasThumbnail` stay true once they are, for as many Frames. */
  #putTracks(rows: ObjectTrackRow[]): BuiltQuery {
    const newer = sql`excluded."frames" >= ${objectTracks.frames}`;
    const replaced = Object.fromEntries(
      (
        [
          ...(['label', 'startedAt', 'endedAt', 'firstRtp', 'lastRtp', 'frames'] as const),
          ...(['bestScore', 'bestRtp', 'bestBox', 'zoneIds'] as const),
        ] as const
      ).map((key) => [
        key,
        sql`case when ${newer} then ${excluded(objectTracks[key].name)} else ${objectTracks[key]} end`,
      ]),
    );
    return this.#drizzle
      .insert(objectTracks)
      .values(rows)
      .onConflictDoUpdate({
        target: [objectTracks.runId, objectTracks.trackId],
        set: {
          ...replaced,
          ended: sql`case when excluded."frames" > ${objectTracks.frames} then excluded."ended" when ${newer} then ${objectTracks.ended} or excluded."ended" else ${objectTracks.ended} end`,
          hasThumbnail: sql`${objectTracks.hasThumbnail} or excluded."has_thumbnail"`,
        },
        // Nothing is written where nothing changes: a row rewritten as it was costs as much as a new one.
        setWhere: sql`${objectTracks.publicationId} = excluded."publication_id" and (excluded."frames" > ${objectTracks.frames} or (${newer} and excluded."ended" and not ${objectTracks.ended}) or (excluded."has_thumbnail" and not ${objectTracks.hasThumbnail}))`,
      });
  }

  #putZones(rows: (typeof objectTrackZones.$inferInsert)[]): BuiltQuery {
    return this.#drizzle
      .insert(objectTrackZones)
      .values(rows)
      .onConflictDoUpdate({
        target: [objectTrackZones.zoneId, objectTrackZones.runId, objectTrackZones.trackId],
        set: { label: excluded('label'), bestScore: excluded('best_score') },
        // The label is that of the best Frame: both change together, and scores of an ObjectTrack only rise.
        setWhere: sql`excluded."best_score" > ${objectTrackZones.bestScore}`,
      });
  }

  #putThumbnails(rows: ObjectTrackThumbnailRow[]): BuiltQuery {
    return this.#drizzle
      .insert(objectTrackThumbnails)
      .values(rows)
      .onConflictDoUpdate({
        target: [objectTrackThumbnails.runId, objectTrackThumbnails.trackId],
        set: { jpeg: excluded('jpeg'), endedAt: excluded('ended_at') },
        setWhere: sql`excluded."ended_at" > ${objectTrackThumbnails.endedAt}`,
      });
  }

  /** A heatmap comes now and then: its run began with the first batch that there is of it. */
  #putHeatmaps(rows: PositionHeatmapRow[]): BuiltQuery {
    const began = (runId: string): SQL =>
      sql`(select ${detectionBatches.startedAt} from ${detectionBatches} where ${detectionBatches.runId} = ${runId} order by ${detectionBatches.sequence} limit 1)`;
    const values = rows.map((row) => ({
      ...row,
      startedAt: sql`least(${row.startedAt.toISOString()}::timestamptz, ${began(row.runId)})`,
    }));
    return this.#drizzle
      .insert(positionHeatmaps)
      .values(values)
      .onConflictDoUpdate({
        target: positionHeatmaps.runId,
        set: {
          startedAt: sql`least(${positionHeatmaps.startedAt}, excluded."started_at")`,
          endedAt: excluded('ended_at'),
          seconds: excluded('seconds'),
        },
        setWhere: sql`excluded."ended_at" > ${positionHeatmaps.endedAt} and ${positionHeatmaps.publicationId} = excluded."publication_id"`,
      });
  }

  /** Some hundred detection batches that ended before. Answers how many; 0 = none is left. */
  async deleteDetectionsBefore(before: Date): Promise<number> {
    const { runId, sequence, endedAt } = detectionBatches;
    const rows = await this.#drizzle
      .delete(detectionBatches)
      .where(
        sql`(${runId}, ${sequence}) in (select ${runId}, ${sequence} from ${detectionBatches} where ${endedAt} < ${instant(before)} limit ${deletedAtOnce})`,
      )
      .returning({ sequence });
    if (rows.length > 0) return rows.length;
    await this.#drizzle.delete(detectionModels).where(lt(detectionModels.seenAt, before));
    return 0;
  }

  /** The same for ObjectTracks, with their zones and thumbnails; at last the heatmaps. */
  async deleteTracksBefore(before: Date): Promise<number> {
    const { runId, trackId, startedAt, endedAt } = objectTracks;
    const old = and(lt(startedAt, before), lt(endedAt, before));
    const oldest = await this.#drizzle
      .select({ runId, trackId })
      .from(objectTracks)
      .where(old)
      .orderBy(asc(startedAt))
      .limit(deletedAtOnce);
    if (oldest.length === 0) {
      await this.#drizzle.delete(positionHeatmaps).where(lt(positionHeatmaps.endedAt, before));
      return 0;
    }
    const keys = sql.join(
      oldest.map((one) => sql`(${one.runId}, ${one.trackId}::int)`),
      sql`, `,
    );
    const [deleted] = await this.#connection.transaction([
      this.#drizzle
        .delete(objectTracks)
        .where(and(sql`(${runId}, ${trackId}) in (${keys})`, old))
        .returning({ track_id: trackId }),
      this.#drizzle
        .delete(objectTrackZones)
        .where(sql`(${objectTrackZones.runId}, ${objectTrackZones.trackId}) in (${keys})`),
      this.#drizzle
        .delete(objectTrackThumbnails)
        .where(sql`(${objectTrackThumbnails.runId}, ${objectTrackThumbnails.trackId}) in (${keys})`),
    ]);
    return deleted!.length;
  }

  /** The same for events. */
  async deleteEventsBefore(before: Date): Promise<number> {
    const oldest = this.#drizzle
      .select({ id: events.id })
      .from(events)
      .where(lt(events.at, before))
      .limit(deletedAtOnce);
    const rows = await this.#drizzle.delete(events).where(inArray(events.id, oldest)).returning({ id: events.id });
    return rows.length;
  }

  /** The same for visual properties. */
  async deletePropertiesBefore(before: Date): Promise<number> {
    const { publicationId, at } = visualProperties;
    const rows = await this.#drizzle
      .delete(visualProperties)
      .where(
        sql`(${publicationId}, ${at}) in (select ${publicationId}, ${at} from ${visualProperties} where ${at} < ${instant(before)} limit ${deletedAtOnce})`,
      )
      .returning({ at });
    return rows.length;
  }

  /** How much there is of a run. */
  async countRun(run: string): Promise<{ batches: number; events: number; tracks: number }> {
    const { runId } = detectionBatches;
    return {
      batches: await this.#drizzle.$count(detectionBatches, eq(runId, run)),
      events: await this.#drizzle.$count(events, eq(events.runId, run)),
      tracks: await this.#drizzle.$count(objectTracks, eq(objectTracks.runId, run)),
    };
  }

  /** Of one batch, whether it is there. */
  async hasBatch(key: { runId: string; sequence: number }): Promise<boolean> {
    const { runId, sequence } = detectionBatches;
    const rows = await this.#drizzle
      .select({ sequence })
      .from(detectionBatches)
      .where(and(eq(runId, key.runId), eq(sequence, key.sequence)));
    return rows.length > 0;
  }
}

const excluded = (column: string): SQL => sql.raw(`excluded."${column}"`);
const instant = (date: Date): SQL => sql`${date.toISOString()}::timestamptz`;

function chunks<Row>(rows: readonly Row[], build: (some: Row[]) => BuiltQuery): BuiltQuery[] {
  const built: BuiltQuery[] = [];
  for (let at = 0; at < rows.length; at += rowsPerStatement) built.push(build(rows.slice(at, at + rowsPerStatement)));
  return built;
}

function zonesOf(tracks: readonly ObjectTrackRow[]): (typeof objectTrackZones.$inferInsert)[] {
  return tracks.flatMap(({ runId, trackId, startedAt, label, bestScore, zoneIds }) =>
    [...new Set(zoneIds)].map((zoneId) => ({ zoneId, runId, trackId, startedAt, label, bestScore })),
  );
}
