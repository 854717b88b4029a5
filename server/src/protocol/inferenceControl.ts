import { z } from 'zod';
import {
  brandModelSchema,
  bundledBrandSchema,
  embeddingsSchema,
  gallerySchema,
  maxBrandImageBytes,
  pictureBoxSchema,
  sha256Schema,
} from './brands.ts';
import { exposureReportSchema } from './exposure.ts';
import { historyBatchSchema } from './history.ts';
import { idSchema, ipSchema, opaqueSchema, portSchema } from './ids.ts';
import { analysisViewSchema, executionProviderSchema, modelDescriptionSchema, modelEntrySchema } from './model.ts';
import { zoneSettingsSchema, zonesLiveSchema } from './zones.ts';

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
        /** What is drawn on the Stream's picture; nothing = nothing. */
        zones: zoneSettingsSchema.optional(),
      }),
      result: z.object({ description: modelDescriptionSchema }),
    },
    setModel: {
      params: z.object({ publicationId: idSchema, modelId: idSchema.optional() }),
      result: z.object({ description: modelDescriptionSchema }),
    },
    /** Somebody drew: counts from the next Frame on. */
    setZones: { params: z.object({ publicationId: idSchema, zones: zoneSettingsSchema }), result: nothing },
    stopAnalysis: { params: z.object({ publicationId: idSchema }), result: nothing },
    /** The brand model that this node has, and the marks that come with it, page by page: `next` is the offset that follows. */
    brandModel: {
      params: z.object({ offset: z.number().int().nonnegative().default(0) }),
      result: z.object({
        model: brandModelSchema.nullable(),
        bundled: z.array(bundledBrandSchema).max(200),
        next: z.number().int().positive().optional(),
      }),
    },
    /**
     * What the brand model makes of one reference image (PNG or JPEG). `box`: where the mark is; without it the image is
     * trimmed to its content, or the best mark found in it is taken. Refuses (`unsupported`) what can't be decoded and
     * (`badRequest`) where no mark is found.
     */
    embedBrandImage: {
      params: z.object({
        imageBase64: z.base64().max(Math.ceil((maxBrandImageBytes * 4) / 3) + 4),
        box: pictureBoxSchema.optional(),
      }),
      result: z.object({ modelSha256: sha256Schema, embeddings: embeddingsSchema, box: pictureBoxSchema }),
    },
    /** Replaces the gallery of this node; running analyses name by it from their next Frame on. */
    setGallery: { params: gallerySchema, result: nothing },
    /** Everything up to this ExposureReport of the Publication is in the database. */
    exposureStored: {
      params: z.object({ publicationId: idSchema, sequence: z.number().int().nonnegative() }),
      result: nothing,
    },
    /** This HistoryBatch is on the server's disk or in its database: it need not be told again. */
    historyStored: {
      params: z.object({ runId: idSchema, sequence: z.number().int().nonnegative() }),
      result: nothing,
    },
    dump: { params: nothing, result: opaqueSchema },
  },
  events: {
    /** Once a second for each Publication, and on change. */
    analysis: z.object({ publicationId: idSchema, analysis: analysisViewSchema }),
    /** The description changed without a request (an execution provider fell back). */
    modelDescription: z.object({ publicationId: idSchema, description: modelDescriptionSchema }),
    exposure: exposureReportSchema,
    history: historyBatchSchema,
    /** At most four times a second for each Publication with zones or lines. */
    zonesLive: z.object({ publicationId: idSchema, live: zonesLiveSchema }),
    /** At most 60 KiB of JPEG. */
    poster: z.object({ publicationId: idSchema, jpegBase64: z.base64().max(82_000) }),
  },
} as const;
export type InferenceControlContract = typeof inferenceControlContract;
