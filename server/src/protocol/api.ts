import { z } from 'zod';
import { defaultStreamSettings, hlsViewSchema, streamSettingsSchema } from './hls.ts';
import { idSchema } from './ids.ts';
import { analysisViewSchema, executionProviderSchema, modelDescriptionSchema, modelEntrySchema } from './model.ts';
import { publicationViewSchema } from './signaling.ts';
import { sourceViewSchema } from './source.ts';

export const streamNameSchema = z
  .string()
  .trim()
  .min(1, 'a Stream needs a name')
  .max(100, 'at most 100 characters')
  .regex(/^[^\p{Cc}\p{Bidi_Control}]*$/u, 'no control characters')
  .regex(/[\p{L}\p{N}\p{P}\p{S}]/u, 'at least one character that can be seen');

export const createStreamSchema = z.object({ name: streamNameSchema });

const { hls, delivery, recording, recordingMaxAgeHours, recordingMaxBytes } = streamSettingsSchema.shape;

/** `PATCH /api/v1/streams/:id`: what is not named stays as it is. */
export const changeStreamSchema = z
  .object({
    name: streamNameSchema,
    hls: hls.unwrap(),
    delivery: delivery.unwrap(),
    recording: recording.unwrap(),
    recordingMaxAgeHours: recordingMaxAgeHours.unwrap(),
    recordingMaxBytes: recordingMaxBytes.unwrap(),
  })
  .partial();
export type ChangeStream = z.infer<typeof changeStreamSchema>;

/** Where a Stream is published and watched; absolute, on the address the request came to. */
const streamUrls = {
  publishUrl: z.string(),
  whipUrl: z.string(),
  whepUrl: z.string(),
  watchUrl: z.string(),
  hlsUrl: z.string(),
};

export const streamViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  createdAt: z.iso.datetime(),
  state: z.enum(['idle', 'live']),
  publication: publicationViewSchema.nullable(),
  viewers: z.number().int().nonnegative(),
  analysis: analysisViewSchema,
  modelDescription: modelDescriptionSchema
    .nullable()
    .default(null)
    .describe('labels of the detections of the running analysis, by their `model` revision'),
  modelId: z.string().nullable().describe('null = the node default'),
  source: sourceViewSchema.nullable().default(null).describe('what feeds it, where that is not a browser or WHIP'),
  settings: streamSettingsSchema.default(defaultStreamSettings),
  hls: hlsViewSchema
    .nullable()
    .default(null)
    .describe('HLS of the running Publication, `idle` where there is none; null = it is off for this Stream'),
  posterUrl: z.string().nullable().describe('a recent picture, when there is one'),
  ...streamUrls,
});
export type StreamView = z.infer<typeof streamViewSchema>;

/** The answer to creation also carries the key; later reads do not show it except to who may publish. */
export const createdStreamSchema = streamViewSchema.extend({ streamKey: z.string() });
export type CreatedStream = z.infer<typeof createdStreamSchema>;

export const whipRefusalSchema = z.object({ at: z.iso.datetime(), code: z.string(), message: z.string().max(500) });
export type WhipRefusal = z.infer<typeof whipRefusalSchema>;

/** Reading one Stream: with its key for who may publish it. */
export const streamDetailSchema = streamViewSchema.extend({
  streamKey: z.string().optional(),
  whipRefusal: whipRefusalSchema
    .nullable()
    .default(null)
    .describe('why its last WHIP publisher was refused, where none came in since'),
});
export type StreamDetail = z.infer<typeof streamDetailSchema>;

export const streamListSchema = z.object({ streams: z.array(streamViewSchema) });
export const setModelSchema = z.object({ modelId: idSchema.nullable() });

export const readinessSchema = z.object({
  ready: z.boolean(),
  db: z.boolean(),
  sfu: z.boolean(),
  inference: z.boolean(),
  missing: z.array(z.string()),
});
export type Readiness = z.infer<typeof readinessSchema>;

export const modelListSchema = z.object({
  models: z.array(modelEntrySchema),
  executionProvider: executionProviderSchema,
  /** Why the default model could not be loaded, when it could not. */
  defaultModelProblem: z.string().optional(),
});
export const addModelSchema = z.object({ modelId: idSchema });
