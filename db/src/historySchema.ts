import { type AnyColumn, type SQL, sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, real, smallint, text } from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.ts';

/** Lower ends of the classes of best scores from 1 on; below is class 0. Fine where few ObjectTracks are. */
export const scoreClasses = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99] as const;
/** Of class n, n > 0, are ObjectTracks from `spanClasses[n - 1]` seconds on: 64 s, 128 s and so on. */
export const spanClasses = Array.from({ length: 15 }, (_, power) => 64 * 2 ** power);

const scoreClass = (score: AnyColumn): SQL =>
  sql`width_bucket(${score}, ${sql.raw(`array[${scoreClasses.join(', ')}]::float4[]`)})`;
const spanClass = (from: AnyColumn, to: AnyColumn): SQL =>
  sql`width_bucket(extract(epoch from ${to} - ${from})::float8, ${sql.raw(`array[${spanClasses.join(', ')}]::float8[]`)})`;

// Like Recordings, what was seen outlives its Stream and its Publication: no foreign keys, and names as they were.

/** About a second of detection messages of one Publication: all analysed Frames, exactly as viewers got them. */
export const detectionBatches = pgTable(
  'detection_batches',
  {
    runId: text('run_id').notNull(),
    sequence: integer('sequence').notNull(),
    streamId: text('stream_id').notNull(),
    publicationId: text('publication_id').notNull(),
    /** Wall clock by the inference node of its first and last Frame. */
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    firstRtp: bigint('first_rtp', { mode: 'number' }).notNull(),
    lastRtp: bigint('last_rtp', { mode: 'number' }).notNull(),
    frames: integer('frames').notNull(),
    objects: integer('objects').notNull(),
    /** Of the messages in it; its labels are in `detection_models`. */
    revision: integer('revision').notNull(),
    rawBytes: integer('raw_bytes').notNull(),
    /** Zstandard of messages, each behind its length (u32 little endian). */
    messages: bytes('messages').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.sequence] }),
    index('detection_batches_stream').on(table.streamId, table.startedAt),
    index('detection_batches_publication').on(table.publicationId, table.startedAt),
    index('detection_batches_ended').on(table.endedAt),
  ],
);

/** What label indices of a Publication's messages mean, by the model revision that they name. */
export const detectionModels = pgTable(
  'detection_models',
  {
    publicationId: text('publication_id').notNull(),
    revision: integer('revision').notNull(),
    modelId: text('model_id').notNull(),
    labels: jsonb('labels').notNull(),
    seenAt: instant('seen_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.publicationId, table.revision] })],
);

/** One ObjectTrack. */
export const objectTracks = pgTable(
  'object_tracks',
  {
    runId: text('run_id').notNull(),
    trackId: integer('track_id').notNull(),
    streamId: text('stream_id').notNull(),
    publicationId: text('publication_id').notNull(),
    label: text('label').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    firstRtp: bigint('first_rtp', { mode: 'number' }).notNull(),
    lastRtp: bigint('last_rtp', { mode: 'number' }).notNull(),
    frames: integer('frames').notNull(),
    bestScore: real('best_score').notNull(),
    bestRtp: bigint('best_rtp', { mode: 'number' }).notNull(),
    /** x, y, w, h, 0..1 of the picture. */
    bestBox: real('best_box').array().notNull(),
    zoneIds: text('zone_ids').array().notNull(),
    ended: boolean('ended').notNull(),
    hasThumbnail: boolean('has_thumbnail').notNull(),
    /** Both kept by Postgres. With the class of its score in an index, a search for high scores reads nothing else. */
    scoreClass: smallint('score_class')
      .notNull()
      .generatedAlwaysAs((): SQL => scoreClass(objectTracks.bestScore)),
    /** So that long ones that began before a range, and reach into it, are found. */
    spanClass: smallint('span_class')
      .notNull()
      .generatedAlwaysAs((): SQL => spanClass(objectTracks.startedAt, objectTracks.endedAt)),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.trackId] }),
    // None has a column that changes with each report of an ObjectTrack that goes on (its end, its frames, its best
    // score): then Postgres updates the row alone (HOT) and no index. So what is old is deleted by `startedAt`.
    index('object_tracks_newest').on(table.startedAt, table.runId, table.trackId),
    index('object_tracks_label').on(table.label, table.startedAt, table.runId, table.trackId),
    index('object_tracks_label_score').on(table.label, table.scoreClass, table.startedAt, table.runId, table.trackId),
    index('object_tracks_score').on(table.scoreClass, table.startedAt, table.runId, table.trackId),
    index('object_tracks_stream').on(table.streamId, table.startedAt, table.runId, table.trackId),
    index('object_tracks_stream_label').on(table.streamId, table.label, table.startedAt, table.runId, table.trackId),
    index('object_tracks_stream_score').on(
      table.streamId,
      table.scoreClass,
      table.startedAt,
      table.runId,
      table.trackId,
    ),
    index('object_tracks_publication').on(table.publicationId, table.startedAt),
    index('object_tracks_long')
      .on(table.spanClass, table.startedAt)
      .where(sql`${table.spanClass} > 0`),
  ],
);

