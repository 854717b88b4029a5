import { z } from 'zod';
import { idSchema } from './ids.ts';

/** Columns and rows of a position heatmap; a cell holds the seconds for which a mark's centre was in it. */
export const heatmapColumns = 16;
export const heatmapRows = 9;
export const heatmapCells = heatmapColumns * heatmapRows;

/**
 * The joining rule of Appearances: a gap in which the brand is not seen at its place is joined (and counted as on screen)
 * up to this long, seconds of media time. Longer ones end the Appearance.
 */
export const joinGapSeconds = 1;

/** A first or last picture of a mark: JPEG, at most 24 KiB. */
const thumbnailSchema = z.base64().max(33_000);

/**
 * One Appearance: one ObjectTrack of a named mark, from its first to its last analysed Frame, short gaps joined. Figures
 * are totals since it began, so that a later report of the same id replaces an earlier one. Seconds are of media time
 * (RTP ticks / 90,000): a moment counts from half way between the last Frame without and the first Frame with the mark,
 * to half way between the last with and the first without.
 */
export const appearanceReportSchema = z.object({
  id: idSchema,
  brandId: idSchema,
  /** The brand's name at that time. */
  name: z.string().max(100),
  /** Wall clock by the inference node, Unix ms, of `from` and `to` of its time on screen. */
  fromMs: z.number(),
  toMs: z.number(),
  /** On screen. */
  seconds: z.number().nonnegative(),
  /** Share of the picture's area 0..1, and the score, summed over time (value x seconds); the largest share. */
  shareSeconds: z.number().nonnegative(),
  scoreSeconds: z.number().nonnegative(),
  largestShare: z.number().min(0).max(1),
  frames: z.number().int().positive(),
  /** Seconds per cell, row by row. */
  heatmap: z.array(z.number().nonnegative()).length(heatmapCells),
  ended: z.boolean(),
  /** Sent once when it begins, and with each later report whose last picture is newer. */
  firstJpeg: thumbnailSchema.optional(),
  lastJpeg: thumbnailSchema.optional(),
});
export type AppearanceReport = z.infer<typeof appearanceReportSchema>;

/** What an analysis saw since it began: without it, "not seen" could not be told from "not looked at". */
export const coverageReportSchema = z.object({
  /** One per run of an analysis. */
  runId: idSchema,
  fromMs: z.number(),
  toMs: z.number(),
  /** Seconds of media time between analysed Frames no further apart than the joining rule. */
  seconds: z.number().nonnegative(),
  frames: z.number().int().nonnegative(),
});
export type CoverageReport = z.infer<typeof coverageReportSchema>;

/** inference -> server, at most once a second a Publication; answered with `exposureStored` when it is in the database. */
export const exposureReportSchema = z.object({
  publicationId: idSchema,
  streamId: idSchema,
  sequence: z.number().int().nonnegative(),
  coverage: coverageReportSchema,
  /** Those that changed, and ended ones until they are stored. */
  appearances: z.array(appearanceReportSchema).max(100),
});
export type ExposureReport = z.infer<typeof exposureReportSchema>;

// ---- HTTP: /api/v1/exposure ----

/** A database has no year 0, and no year 10000. */
export const instantSchema = z.iso.datetime({ offset: true }).refine((text) => {
  const year = new Date(text).getUTCFullYear();
  return year >= 1 && year <= 9999;
}, 'a year from 1 to 9999 is needed');

/** What a report is about: one Stream or one Publication, within a time range where one is given. */
export const exposureQuerySchema = z.object({
  streamId: idSchema.optional(),
  publicationId: idSchema.optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
});
export type ExposureQuery = z.infer<typeof exposureQuerySchema>;

const momentSchema = z.object({
  at: z.iso.datetime(),
  appearanceId: idSchema,
  thumbnailUrl: z.string().nullable(),
});

export const brandExposureSchema = z.object({
  brandId: idSchema,
  name: z.string(),
  seconds: z.number().describe('on screen; two marks of one brand at once count once'),
  shareOfTime: z.number().describe('of the analysed time, 0..1'),
  appearances: z.number().int(),
  longestSeconds: z.number(),
  meanShare: z.number().describe("mean share of the picture's area while on screen, 0..1"),
  largestShare: z.number(),
  meanScore: z.number(),
  heatmap: z.array(z.number()).length(heatmapCells).describe('seconds per cell, 16 columns x 9 rows, row by row'),
  first: momentSchema,
  last: momentSchema,
  onScreenNow: z.boolean(),
  /** [from, to] in seconds after the report's `from`, joined where they touch; at most 2,000. */
  timeline: z.array(z.tuple([z.number(), z.number()])).max(2_000),
});
export type BrandExposure = z.infer<typeof brandExposureSchema>;

export const exposureSummarySchema = z.object({
  streamId: idSchema.nullable(),
  publicationId: idSchema.nullable(),
  /** Of what was looked at: clipped to the first and last analysed Frame where the query leaves an end open. */
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  analysedSeconds: z.number(),
  live: z.boolean(),
  joinGapSeconds: z.number(),
  brands: z.array(brandExposureSchema),
});
export type ExposureSummary = z.infer<typeof exposureSummarySchema>;

export const appearanceViewSchema = z.object({
  id: idSchema,
  streamId: idSchema,
  publicationId: idSchema,
  brandId: idSchema,
  name: z.string(),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  seconds: z.number(),
  meanShare: z.number(),
  largestShare: z.number(),
  meanScore: z.number(),
  ended: z.boolean(),
  firstThumbnailUrl: z.string().nullable(),
  lastThumbnailUrl: z.string().nullable(),
});
export type AppearanceView = z.infer<typeof appearanceViewSchema>;
export const appearanceListSchema = z.object({
  appearances: z.array(appearanceViewSchema),
  nextCursor: z.string().nullable(),
});
