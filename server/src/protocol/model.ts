import { z } from 'zod';
import { idSchema } from './ids.ts';

/** Of inference nodes. */
export const executionProviderSchema = z.enum(['cpu', 'cuda', 'tensorrt', 'webgpu']);
export type ExecutionProvider = z.infer<typeof executionProviderSchema>;
/** Of a publisher's page. */
export const browserProviderSchema = z.enum(['wasm', 'webgpu']);
export type BrowserProvider = z.infer<typeof browserProviderSchema>;
export const anyProviderSchema = z.enum([...executionProviderSchema.options, 'wasm']);

/** Who runs the model: an inference node, or the publisher's own page. Left out = a node. */
export const computedBySchema = z.enum(['node', 'browser']);
export type ComputedBy = z.infer<typeof computedBySchema>;

/** How a model's outputs are read; `inference/src/detect/families/` holds one decoder each. */
export const outputFamilySchema = z.enum([
  'brands',
  'marker',
  'yolox',
  'nanodet',
  'picodet',
  'yolov8',
  'yolo-e2e',
  'detr',
]);
export type OutputFamily = z.infer<typeof outputFamilySchema>;

/** How far the adding of a Model is: its file comes, then its sha256 and its outputs are checked. */
export const modelAddingSchema = z.object({
  phase: z.enum(['downloading', 'verifying']),
  receivedBytes: z.number().int().nonnegative(),
  totalBytes: z.number().int().positive().optional().describe('where it is known'),
});
export type ModelAdding = z.infer<typeof modelAddingSchema>;

/** One catalogued Model as the API and the models page show it. */
export const modelEntrySchema = z.object({
  id: idSchema,
  name: z.string(),
  task: z.enum(['detect']),
  family: outputFamilySchema,
  licence: z.string(),
  url: z.string().optional(),
  labels: z.number().int().nonnegative().describe('how many labels it knows'),
  inputWidth: z.number().int().positive(),
  inputHeight: z.number().int().positive(),
  bundled: z.boolean(),
  available: z.boolean().describe('its file is on the inference node'),
  isDefault: z.boolean(),
  sizeBytes: z.number().int().positive().optional().describe('of its file'),
  adding: modelAddingSchema.optional().describe('it is being added at this moment'),
  addProblem: z.string().max(500).optional().describe('why it could not be added when that was last tried'),
});
export type ModelEntry = z.infer<typeof modelEntrySchema>;

/** Together they have to fit a signalling message, bytes of UTF-8. */
export const maxLabelBytes = 128 * 1024;
const labelsSchema = z
  .array(z.string().max(100))
  .max(10_000)
  .refine((labels) => new TextEncoder().encode(labels.join('')).length <= maxLabelBytes, {
    error: `all labels together may have ${maxLabelBytes} bytes`,
  });

/**
 * What a viewer needs to read detection messages. Travels reliably by signalling, on join and on change;
 * a message's `model` is the `revision` it was made with. Revisions count up from 1 inside a Publication.
 */
export const modelDescriptionSchema = z.object({
  revision: z.number().int().positive(),
  modelId: idSchema,
  name: z.string(),
  labels: labelsSchema,
  inputWidth: z.number().int().positive(),
  inputHeight: z.number().int().positive(),
  executionProvider: anyProviderSchema,
  computedBy: computedBySchema.optional(),
  /**
   * The Producer whose RTP timestamps the messages of this revision carry; the server adds it. With simulcast layers
   * nothing else tells to which of them a message belongs.
   */
  producerId: idSchema.optional(),
});
export type ModelDescription = z.infer<typeof modelDescriptionSchema>;

/**
 * What analysis of a Publication is doing, told once a second and on change; the page's badge says it in words.
 * `off`: not asked for. `starting`: a node was chosen. `running`. `unavailable`: no inference node answers.
 * `failed`: a node answers but can't (model not loaded, codec unknown); `reason` says why.
 */
export const analysisViewSchema = z.object({
  state: z.enum(['off', 'starting', 'running', 'unavailable', 'failed']),
  reason: z.string().optional(),
  nodeId: z.string().optional(),
  computedBy: computedBySchema.optional(),
  /** Of a browser's WebAssembly. */
  threads: z.number().int().positive().optional(),
  modelId: z.string().optional(),
  executionProvider: anyProviderSchema.optional(),
  /** Frames analysed and source frames decoded, each per second over the last second. */
  analysisFps: z.number().nonnegative().optional(),
  sourceFps: z.number().nonnegative().optional(),
  /** Size of the pictures that are analysed. */
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  /**
   * Frames lost since the analysis began, by stage. `sampler` is the frames that latest-wins passed over. `network`
   * counts packets, not frames: what the kernel threw away at the tap's socket.
   */
  dropped: z.record(z.string(), z.number().nonnegative()).optional(),
  /** Medians over the last second, ms: packet received to decoded, decoded to model start, model run, model end to sent. */
  stageMs: z
    .object({ decode: z.number(), queue: z.number(), inference: z.number(), publish: z.number() })
    .partial()
    .optional(),
  /**
   * Only of a browser: whether it knows under which RTP timestamp each of its frames is sent. Without that it sends no
   * detections at all, and `reason` says why.
   */
  timing: z.enum(['checking', 'known', 'unknown']).optional(),
  /** Clock of the inference node minus clock of the server, ms (round-trip midpoint). */
  clockOffsetMs: z.number().optional(),
});
export type AnalysisView = z.infer<typeof analysisViewSchema>;

/** What a publisher's page that runs the model says of it once a second; becomes the Publication's AnalysisView. */
export const browserAnalysisReportSchema = z.strictObject({
  state: z.enum(['starting', 'running', 'failed']),
  reason: z.string().max(300).optional(),
  executionProvider: browserProviderSchema.optional(),
  threads: z.number().int().min(1).max(256).optional(),
  timing: z.enum(['checking', 'known', 'unknown']).optional(),
  analysisFps: z.number().min(0).max(1000).optional(),
  sourceFps: z.number().min(0).max(1000).optional(),
  width: z.number().int().min(1).max(32_768).optional(),
  height: z.number().int().min(1).max(32_768).optional(),
  dropped: z
    .record(z.string().regex(/^[a-zA-Z]{1,24}$/), z.number().nonnegative())
    .refine((stages) => Object.keys(stages).length <= 16, 'at most 16 stages')
    .optional(),
  stageMs: z
    .strictObject({ decode: z.number(), queue: z.number(), inference: z.number(), publish: z.number() })
    .partial()
    .optional(),
});
export type BrowserAnalysisReport = z.infer<typeof browserAnalysisReportSchema>;

/** What a publisher's page says of the model that it runs; the server adds revision and Producer. */
export const browserModelSchema = modelDescriptionSchema
  .omit({ revision: true, producerId: true, computedBy: true })
  .extend({ executionProvider: browserProviderSchema });
export type BrowserModel = z.infer<typeof browserModelSchema>;

/** Who is to analyse what a peer publishes. */
export const analysisWishSchema = z.discriminatedUnion('by', [
  z.object({ by: z.literal('node') }),
  z.object({ by: z.literal('browser'), model: browserModelSchema }),
]);
export type AnalysisWish = z.infer<typeof analysisWishSchema>;
