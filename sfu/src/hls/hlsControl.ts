import { z } from 'zod';
import {
  hlsViewSchema,
  idSchema,
  ipSchema,
  modelDescriptionSchema,
  opaqueSchema,
  packagerSettingsSchema,
  portSchema,
  storedRecordingSchema,
} from '@framelock/server/protocol';

const nothing = z.object({});
const socketAddressSchema = z.object({ ip: ipSchema, port: portSchema });
/** As FrameTap has it. */
const tapSchema = z.object({ remote: socketAddressSchema, rtpParameters: opaqueSchema, type: z.string() });
export type TapEnd = z.infer<typeof tapSchema>;

/**
 * The sfu (caller) and its hls process (callee), by IPC. Detection messages go beside it, each as
 * `{publicationId, detection: Uint8Array}`.
 */
export const hlsControlContract = {
  requests: {
    /** A Publication is live. */
    addPublication: {
      params: z.object({
        publicationId: idSchema,
        streamId: idSchema,
        /** hls processes of this sfu that died: names that they gave may be in caches. */
        restarts: z.number().int().nonnegative(),
      }),
      result: nothing,
    },
    setPackager: { params: z.object({ publicationId: idSchema, settings: packagerSettingsSchema }), result: nothing },
    describeModel: {
      params: z.object({ publicationId: idSchema, description: modelDescriptionSchema }),
      result: nothing,
    },
    /** Binds sockets for the taps; what came before is let go. */
    openInput: {
      params: z.object({ publicationId: idSchema }),
      result: z.object({ video: socketAddressSchema, audio: socketAddressSchema }),
    },
    startInput: {
      params: z.object({
        publicationId: idSchema,
        video: tapSchema,
        audio: tapSchema.nullable(),
        /** As measured so far; null = not known. */
        keyFrameIntervalMs: z.number().nonnegative().nullable(),
      }),
      result: nothing,
    },
    /** Audio came, went or is another Producer's. */
    setAudio: { params: z.object({ publicationId: idSchema, audio: tapSchema.nullable() }), result: nothing },
    /** The video is gone, and may come back. */
    stopInput: { params: z.object({ publicationId: idSchema, reason: z.string() }), result: nothing },
    endPublication: { params: z.object({ publicationId: idSchema, reason: z.string() }), result: nothing },
    listRecordings: { params: nothing, result: z.object({ recordings: z.array(storedRecordingSchema) }) },
    deleteRecording: { params: z.object({ streamId: idSchema, publicationId: idSchema }), result: nothing },
    /** Prometheus text. */
    metrics: { params: nothing, result: z.object({ text: z.string() }) },
    dump: { params: nothing, result: opaqueSchema },
  },
  events: {
    /** Its origin listens; once, first of all. */
    listening: z.object({ url: z.string(), port: portSchema }),
    /** Give me the media of this Publication; answered by `openInput`. */
    want: z.object({ publicationId: idSchema }),
    /** Nobody needs it any more. */
    unwant: z.object({ publicationId: idSchema }),
    hls: z.object({ publicationId: idSchema, streamId: idSchema, hls: hlsViewSchema }),
    recording: z.object({ recording: storedRecordingSchema }),
  },
} as const;
export type HlsControlContract = typeof hlsControlContract;

/** What crosses the IPC channel: `text` is the contract's. */
export type HlsMessage = { text: string } | { publicationId: string; detection: Uint8Array };