/** Which ObjectTracks were in a zone or crossed a line; beside them, so that a zone is searched newest first. */
export const objectTrackZones = pgTable(
  'object_track_zones',
  {
    zoneId: text('zone_id').notNull(),
    runId: text('run_id').notNull(),
    trackId: integer('track_id').notNull(),
    /** These three as in `object_tracks`. */
    startedAt: instant('started_at').notNull(),
    label: text('label').notNull(),
    bestScore: real('best_score').notNull(),
    scoreClass: smallint('score_class')
      .notNull()
      .generatedAlwaysAs((): SQL => scoreClass(objectTrackZones.bestScore)),
  },
  (table) => [
    primaryKey({ columns: [table.zoneId, table.runId, table.trackId] }),
    index('object_track_zones_newest').on(table.zoneId, table.startedAt, table.runId, table.trackId),
    index('object_track_zones_label').on(table.zoneId, table.label, table.startedAt, table.runId, table.trackId),
    index('object_track_zones_score').on(table.zoneId, table.scoreClass, table.startedAt, table.runId, table.trackId),
    index('object_track_zones_track').on(table.runId, table.trackId),
  ],
);

/** Apart from the rows that are searched. */
export const objectTrackThumbnails = pgTable(
  'object_track_thumbnails',
  {
    runId: text('run_id').notNull(),
    trackId: integer('track_id').notNull(),
    jpeg: bytes('jpeg').notNull(),
    endedAt: instant('ended_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.trackId] }),
    index('object_track_thumbnails_ended').on(table.endedAt),
  ],
);

/** The server's EventView. */
export const events = pgTable(
  'events',
  {
    id: text('id').primaryKey(),
    kind: text('kind').notNull(),
    at: instant('at').notNull(),
    streamId: text('stream_id').notNull(),
    streamName: text('stream_name').notNull(),
    publicationId: text('publication_id'),
    rtpTimestamp: bigint('rtp_timestamp', { mode: 'number' }),
    zoneId: text('zone_id'),
    zoneName: text('zone_name'),
    trackId: integer('track_id'),
    runId: text('run_id'),
    label: text('label'),
    data: jsonb('data').notNull(),
  },
  (table) => [
    index('events_newest').on(table.at, table.id),
    index('events_kind').on(table.kind, table.at, table.id),
    index('events_label').on(table.label, table.at, table.id),
    index('events_stream').on(table.streamId, table.at, table.id),
    index('events_stream_kind').on(table.streamId, table.kind, table.at, table.id),
    index('events_stream_label').on(table.streamId, table.label, table.at, table.id),
    index('events_zone').on(table.zoneId, table.at, table.id),
    index('events_zone_kind').on(table.zoneId, table.kind, table.at, table.id),
  ],
);

/** What one second of a Publication looked like: the server's VisualProperties. */
export const visualProperties = pgTable(
  'visual_properties',
  {
    publicationId: text('publication_id').notNull(),
    /** Wall clock of its first Frame. */
    at: instant('at').notNull(),
    streamId: text('stream_id').notNull(),
    rtpTimestamp: bigint('rtp_timestamp', { mode: 'number' }).notNull(),
    lastRtpTimestamp: bigint('last_rtp_timestamp', { mode: 'number' }).notNull(),
    frames: integer('frames').notNull(),
    brightness: real('brightness').notNull(),
    contrast: real('contrast').notNull(),
    saturation: real('saturation').notNull(),
    motion: real('motion'),
    sharpness: real('sharpness'),
    cuts: integer('cuts').notNull(),
    /** [{colour, share}] */
    colours: jsonb('colours').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.publicationId, table.at] }),
    index('visual_properties_stream').on(table.streamId, table.at),
    index('visual_properties_cuts')
      .on(table.streamId, table.at)
      .where(sql`${table.cuts} > 0`),
    index('visual_properties_at').on(table.at),
  ],
);

/** Where objects of one run of an analysis were: float32 little endian seconds, row by row. */
export const positionHeatmaps = pgTable(
  'position_heatmaps',
  {
    runId: text('run_id').primaryKey(),
    streamId: text('stream_id').notNull(),
    publicationId: text('publication_id').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    seconds: bytes('seconds').notNull(),
  },
  (table) => [index('position_heatmaps_stream').on(table.streamId, table.endedAt)],
);
