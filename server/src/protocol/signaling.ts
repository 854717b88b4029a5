import { z } from 'zod';
import { hiddenLabelsSchema } from './detections.ts';
import { deliverySchema, hlsViewSchema } from './hls.ts';
import { idSchema, mediaKindSchema, opaqueSchema } from './ids.ts';
import { ingestStatsSchema, publishedBySchema } from './ingest.ts';
import { mediaRequests } from './mediaRequests.ts';
import {
  analysisViewSchema,
  analysisWishSchema,
  browserAnalysisReportSchema,
  modelDescriptionSchema,
} from './model.ts';
import { zoneSettingsSchema, zonesLiveSchema } from './zones.ts';

/** Largest signalling message either side takes, bytes. A VP9 + AV1 produce with every header extension is under 16 KiB. */
export const maxSignalingBytes = 256 * 1024;
/** A peer that sends nothing for this long is closed; the client pings at a third of it. */
export const signalingIdleTimeoutMs = 15_000;

/**
 * How a layer's RTP timestamps relate to the analysed layer's. `known` was verified on the packets themselves: the same
 * frame has `timestamp + offsetTicks` (mod 2^32) there. `checking`: not yet. `unknown`: they can't be compared, so no box
 * may be drawn on that layer as exact. The analysed layer itself is `known` with 0.
 */
export const layerTimelineSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('checking') }),
  z.object({ state: z.literal('known'), offsetTicks: z.number().int() }),
  z.object({ state: z.literal('unknown'), reason: z.string().max(300) }),
]);
export type LayerTimeline = z.infer<typeof layerTimelineSchema>;

/**
 * One simulcast layer. Each is a Producer of its own, since mediasoup rewrites the timestamps of simulcast Consumers and
 * leaves those of simple ones alone.
 */
export const simulcastLayerSchema = z.object({
  rid: z.string().max(32),
  /** 0 = the largest picture. */
  order: z.number().int().min(0).max(15),
  timeline: layerTimelineSchema,
});
export type SimulcastLayer = z.infer<typeof simulcastLayerSchema>;

export const producerViewSchema = z.object({
  id: idSchema,
  kind: mediaKindSchema,
  /** e.g. `video/VP9`. */
  mimeType: z.string(),
  /** Of a codec with profiles, as the publisher said it: H264's profile-level-id, VP9's profile-id. */
  profile: z.string().max(32).optional(),
  paused: z.boolean(),
  /** Only where the publisher sends several. */
  layer: simulcastLayerSchema.optional(),
});
export type ProducerView = z.infer<typeof producerViewSchema>;

export const publicationViewSchema = z.object({
  id: idSchema,
  startedAt: z.iso.datetime(),
  producers: z.array(producerViewSchema),
  publishedBy: publishedBySchema.default('browser'),
  /** The video Producer that analysis sees; detections carry its timestamps. */
  analysedProducerId: idSchema.optional(),
  /** As the sfu receives it; changes are told by `ingestStats`. */
  ingest: ingestStatsSchema.optional(),
});
export type PublicationView = z.infer<typeof publicationViewSchema>;

/** What the publisher measures of its own sending, once a second; viewers get it for their latency budget. */
export const publisherReportSchema = z.object({
  /** Capture to last packet sent: mean encode time plus mean packet send delay, ms. */
  captureToSendMs: z.number().min(0).max(60_000),
  /** Round trip publisher <-> sfu, ms. */
  rttMs: z.number().min(0).max(60_000),
  bitrateBps: z.number().nonnegative(),
  fps: z.number().nonnegative(),
  width: z.number().int().nonnegative(),
  height: z.number().int().nonnegative(),
  codec: z.string().max(40),
  /** Why the browser sends less than asked, if it does. */
  limitedBy: z.enum(['none', 'cpu', 'bandwidth', 'other']),
});
export type PublisherReport = z.infer<typeof publisherReportSchema>;

/** What a viewer counted since it joined; summed into the server's metrics. */
export const viewerReportSchema = z.object({
  mode: z.enum(['lock', 'live']),
  framesPresented: z.number().int().nonnegative(),
  exact: z.number().int().nonnegative(),
  interpolated: z.number().int().nonnegative(),
  extrapolated: z.number().int().nonnegative(),
  unanalysed: z.number().int().nonnegative(),
  missedCallbacks: z.number().int().nonnegative(),
  wrongFrame: z.number().int().nonnegative(),
  captureToOverlayP50Ms: z.number().nonnegative().optional(),
});
export type ViewerReport = z.infer<typeof viewerReportSchema>;

/** How viewers are to watch, and what HLS is doing: `null` = it is off for this Stream. */
export const deliveryViewSchema = z.object({ delivery: deliverySchema, hls: hlsViewSchema.nullable() });
export type DeliveryView = z.infer<typeof deliveryViewSchema>;

const nothing = z.object({});
export const iceServerSchema = z.object({
  urls: z.union([z.string(), z.array(z.string())]),
  username: z.string().optional(),
  credential: z.string().optional(),
});

