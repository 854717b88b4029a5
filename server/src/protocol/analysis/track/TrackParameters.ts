import { z } from 'zod';

/**
 * How a Model's objects are followed; `track` in the catalogue, all of it optional. "Length" is the square root of a
 * box's area, so that the values hold for things of any size and at any rate of analysis.
 */
export const trackParametersSchema = z.strictObject({
  /** Detections from this score on are matched first, those below it with the ObjectTracks that are left. */
  highScore: z.number().min(0).max(1).default(0.5),
  /** An ObjectTrack counts as a thing, and no flicker, once so many analysed Frames had it, one of them with a high score. */
  confirmAfter: z.number().int().min(1).max(30).default(3),
  /** A confirmed one that is out of sight keeps its id for so long, seconds of media time. */
  keepSeconds: z.number().min(0.1).max(10).default(1.5),
  /** An unconfirmed one, though never before two analysed Frames without it. */
  keepUnconfirmedSeconds: z.number().min(0).max(10).default(0.35),
  /** Overlap (IoU) with the predicted box that makes a detection a candidate; the second for those of a low score. */
  minIou: z.number().min(0.01).max(0.99).default(0.3),
  minIouLow: z.number().min(0.01).max(0.99).default(0.3),
  /** What is left then may lie this many lengths from where it was predicted, as far as the filter deems it possible… */
  maxJump: z.number().min(0).max(10).default(2),
  /** …and its sides may differ by this factor from the predicted ones. */
  maxGrowth: z.number().min(1).max(10).default(1.8),
  /** Cosine of a detection's embedding to an ObjectTrack's, where a Model gives them: less is another thing, unless it overlaps one that was there just before. */
  minLikeness: z.number().min(-1).max(1).default(0.35),
  /** Standard deviation of a detected box's place and size, lengths. */
  jitter: z.number().min(0.001).max(1).default(0.07),
  /** Of the speed of a thing seen for the first time, lengths per second. */
  startSpeed: z.number().min(0.1).max(100).default(8),
  /** By how much a speed changes within a second: lengths per second, and that share of the speed itself on top. */
  agility: z.number().min(0.01).max(100).default(1),
  agilityOfSpeed: z.number().min(0).max(10).default(0.8),
  /** Change of the picture (SceneMeter, 0..1) that is a cut whatever was detected… */
  cutChange: z.number().min(0).max(1).default(0.8),
  /** …and that is one where half of the things or more are gone with it. */
  cutChangeWithLoss: z.number().min(0).max(1).default(0.4),
});
export type TrackParameters = z.infer<typeof trackParametersSchema>;

export const defaultTrackParameters: TrackParameters = trackParametersSchema.parse({});
