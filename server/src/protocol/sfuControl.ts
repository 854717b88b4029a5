import { z } from 'zod';
import { hiddenLabelsSchema } from './detections.ts';
import { hlsViewSchema, packagerSettingsSchema, storedRecordingSchema } from './hls.ts';
import { idSchema, ipSchema, mediaKindSchema, opaqueSchema, portSchema } from './ids.ts';
import { ingestStatsSchema } from './ingest.ts';
import { mediaRequests } from './mediaRequests.ts';
import { modelDescriptionSchema } from './model.ts';
import { layerTimelineSchema, producerViewSchema, simulcastLayerSchema } from './signaling.ts';
import { openSourceSchema, sourceProgressSchema } from './source.ts';

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
      params: z.object({
        streamId: idSchema,
        peerId: idSchema,
        direction: z.enum(['send', 'recv']),
        /** send only: with SCTP, for `produceDetections`. recv transports always have it. */
        data: z.boolean().optional(),
        /**
         * recv only: RtpCodecCapability[] with `preferredPayloadType`, for a peer that chose the payload types itself
         * (WHEP: the offer comes from the player, RFC 3264). Consumers on this transport then have those.
         */
        codecs: z.array(opaqueSchema).max(64).optional(),
      }),
      result: z.object({ transport: opaqueSchema }),
    },
    ...mediaRequests,
    /** Whether its peer is there: how a publisher without a socket (WHIP) is asked for a sign of life. */
    transportState: {
      params: z.object({ transportId: idSchema }),
      result: z.object({
        /** mediasoup's IceState and DtlsState. */
        iceState: z.string(),
        dtlsState: z.string(),
        /** Everything received so far, STUN included: grows while the peer sends. */
        bytesReceived: z.number().nonnegative(),
      }),
    },
    /** Adds a Producer to a Publication; the first one makes the Publication and its DetectionFeed. */
    produce: {
      params: z.object({
        transportId: idSchema,
        publicationId: idSchema,
        kind: mediaKindSchema,
        rtpParameters: opaqueSchema,
        /** One layer of a simulcast; its rtpParameters have one encoding, with this rid. */
        layer: simulcastLayerSchema.omit({ timeline: true }).optional(),
      }),
      result: z.object({ producer: producerViewSchema }),
    },
    consumeDetections: {
      params: z.object({
        transportId: idSchema,
        publicationId: idSchema,
        hiddenLabels: hiddenLabelsSchema.default([]),
      }),
      result: z.object({ dataConsumer: opaqueSchema }),
    },
    /**
     * The publisher's own page writes this Publication's DetectionFeed from now on, in place of whoever did, and no node
     * can. Only the peer that publishes it may. Messages of another revision are refused.
     */
    produceDetections: {
      params: z.object({
        transportId: idSchema,
        publicationId: idSchema,
        sctpStreamParameters: opaqueSchema,
        revision: z.number().int().positive(),
      }),
      result: z.object({ dataProducerId: idSchema }),
    },
    /** What the page's messages are made with from now on. No refusal where no page writes. */
    setDetectionsRevision: {
      params: z.object({ publicationId: idSchema, revision: z.number().int().positive() }),
      result: nothing,
    },
    /** Back to an inference node. No refusal where no page writes. */
    closeDetections: { params: z.object({ publicationId: idSchema }), result: nothing },
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
        /** What it taps: the Producer that is analysed. */
        producerId: idSchema,
        /** The tap Consumer's RtpParameters: one codec, one encoding. */
        rtpParameters: opaqueSchema,
        /** simple, svc or simulcast. */
        type: z.string(),
        /** Binary WebSocket that takes one detection message per frame for this Publication; bearer NODE_SECRET. */
        feedUrl: z.string(),
      }),
    },
    /**
     * Begins one attempt of a Source and answers at once. `sourceStarted` tells of its Publication, `sourceEnded` of its
     * end, which comes exactly once. The server decides whether another attempt follows.
     */
    openSource: { params: openSourceSchema, result: sourceProgressSchema },
    /** Resolves when its FFmpeg is gone. */
    closeSource: { params: z.object({ publicationId: idSchema }), result: nothing },
    /** What the doctor can ask of a node: whether its RTC ports answer STUN, by UDP and by TCP. */
    probePorts: {
      params: nothing,
      result: z.object({
        ports: z.array(
          z.object({
            ip: z.string(),
            port: portSchema,
            protocol: z.enum(['udp', 'tcp']),
            open: z.boolean(),
            error: z.string().optional(),
          }),
        ),
        announcedIp: z.string().optional(),
        ffmpeg: z
          .object({ version: z.string(), protocols: z.array(z.string()), encoders: z.array(z.string()) })
          .nullable(),
      }),
    },
    resumeTap: { params: z.object({ publicationId: idSchema }), result: nothing },
    closeTap: { params: z.object({ publicationId: idSchema }), result: nothing },
    /** Settings of a live Publication's HLS, on its begin and on change. Without it: on demand, not recorded. */
    setPackager: { params: z.object({ publicationId: idSchema, settings: packagerSettingsSchema }), result: nothing },
    /** What HLS viewers need to read detection messages; stored beside the media. */
    describeModel: {
      params: z.object({ publicationId: idSchema, description: modelDescriptionSchema }),
      result: nothing,
    },
    /** Every Recording on this node, those that grow included, page by page: `next` is the offset of the one that follows. */
    listRecordings: {
      params: z.object({ offset: z.number().int().nonnegative().default(0) }),
      result: z.object({ recordings: z.array(storedRecordingSchema), next: z.number().int().positive().optional() }),
    },
    /** One that is gone is no refusal; one that grows is refused (`conflict`). */
    deleteRecording: { params: z.object({ streamId: idSchema, publicationId: idSchema }), result: nothing },
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
    /** A layer's timeline was verified, or can't be. */
    producerTimeline: z.object({
      publicationId: idSchema,
      producerId: idSchema,
      timeline: layerTimelineSchema,
    }),
    /** Another layer of a simulcast is the analysed one now; analysis must begin anew, since its tap is on the one before. */
    analysedProducer: z.object({ publicationId: idSchema, streamId: idSchema, producerId: idSchema }),
    hls: z.object({ publicationId: idSchema, streamId: idSchema, hls: hlsViewSchema }),
    /** A Recording began, grew (at most every 10 s), or ended. */
    recording: z.object({ recording: storedRecordingSchema }),
    ingestStats: z.object({ publicationId: idSchema, streamId: idSchema, ingest: ingestStatsSchema }),
    sourceStarted: z.object({ publicationId: idSchema, streamId: idSchema, producers: z.array(producerViewSchema) }),
    sourceProgress: z.object({ publicationId: idSchema, streamId: idSchema, progress: sourceProgressSchema }),
    sourceEnded: z.object({
      publicationId: idSchema,
      streamId: idSchema,
      /** `finished`: the file or the publisher came to its end; `failed`: anything else that was not asked for. */
      reason: z.enum(['requested', 'finished', 'failed']),
      /** For people, credentials taken out. */
      message: z.string().max(1000),
    }),
    workerDied: z.object({ pid: z.number().int(), publicationIds: z.array(idSchema) }),
  },
} as const;
export type SfuControlContract = typeof sfuControlContract;
