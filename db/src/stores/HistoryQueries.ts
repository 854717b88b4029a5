import { and, asc, desc, eq, gte, inArray, lt, or, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import {
  detectionBatches,
  detectionModels,
  events,
  objectTracks,
  objectTrackThumbnails,
  objectTrackZones,
  positionHeatmaps,
} from '../historySchema.ts';
import { type PropertiesPointRow, type PropertiesScope, readProperties } from '../history/propertiesPoints.ts';
import { beginsOf, type CountScope, countSlices, labelsOf, type SliceCount } from '../history/samples.ts';
import { readTracks, type TrackPosition, type TrackScope } from '../history/trackRows.ts';
import { streams } from '../schema.ts';
import type { DetectionBatchRow, EventRow, ObjectTrackRow } from './HistoryStore.ts';

export interface EventScope {
  streamId?: string | undefined;
  kind?: string | undefined;
  zoneId?: string | undefined;
  label?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}
export interface EventPosition {
  at: Date;
  id: string;
}

/** The order in which detections are told. */
export interface BatchPosition {
  startedAt: Date;
  runId: string;
  sequence: number;
}

/** A batch is of about a second; one whose analysis was held up is not longer than this. */
const longestBatchMs = 600_000;
/** Runs that one heatmap is made of; newest first. */
const maxHeatmaps = 1_000;
/** Parts that a range is looked at in for its labels, and ObjectTracks of each label that are read of each. */
const labelSlices = 12;
const perLabelSlice = 12;
/** Of a chart: parts of the range in all, and ObjectTracks that are read of each. */
const activitySlices = 400;
const perActivitySlice = 16;

/** What was seen: reads of history. Everything is bounded, whatever is asked: pages by cursors, charts by samples. */
export class HistoryQueries {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** Newest first. */
  async tracks(scope: TrackScope, after: TrackPosition | undefined, limit: number): Promise<ObjectTrackRow[]> {
    const narrow = await this.#narrowed(scope);
    return narrow ? readTracks(this.#drizzle, narrow, after, limit) : [];
  }

  /** Whose it is, and its picture where it has one; undefined: no such ObjectTrack. */
  async thumbnail(runId: string, trackId: number): Promise<{ streamId: string; jpeg: Uint8Array | null } | undefined> {
    const [row] = await this.#drizzle
      .select({ streamId: objectTracks.streamId, jpeg: objectTrackThumbnails.jpeg })
      .from(objectTracks)
      .leftJoin(
        objectTrackThumbnails,
        and(
          eq(objectTrackThumbnails.runId, objectTracks.runId),
          eq(objectTrackThumbnails.trackId, objectTracks.trackId),
        ),
      )
      .where(and(eq(objectTracks.runId, runId), eq(objectTracks.trackId, trackId)));
    return row;
  }

  /** Newest first. */
  async events(scope: EventScope, after: EventPosition | undefined, limit: number): Promise<EventRow[]> {
    return this.#drizzle
      .select()
      .from(events)
      .where(
        and(
          scope.streamId === undefined ? undefined : eq(events.streamId, scope.streamId),
          scope.kind === undefined ? undefined : eq(events.kind, scope.kind),
          scope.zoneId === undefined ? undefined : eq(events.zoneId, scope.zoneId),
          scope.label === undefined ? undefined : eq(events.label, scope.label),
          scope.from && gte(events.at, scope.from),
          scope.to && lt(events.at, scope.to),
          after && sql`(${events.at}, ${events.id}) < (${after.at.toISOString()}::timestamptz, ${after.id})`,
        ),
      )
      .orderBy(desc(events.at), desc(events.id))
      .limit(limit);
  }

  /** Batches of a Stream that touch the range, oldest first, with the one at `atOrAfter` as the first. */
  async batches(
    scope: { streamId: string; from?: Date | undefined; to?: Date | undefined },
    atOrAfter: BatchPosition | undefined,
    limit: number,
  ): Promise<DetectionBatchRow[]> {
    const { streamId, from, to } = scope;
    const { startedAt, endedAt, runId, sequence } = detectionBatches;
    return this.#drizzle
      .select()
      .from(detectionBatches)
      .where(
        and(
          eq(detectionBatches.streamId, streamId),
          from && and(gte(startedAt, new Date(from.getTime() - longestBatchMs)), gte(endedAt, from)),
          to && lt(startedAt, to),
          atOrAfter &&
            sql`(${startedAt}, ${runId}, ${sequence}) >= (${atOrAfter.startedAt.toISOString()}::timestamptz, ${atOrAfter.runId}, ${atOrAfter.sequence}::int4)`,
        ),
      )
      .orderBy(asc(startedAt), asc(runId), asc(sequence))
      .limit(limit);
  }

  /** What the label indices of these Publications mean, by revision. */
  async models(publicationIds: readonly string[]): Promise<(typeof detectionModels.$inferSelect)[]> {
    if (publicationIds.length === 0) return [];
    return this.#drizzle
      .select()
      .from(detectionModels)
      .where(inArray(detectionModels.publicationId, [...publicationIds]));
  }

  properties(scope: PropertiesScope): Promise<{ sampled: boolean; points: PropertiesPointRow[] }> {
    return readProperties(this.#drizzle, scope);
  }

  /** Of runs that touch the range, the newest at most 1,000. */
  async heatmaps(scope: {
    streamId: string;
    from?: Date | undefined;
    to?: Date | undefined;
  }): Promise<{ startedAt: Date; endedAt: Date; seconds: Uint8Array }[]> {
    const { startedAt, endedAt, seconds, streamId } = positionHeatmaps;
    return this.#drizzle
      .select({ startedAt, endedAt, seconds })
      .from(positionHeatmaps)
      .where(
        and(eq(streamId, scope.streamId), scope.from && gte(endedAt, scope.from), scope.to && lt(startedAt, scope.to)),
      )
      .orderBy(desc(endedAt))
      .limit(maxHeatmaps);
  }

  /** Labels of ObjectTracks that began in the range, most frequent first. Open ends are those of what there is. */
  async labels(scope: {
    streamId?: string | undefined;
    from?: Date | undefined;
    to?: Date | undefined;
  }): Promise<{ label: string; tracks: number; exact: boolean }[]> {
    const { streamId } = scope;
    const ofStream = streamId === undefined ? undefined : eq(objectTracks.streamId, streamId);
    const begins = await beginsOf(this.#drizzle, ofStream);
    if (!begins) return [];
    const from = new Date(Math.max(begins.first.getTime(), scope.from?.getTime() ?? -Infinity));
    const to = new Date(Math.min(begins.last.getTime() + 1, scope.to?.getTime() ?? Infinity));
    if (from >= to) return [];
    const labels = await labelsOf(this.#drizzle, streamId);
    const counts = await countSlices(
      this.#drizzle,
      { streamId, from, to },
      { slices: labelSlices, perSlice: perLabelSlice, labels },
    );
    return summed(counts).sort((a, b) => b.tracks - a.tracks || (a.label < b.label ? -1 : 1));
  }

  /** Counts of ObjectTracks by the bucket that they began in. */
  async activity(scope: CountScope, buckets: number): Promise<(SliceCount & { bucket: number })[]> {
    const perBucket = Math.max(1, Math.floor(activitySlices / buckets));
    if (!(await this.#zoneIsOf(scope.zoneId, scope.streamId))) return [];
    const counts = await countSlices(this.#drizzle, scope, {
      slices: buckets * perBucket,
      perSlice: perActivitySlice,
    });
    return counts.map((one) => ({ ...one, bucket: Math.floor(one.slice / perBucket) }));
  }

  /** The Stream and the time of what a Publication or a run is, so that indexes help; undefined: nothing can match. */
  async #narrowed(scope: TrackScope): Promise<TrackScope | undefined> {
    const { publicationId, runId, trackId, streamId, zoneId } = scope;
    if (runId !== undefined && trackId !== undefined) return scope;
    let narrow = scope;
    if (publicationId !== undefined || runId !== undefined) {
      const named = and(
        publicationId === undefined ? undefined : eq(objectTracks.publicationId, publicationId),
        runId === undefined ? undefined : eq(objectTracks.runId, runId),
      );
      const [one] = await this.#drizzle
        .select({ publicationId: objectTracks.publicationId, streamId: objectTracks.streamId })
        .from(objectTracks)
        .where(named)
        .limit(1);
      if (!one || (streamId !== undefined && streamId !== one.streamId)) return undefined;
      const begins = await beginsOf(this.#drizzle, eq(objectTracks.publicationId, one.publicationId));
      // A moment later, where the database knows microseconds.
      narrow = { ...scope, ...one, begins: begins && [begins.first, new Date(begins.last.getTime() + 1)] };
    }
    return (await this.#zoneIsOf(zoneId, narrow.streamId)) ? narrow : undefined;
  }

  /**
   * Whether it is worth to look through a zone for a Stream: nearly always a zone is of one Stream alone. Who draws gives
   * the id, so that another Stream may have one of the same; its rows are told by their ObjectTracks.
   */
  async #zoneIsOf(zoneId: string | undefined, streamId: string | undefined): Promise<boolean> {
    if (zoneId === undefined || streamId === undefined) return true;
    const rows = await this.#drizzle
      .select({ streamId: objectTracks.streamId })
      .from(objectTrackZones)
      .innerJoin(
        objectTracks,
        and(eq(objectTracks.runId, objectTrackZones.runId), eq(objectTracks.trackId, objectTrackZones.trackId)),
      )
      .where(eq(objectTrackZones.zoneId, zoneId))
      .limit(1);
    if (rows[0] === undefined || rows[0].streamId === streamId) return rows.length > 0;
    const among = (list: string) =>
      sql`${streams.zones} @> ${JSON.stringify({ [list]: [{ id: zoneId }] })}::text::jsonb`;
    const drawn = and(eq(streams.id, streamId), or(among('zones'), among('lines')));
    return (await this.#drizzle.$count(streams, drawn)) > 0;
  }
}

function summed(counts: readonly SliceCount[]): { label: string; tracks: number; exact: boolean }[] {
  const byLabel = new Map<string, { label: string; tracks: number; exact: boolean }>();
  for (const { label, tracks, exact } of counts) {
    const before = byLabel.get(label);
    byLabel.set(label, {
      label,
      tracks: (before?.tracks ?? 0) + tracks,
      exact: exact && before?.exact !== false,
    });
  }
  return [...byLabel.values()].map((one) => ({ ...one, tracks: Math.round(one.tracks) }));
}
