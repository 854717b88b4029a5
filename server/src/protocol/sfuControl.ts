import { z } from 'zod';
import { idSchema, ipSchema, mediaKindSchema, opaqueSchema, portSchema } from './ids.ts';
import { mediaRequests } from './mediaRequests.ts';
import { producerViewSchema } from './signaling.ts';

const nothing = z.object({});
const socketAddressSchema = z.object({ ip: ipSchema, port: portSchema });

/** server -> sfu over the sfu's control port, `GET /control`, bearer NODE_SECRET. */
export const sfuControlContract = {
  requests: {
    clock: { params: nothing, result: z.object({ timeMs: z.number() }) },
    /** What any Router of this node can carry; the same for all of them. */
    routerRtpCapabilities: { params: nothing, result: z.object({ rtpCapabilities: opaqueSchema }) },
    /** A WebRtcTransport for one peer of a Stream, on the Stream's Router (made when there is none yet). */
    createTransport: {
      params: z.object({ streamId: idSchema, peerId: idSchema, direction: z.enum(['send', 'recv']) }),
      result: z.object({ transport: opaqueSchema }),
    },
    ...mediaRequests,
    /** Adds a Producer to a Publication; the first one makes the Publication and its DetectionFeed. */
    produce: {
      params: z.object({
        transportId: idSchema,
        publicationId: idSchema,
        kind: mediaKindSchema,
        rtpParameters: opaqueSchema,
      }),
      result: z.object({ producer: producerViewSchema }),
    },
    consumeDetections: {
      params: z.object({ transportId: idSchema, publicationId: idSchema }),
      result: z.object({ dataConsumer: opaqueSchema }),
    },
    /** Ends a Publication: its Producers, FrameTap and DetectionFeed. */
    closePublication: { params: z.object({ publicationId: idSchema, reason: z.string() }), result: nothing },
    /** Ends all transports of a peer. */
    closePeer: { params: z.object({ peerId: idSchema }), result: nothing },
    /**
     * FrameTap: the RTP copy of a Publication's video to `remote` (an inference node's UDP socket), paused until
     * `resumeTap`. RTCP (NACK, PLI) comes back from that socket to `local`. One FrameTap per Publication; a second
     * `openTap` replaces the first.
     */
    openTap: {
      params: z.object({ publicationId: idSchema, remote: socketAddressSchema }),
      result: z.object({
        local: socketAddressSchema,
        /** The tap Consumer's RtpParameters: one codec, one encoding. */
        rtpParameters: opaqueSchema,
        /** simple, svc or simulcast. */
        type: z.string(),
        /** Binary WebSocket that takes one detection message per frame for this Publication; bearer NODE_SECRET. */
        feedUrl: z.string(),
      }),
    },
    resumeTap: { params: z.object({ publicationId: idSchema }), result: nothing },
    closeTap: { params: z.object({ publicationId: idSchema }), result: nothing },
    /** Everything this node holds, as plain JSON, for tests and the system page. */
    dump: { params: nothing, result: opaqueSchema },
  },
  events: {
    /** A Producer ended by itself: its transport closed, its Worker died. */
    producerClosed: z.object({ producerId: idSchema, publicationId: idSchema, reason: z.string() }),
    /** A transport ended by itself: ICE consent lost for good, never connected, Worker died. */
    transportClosed: z.object({ transportId: idSchema, peerId: idSchema, reason: z.string() }),
    consumerClosed: z.object({ consumerId: idSchema, peerId: idSchema, reason: z.string() }),
    consumerLayers: z.object({
      consumerId: idSchema,
      peerId: idSchema,
      spatialLayer: z.number().int().nullable(),
      temporalLayer: z.number().int().nullable(),
    }),
    publicationClosed: z.object({ publicationId: idSchema, streamId: idSchema, reason: z.string() }),
    workerDied: z.object({ pid: z.number().int(), publicationIds: z.array(idSchema) }),
  },
} as const;
export type SfuControlContract = typeof sfuControlContract;
