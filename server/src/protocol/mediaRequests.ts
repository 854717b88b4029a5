import { z } from 'zod';
import { idSchema, opaqueSchema } from './ids.ts';

const nothing = z.object({});

/** Requests that a peer makes of its Transports, Producers and Consumers, and that the server hands on to the sfu as they are. */
export const mediaRequests = {
  connectTransport: { params: z.object({ transportId: idSchema, dtlsParameters: opaqueSchema }), result: nothing },
  restartIce: { params: z.object({ transportId: idSchema }), result: z.object({ iceParameters: opaqueSchema }) },
  setProducerPaused: { params: z.object({ producerId: idSchema, paused: z.boolean() }), result: nothing },
  closeProducer: { params: z.object({ producerId: idSchema }), result: nothing },
  /** Consumers begin paused; `resumeConsumer` when the client is ready, which also asks for a key frame. */
  consume: {
    params: z.object({
      transportId: idSchema,
      producerId: idSchema,
      rtpCapabilities: opaqueSchema,
      /** The media section that the viewer has made for it; mediasoup writes it (8 bytes at most) into every packet. */
      mid: z.string().min(1).max(8).optional(),
    }),
    /** mediasoup-client's ConsumerOptions plus `type` (simple, svc, simulcast). */
    result: z.object({ consumer: opaqueSchema, type: z.string() }),
  },
  resumeConsumer: { params: z.object({ consumerId: idSchema }), result: nothing },
  /** E.g. of a layer that another took the place of; media for it stops. */
  closeConsumer: { params: z.object({ consumerId: idSchema }), result: nothing },
  setPreferredLayers: {
    params: z.object({
      consumerId: idSchema,
      spatialLayer: z.number().int().min(0).max(7),
      temporalLayer: z.number().int().min(0).max(7).optional(),
    }),
    result: nothing,
  },
  requestKeyFrame: { params: z.object({ consumerId: idSchema }), result: nothing },
} as const;