/** Browser (or headless peer) -> server over `GET /ws`. `join` comes first and once; everything else needs it. */
export const signalingContract = {
  requests: {
    join: {
      params: z.object({
        streamId: idSchema,
        role: z.enum(['publish', 'watch']),
        /** Stream key (publish), admin token, or nothing where access is open. */
        token: z.string().max(512).optional(),
      }),
      result: z.object({
        peerId: idSchema,
        streamName: z.string(),
        iceServers: z.array(iceServerSchema),
        routerRtpCapabilities: opaqueSchema,
        serverTimeMs: z.number(),
        publication: publicationViewSchema.nullable(),
        analysis: analysisViewSchema,
        modelDescription: modelDescriptionSchema.nullable(),
        viewers: z.number().int().nonnegative(),
        delivery: deliverySchema.default('webrtc'),
        hls: hlsViewSchema.nullable().default(null),
        zones: zoneSettingsSchema.default({ zones: [], lines: [], scale: null }),
      }),
    },
    createTransport: {
      params: z.object({
        direction: z.enum(['send', 'recv']),
        /** send only: it is to carry detections too. */
        data: z.boolean().optional(),
      }),
      /** mediasoup-client's TransportOptions: id, iceParameters, iceCandidates, dtlsParameters, sctpParameters. */
      result: z.object({ transport: opaqueSchema }),
    },
    ...mediaRequests,
    /** A publisher's first Producer, of either kind, begins the Publication. */
    produce: {
      params: z.object({ transportId: idSchema, kind: mediaKindSchema, rtpParameters: opaqueSchema }),
      result: z.object({ producerId: idSchema, publicationId: idSchema }),
    },
    /**
     * Who analyses what this peer publishes, from now on. Before its first Producer it says what is to happen then, so
     * that no node begins in vain. With a model that runs already it tells another one, or other labels.
     */
    setAnalysis: {
      params: analysisWishSchema,
      /** Of the description that viewers were told; null = nothing is published, or a node analyses. */
      result: z.object({ revision: z.number().int().positive().nullable() }),
    },
    /**
     * The publisher's own data channel into its Publication's DetectionFeed, after `setAnalysis` by `browser`. Of each
     * message the sfu checks size, rate, schema, Publication and revision.
     */
    produceDetections: {
      params: z.object({ transportId: idSchema, sctpStreamParameters: opaqueSchema }),
      result: z.object({ dataProducerId: idSchema, revision: z.number().int().positive() }),
    },
    reportAnalysis: { params: browserAnalysisReportSchema, result: nothing },
    /**
     * mediasoup-client's DataConsumerOptions for the current Publication's DetectionFeed, without objects of the hidden
     * labels (where there is room for one more wish of that kind). Asked again it takes the place of the one before,
     * which ends some seconds later.
     */
    consumeDetections: {
      params: z.object({ transportId: idSchema, hiddenLabels: hiddenLabelsSchema.default([]) }),
      result: z.object({ dataConsumer: opaqueSchema }),
    },
    reportPublisher: { params: publisherReportSchema, result: nothing },
    reportViewer: { params: viewerReportSchema, result: nothing },
    /** Heartbeat, and the clock: the caller takes the round trip's midpoint. */
    ping: { params: nothing, result: z.object({ serverTimeMs: z.number() }) },
  },
  events: {
    publicationStarted: z.object({ publication: publicationViewSchema }),
    /** A Producer was added, paused, resumed or closed inside the running Publication. */
    publicationChanged: z.object({ publication: publicationViewSchema }),
    publicationEnded: z.object({ publicationId: idSchema, reason: z.string() }),
    modelDescription: z.object({ publicationId: idSchema, description: modelDescriptionSchema }),
    analysis: z.object({ publicationId: idSchema, analysis: analysisViewSchema }),
    publisherReport: publisherReportSchema,
    ingestStats: z.object({ publicationId: idSchema, ingest: ingestStatsSchema }),
    /** A person changed how viewers are to watch, or HLS did; figures that only grow or waver come every 10 s at most. */
    delivery: deliveryViewSchema,
    /** Somebody drew on the picture. */
    zones: zoneSettingsSchema,
    zonesLive: z.object({ publicationId: idSchema, live: zonesLiveSchema }),
    viewers: z.object({ count: z.number().int().nonnegative() }),
    /** The media path is gone (worker died, zombie closed): join again with a new socket. */
    transportClosed: z.object({ transportId: idSchema, reason: z.string() }),
    consumerClosed: z.object({ consumerId: idSchema, reason: z.string() }),
    consumerLayers: z.object({
      consumerId: idSchema,
      spatialLayer: z.number().int().nullable(),
      temporalLayer: z.number().int().nullable(),
    }),
    /** Said before the server closes the socket on purpose. */
    closing: z.object({ code: z.string(), message: z.string() }),
  },
} as const;
export type SignalingContract = typeof signalingContract;
