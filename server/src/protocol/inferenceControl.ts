import { z } from 'zod';
import { idSchema, ipSchema, opaqueSchema, portSchema } from './ids.ts';
import { analysisViewSchema, executionProviderSchema, modelDescriptionSchema, modelEntrySchema } from './model.ts';

const nothing = z.object({});
const socketAddressSchema = z.object({ ip: ipSchema, port: portSchema });

/** server -> inference over the inference node's control port, `GET /control`, bearer NODE_SECRET. */
export const inferenceControlContract = {
  requests: {
    clock: { params: nothing, result: z.object({ timeMs: z.number() }) },
    models: {
      params: nothing,
      result: z.object({
        models: z.array(modelEntrySchema),
        executionProvider: executionProviderSchema,
        /** Why the default model could not be loaded, when it could not. */
        defaultModelProblem: z.string().optional(),
      }),
    },
    /** Downloads and verifies a catalogued Model on this node. */
    addModel: { params: z.object({ modelId: idSchema }), result: z.object({ model: modelEntrySchema }) },
    /** Step 1: a UDP socket for a Publication's Tap. Replaces an older one of the same Publication. */
    openTap: {
      params: z.object({ publicationId: idSchema, streamId: idSchema }),
      result: z.object({ local: socketAddressSchema }),
    },
    /** Step 2: what arrives there, where RTCP goes, where detections go. Answers when model and decoder are ready. */
    startAnalysis: {
      params: z.object({
        publicationId: idSchema,
        /** Nothing = this node's default model. */
        modelId: idSchema.optional(),
        tap: z.object({ remote: socketAddressSchema, rtpParameters: opaqueSchema, type: z.string() }),
        feedUrl: z.string().max(500),
        /** Model revision to begin with, so that revisions keep counting up when analysis moves between nodes. */
        firstRevision: z.number().int().positive(),
        /** Small JPEGs of analysed Frames are wanted, about this far apart (event `poster`); nothing = none. */
        posterEveryMs: z.number().int().min(1_000).max(60_000).optional(),
      }),
      result: z.object({ description: modelDescriptionSchema }),
    },
    setModel: {
      params: z.object({ publicationId: idSchema, modelId: idSchema.optional() }),
      result: z.object({ description: modelDescriptionSchema }),
    },
    stopAnalysis: { params: z.object({ publicationId: idSchema }), result: nothing },
    dump: { params: nothing, result: opaqueSchema },
  },
  events: {
    /** Once a second for each Publication, and on change. */
    analysis: z.object({ publicationId: idSchema, analysis: analysisViewSchema }),
    /** The description changed without a request (an execution provider fell back). */
    modelDescription: z.object({ publicationId: idSchema, description: modelDescriptionSchema }),
    /** At most 60 KiB of JPEG. */
    poster: z.object({ publicationId: idSchema, jpegBase64: z.base64().max(82_000) }),
  },
} as const;
export type InferenceControlContract = typeof inferenceControlContract;
