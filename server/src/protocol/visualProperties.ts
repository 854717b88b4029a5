import { z } from 'zod';

/** Colours that one second is described by, at most. */
export const maxDominantColours = 5;

const share = z.number().min(0).max(1);

export const dominantColourSchema = z.object({
  /** `#rrggbb`, the mean of what it stands for. */
  colour: z.string().regex(/^#[0-9a-f]{6}$/),
  share: share.describe('of the picture and the second'),
});
export type DominantColour = z.infer<typeof dominantColourSchema>;

/**
 * What the analysed Frames of one second of a Publication look like; means over those Frames where nothing else is said.
 * Seconds are of media time (90,000 RTP ticks) from the first analysed Frame on; one without a Frame has no entry.
 */
export const visualPropertiesSchema = z.object({
  /** Of the second's first and last analysed Frame, u32. */
  rtpTimestamp: z.number().int().min(0).max(0xffffffff),
  lastRtpTimestamp: z.number().int().min(0).max(0xffffffff),
  frames: z.number().int().positive(),
  brightness: share.describe("mean luma (Rec. 709 weights of R'G'B'): 0 = black, 1 = white"),
  contrast: share.describe(
    'standard deviation of luma, as a share of the largest there is: 1 = half black, half white',
  ),
  saturation: share.describe('mean difference of the strongest and the weakest of R, G, B: 0 = grey, 1 = pure colours'),
  motion: share
    .nullable()
    .describe(
      'mean share of the picture that changed in 0.1 s, or from one analysed Frame to the next where those are further apart; null = no two Frames within 1 s',
    ),
  sharpness: share
    .nullable()
    .describe('0 = blurred, 1 = crisp, at the size the Model sees; null = too little in the picture to tell'),
  /** Cuts to another scene, by the RTP timestamps of the first analysed Frames after them. */
  cuts: z.array(z.number().int().min(0).max(0xffffffff)).max(4),
  /** Largest first; shares add up to 1 or, where very small ones were left out, a little less. */
  colours: z.array(dominantColourSchema).max(maxDominantColours),
});
export type VisualProperties = z.infer<typeof visualPropertiesSchema>;
