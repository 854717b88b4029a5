import { z } from 'zod';
import { eventKindSchema, eventViewSchema } from './events.ts';
import { instantSchema } from './exposure.ts';
import { historyBoxSchema } from './history.ts';
import { idSchema } from './ids.ts';
import { dominantColourSchema } from './visualProperties.ts';
import { zoneHeatmapSchema } from './zones.ts';

/** `from` up to and without `to`; an end that is not named is open, where a route says nothing else. */
const rangeShape = { from: instantSchema.optional(), to: instantSchema.optional() };
/** Without U+0000, which Postgres has no place for. */
const labelSchema = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\0]*$/, 'no U+0000');
const scoreSchema = z.coerce.number().min(0).max(1);
const cursorSchema = z.string().min(1).max(500).optional().describe('`nextCursor` of the page before');
const nextCursorSchema = z.string().nullable().describe('null = that was the last page');
const rtpSchema = z.number().int().min(0).max(0xffffffff);
const count = z.number().int().nonnegative();

// ---- ObjectTracks ----

/** What `GET /api/v1/tracks` and its CSV are asked: all that is named has to hold. */
export const trackFilterSchema = z.object({
  streamId: idSchema.optional(),
  publicationId: idSchema.optional(),
  ...rangeShape,
  label: labelSchema.optional(),
  minScore: scoreSchema.optional().describe('of its best Frame'),
  zoneId: idSchema.optional().describe('was in this zone, or crossed this line'),
  runId: idSchema.optional(),
  trackId: z.coerce.number().int().positive().max(0x7fffffff).optional().describe('needs `runId`'),
});
export type TrackFilter = z.infer<typeof trackFilterSchema>;
export const trackQuerySchema = trackFilterSchema.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: cursorSchema,
});
export type TrackQuery = z.infer<typeof trackQuerySchema>;

export const trackViewSchema = z.object({
  runId: idSchema.describe('of the analysis: `trackId` is unique inside it'),
  trackId: z.number().int().positive(),
  streamId: idSchema,
  publicationId: idSchema,
  label: z.string().describe('of its best Frame'),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  seconds: z.number().nonnegative().describe('from its first Frame to its last'),
  frames: count.describe('analysed Frames that show it'),
  bestScore: z.number(),
  bestBox: historyBoxSchema,
  bestRtp: rtpSchema.describe('RTP timestamp of its best Frame'),
  firstRtp: rtpSchema,
  lastRtp: rtpSchema,
  zoneIds: z.array(idSchema).describe('zones it was in and lines it crossed'),
  ended: z.boolean(),
  thumbnailUrl: z.string().nullable().describe('its best Frame, cut out'),
});
export type TrackView = z.infer<typeof trackViewSchema>;
export const trackListSchema = z.object({ tracks: z.array(trackViewSchema), nextCursor: nextCursorSchema });
export type TrackList = z.infer<typeof trackListSchema>;

// ---- Detections: every analysed Frame ----

export const maxDetectionPage = 2_000;
export const detectionQuerySchema = z.object({
  ...rangeShape,
  label: labelSchema.optional(),
  minScore: scoreSchema.optional(),
  limit: z.coerce.number().int().min(1).max(maxDetectionPage).default(500).describe('Frames'),
  cursor: cursorSchema,
});
export type DetectionQuery = z.infer<typeof detectionQuerySchema>;

export const storedObjectSchema = z.object({
  trackId: count.describe('0 = none'),
  label: z.string(),
  score: z.number(),
  x: z.number().describe('left, as a share of the picture'),
  y: z.number().describe('top'),
  w: z.number(),
  h: z.number(),
});
/** One analysed Frame. Without `label` and `minScore` also one without objects. */
export const storedFrameSchema = z.object({
  at: z.iso.datetime().describe('when it arrived at the inference node'),
  publicationId: idSchema,
  rtpTimestamp: rtpSchema,
  sequence: count.describe('counts the analysed Frames of a run; a gap is one that was dropped'),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  modelId: z.string().nullable().describe('null = no longer known'),
  objects: z.array(storedObjectSchema),
});
export type StoredFrame = z.infer<typeof storedFrameSchema>;
/** Oldest first. A page can be short of its limit, or empty, and yet have a `nextCursor`: go on until that is null. */
export const detectionPageSchema = z.object({ detections: z.array(storedFrameSchema), nextCursor: nextCursorSchema });
export type DetectionPage = z.infer<typeof detectionPageSchema>;

