import { idSchema, outputFamilySchema } from '@framelock/server/protocol';
import { z } from 'zod';
import { type InputSpec, type TrackParameters, trackParametersSchema } from '@framelock/server/protocol/analysis';

const tripleSchema = z.tuple([z.number(), z.number(), z.number()]);
const sizeSchema = z.number().int().min(16).max(4096);

/** The input as papers and configuration files state it: tensor value = (pixel 0..255 - mean) / std. */
export const catalogueInputSchema = z.object({
  width: sizeSchema,
  height: sizeSchema,
  resize: z.enum(['letterbox', 'letterboxTopLeft', 'stretch']),
  channels: z.enum(['rgb', 'bgr']),
  mean: tripleSchema.default([0, 0, 0]),
  std: tripleSchema.default([1, 1, 1]),
  pad: z.number().min(0).max(255).default(114),
});
export type CatalogueInput = z.infer<typeof catalogueInputSchema>;

/** One Model in `models/catalogue.json`, or beside a user's own model in MODELS_DIR. */
export const catalogueRecordSchema = z.object({
  id: idSchema,
  name: z.string().min(1).max(100),
  task: z.enum(['detect']).default('detect'),
  family: outputFamilySchema,
  licence: z.string().min(1),
  /** Where the file and the facts about it come from, for people. */
  source: z.string().optional(),
  url: z.url({ protocol: /^https$/ }).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  sizeBytes: z.number().int().positive().optional(),
  /** A bundled model's file, relative to inference/models. */
  file: z.string().optional(),
  /** Names themselves, or a file of them (one a line), relative to inference/models. */
  labels: z.union([z.array(z.string().max(100)).min(1).max(10_000), z.string().regex(/^labels\/[\w-]+\.txt$/)]),
  input: catalogueInputSchema,
  scoreThreshold: z.number().min(0).max(1).default(0.35),
  /** 1 = the model has suppressed duplicates itself. */
  nmsIou: z.number().min(0).max(1).default(0.45),
  /** How its objects are followed, where the defaults don't fit. */
  track: trackParametersSchema.optional(),
  /** Of family `brands`: how its marks get their names. */
  brands: z
    .object({
      /** Cosine similarity from which a mark is named. */
      matchThreshold: z.number().min(0).max(1),
      /** Score from which a mark without a name is shown. */
      unknownThreshold: z.number().min(0).max(1),
      /** The marks that come with it, relative to inference/models. */
      gallery: z.string().regex(/^[\w-]+\/[\w-]+\.json$/),
    })
    .optional(),
});
export type CatalogueRecord = z.infer<typeof catalogueRecordSchema>;

/** What a Detector needs of a Model: the record with its labels read and its input in InputSpec's terms. */
export interface CatalogueEntry {
  id: string;
  name: string;
  task: 'detect';
  family: CatalogueRecord['family'];
  licence: string;
  url?: string;
  sha256?: string;
  sizeBytes?: number;
  bundled: boolean;
  labels: string[];
  input: InputSpec;
  scoreThreshold: number;
  nmsIou: number;
  track?: TrackParameters;
  brands?: CatalogueRecord['brands'];
}

export function inputSpecOf(input: CatalogueInput): InputSpec {
  const { mean, std, ...rest } = input;
  return {
    ...rest,
    scale: [1 / std[0], 1 / std[1], 1 / std[2]],
    bias: [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]],
  };
}
