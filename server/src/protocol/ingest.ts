import { z } from 'zod';
import { sourceTypeSchema } from './source.ts';

/** What fed a Publication. */
export const publishedBySchema = z.union([z.enum(['browser', 'whip']), sourceTypeSchema]);
export type PublishedBy = z.infer<typeof publishedBySchema>;

/** One Producer as the sfu receives it, over the last interval of the report. */
export const producerStatsSchema = z.object({
  producerId: z.string(),
  bitrateBps: z.number().nonnegative(),
  /** Packets that never came, as a share of all; what NACK brought back counts as received. */
  lossFraction: z.number().min(0).max(1),
  jitterMs: z.number().nonnegative(),
  rttMs: z.number().nonnegative().optional(),
  /** Video only: time between the last two key frames, or since the last one when that is longer; null = none was seen. */
  keyFrameIntervalMs: z.number().nonnegative().nullable().optional(),
  /** Video only: key frames that were asked for (PLI, FIR) since the Producer began. */
  keyFrameRequests: z.number().int().nonnegative().optional(),
});
export type ProducerStats = z.infer<typeof producerStatsSchema>;

/** sfu -> server every 2 s for each Publication that has a Producer. */
export const ingestStatsSchema = z.object({ producers: z.array(producerStatsSchema).max(16) });
export type IngestStats = z.infer<typeof ingestStatsSchema>;
export const ingestStatsEveryMs = 2_000;

/** Above this a viewer who joins waits too long for its first picture where the publisher ignores PLI (OBS, FFmpeg). */
export const longKeyFrameIntervalMs = 2_500;
