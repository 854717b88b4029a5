import { z } from 'zod';
import { idSchema } from './ids.ts';
import { visualPropertiesSchema } from './visualProperties.ts';
import { zoneEventSchema, zoneHeatmapSchema } from './zones.ts';

/** Of one HistoryBatch; more is counted, and of ObjectTracks told with the next one. */
export const maxBatchTracks = 200;
export const maxBatchEvents = 1_000;
/** A crop of an object: JPEG, at most 24 KiB. */
const thumbnailSchema = z.base64().max(33_000);
const rtpSchema = z.number().int().min(0).max(0xffffffff);
const share = z.number().min(0).max(1);

/** Box 0..1 of the picture, x and y its top left corner. */
export const historyBoxSchema = z.object({ x: share, y: share, w: share, h: share });
export type HistoryBox = z.infer<typeof historyBoxSchema>;

/**
 * One ObjectTrack as far as it is known: totals since it began, so that a later report of the same run and track replaces
 * an earlier one. Only ObjectTracks that the Tracker has confirmed are told.
 */
export const trackReportSchema = z.object({
  trackId: z.number().int().positive(),
  /** Of its best Frame. */
  label: z.string().max(100),
  /** Wall clock by the inference node, Unix ms, of the Frames that first and last show it. */
  fromMs: z.number(),
  toMs: z.number(),
  firstRtp: rtpSchema,
  lastRtp: rtpSchema,
  /** Analysed Frames that show it. */
  frames: z.number().int().positive(),
  bestScore: share,
  bestRtp: rtpSchema,
  bestBox: historyBoxSchema,
  /** Zones it was in and lines it crossed so far. */
  zoneIds: z.array(idSchema).max(64),
  ended: z.boolean(),
  /** Of a Frame that shows it well; sent once when there is one, and again where a much better one came. */
  jpeg: thumbnailSchema.optional(),
});
export type TrackReport = z.infer<typeof trackReportSchema>;

/** A ZoneEvent with the wall clock of its moment (`lagTicks` subtracted), and names as they were. */
export const timedZoneEventSchema = zoneEventSchema.extend({
  /** Unix ms by the inference node. */
  atMs: z.number(),
  zoneName: z.string().max(60),
});
export type TimedZoneEvent = z.infer<typeof timedZoneEventSchema>;

/**
 * About a second of one Publication's analysis; inference -> server. Repeated until `historyStored` names it. `runId` and
 * `sequence` identify it for ever, so that one that comes twice is stored once.
 */
export const historyBatchSchema = z.object({
  publicationId: idSchema,
  streamId: idSchema,
  /** One per run of a Tracker: inside it ids of ObjectTracks are unique. A changed Model begins a new one. */
  runId: idSchema,
  /** From 0 in each run, without a gap unless something was dropped. */
  sequence: z.number().int().nonnegative(),
  /** Wall clock by the inference node of the first and last Frame, Unix ms (their arrival; RTP decides about order). */
  fromMs: z.number(),
  toMs: z.number(),
  firstRtp: rtpSchema,
  lastRtp: rtpSchema,
  frames: z.number().int().nonnegative(),
  objects: z.number().int().nonnegative(),
  /** Of the messages in it: what their label indices mean. */
  model: z.object({ revision: z.number().int().positive(), modelId: idSchema, labels: z.array(z.string().max(100)) }),
  /**
   * The detection messages of these Frames exactly as viewers got them, each behind its length as u32 little endian, all
   * compressed with Zstandard. What the gallery renamed in between has its own batch: one batch, one revision.
   */
  detections: z.base64().max(4_000_000),
  rawBytes: z.number().int().nonnegative(),
  /** Most confirmed objects of a label in one Frame. */
  mostByLabel: z.record(z.string().max(100), z.number().int().positive()),
  tracks: z.array(trackReportSchema).max(maxBatchTracks),
  events: z.array(timedZoneEventSchema).max(maxBatchEvents),
  /** Seconds that are over, with the wall clock of their first Frame. */
  properties: z.array(visualPropertiesSchema.extend({ atMs: z.number() })).max(120),
  /** Where objects were since this run began: replaces the one before. Now and then, and with the last batch. */
  heatmap: zoneHeatmapSchema.optional(),
  /** Nothing follows in this run. */
  last: z.boolean(),
  /** Lost by limits of the node since the batch before. */
  dropped: z.object({
    batches: z.number().int().nonnegative(),
    tracks: z.number().int().nonnegative(),
    events: z.number().int().nonnegative(),
  }),
});
export type HistoryBatch = z.infer<typeof historyBatchSchema>;