// ---- Events ----

export const eventFilterSchema = z.object({
  streamId: idSchema.optional(),
  kind: eventKindSchema.optional(),
  zoneId: idSchema.optional(),
  label: labelSchema.optional(),
  ...rangeShape,
});
export type EventFilter = z.infer<typeof eventFilterSchema>;
export const eventQuerySchema = eventFilterSchema.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: cursorSchema,
});
export type EventQuery = z.infer<typeof eventQuerySchema>;
export const eventListSchema = z.object({ events: z.array(eventViewSchema), nextCursor: nextCursorSchema });
export type EventList = z.infer<typeof eventListSchema>;

// ---- For charts ----

export const propertiesQuerySchema = z.object({
  from: instantSchema.optional().describe('an hour before `to` where it is not named'),
  to: instantSchema.optional().describe('now where it is not named'),
  points: z.coerce.number().int().min(1).max(1_000).default(300).describe('so many at most'),
});
export type PropertiesQuery = z.infer<typeof propertiesQuerySchema>;
/** One second, or several seconds of a longer range: then means, and the sum of `cuts`. */
export const propertiesPointSchema = z.object({
  at: z.iso.datetime(),
  brightness: z.number(),
  contrast: z.number(),
  saturation: z.number(),
  motion: z.number().nullable(),
  sharpness: z.number().nullable(),
  cuts: count,
  colours: z.array(dominantColourSchema).describe('of its first second'),
});
export type PropertiesPoint = z.infer<typeof propertiesPointSchema>;
export const propertiesAnswerSchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  pointSeconds: z.number().positive().describe('that one entry stands for; what was not looked at has no entry'),
  sampled: z.boolean().describe('means are of some seconds of each point'),
  seconds: z.array(propertiesPointSchema).describe('oldest first'),
});
export type PropertiesAnswer = z.infer<typeof propertiesAnswerSchema>;

export const heatmapQuerySchema = z.object(rangeShape);
export const heatmapAnswerSchema = zoneHeatmapSchema.extend({
  runs: count.describe('runs of an analysis that touch the range; one that reaches beyond counts by its part within'),
});
export type HeatmapAnswer = z.infer<typeof heatmapAnswerSchema>;

export const labelsQuerySchema = z.object({ streamId: idSchema.optional(), ...rangeShape });
export const labelsAnswerSchema = z.object({
  labels: z
    .array(
      z.object({
        label: z.string(),
        tracks: count,
        exact: z.boolean().describe('false = estimated from samples of the range'),
      }),
    )
    .describe('of ObjectTracks that began in the range, most frequent first'),
});
export type LabelsAnswer = z.infer<typeof labelsAnswerSchema>;

/** Series of `activity`; further labels are summed in `others`. */
export const maxActivitySeries = 12;
export const activityQuerySchema = z.object({
  streamId: idSchema.optional(),
  from: instantSchema.optional().describe('a day before `to` where it is not named'),
  to: instantSchema.optional().describe('now where it is not named'),
  buckets: z.coerce.number().int().min(1).max(200).default(96),
  label: labelSchema.optional(),
  zoneId: idSchema.optional(),
});
export type ActivityQuery = z.infer<typeof activityQuerySchema>;
export const activityAnswerSchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  bucketSeconds: z.number().positive(),
  exact: z.boolean().describe('false = busy buckets are estimated from samples'),
  series: z
    .array(z.object({ label: z.string(), counts: z.array(count) }))
    .describe('ObjectTracks by the bucket that they began in; most frequent label first'),
});
export type ActivityAnswer = z.infer<typeof activityAnswerSchema>;
