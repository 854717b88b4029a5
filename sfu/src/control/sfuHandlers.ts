import { Refusal, type RequestHandlers, type SfuControlContract } from '@framelock/server/protocol';
import type { HlsHost } from '../hls/HlsHost.ts';
import type { SfuNode } from '../SfuNode.ts';
import { probePorts } from './probePorts.ts';

export interface SfuHandlersOptions {
  node: SfuNode;
  /** Without it this node makes no HLS. */
  hls: HlsHost | undefined;
  /** Where an inference node sends the detections of a Publication. */
  feedUrl(publicationId: string): string;
  /** Told before a transport is made, so that the peer ends with the server that asked for it. */
  claimPeer(peerId: string): void;
  /** Likewise of a Source's attempt. */
  claimSource(publicationId: string): void;
  /** Told when a peer or an attempt was closed on request, also one that was refused and never began. */
  disown(id: string): void;
}

/** The control contract on one SfuNode. Parameters were validated by the RpcCallee; opaque ones are by their taker. */
export function sfuHandlers({
  node,
  hls,
  feedUrl,
  claimPeer,
  claimSource,
  disown,
}: SfuHandlersOptions): RequestHandlers<SfuControlContract> {
  return {
    clock: () => ({ timeMs: performance.timeOrigin + performance.now() }),
    routerRtpCapabilities: () => ({ rtpCapabilities: { ...node.rtpCapabilities } }),
    createTransport: async (params) => {
      claimPeer(params.peerId);
      return node.createTransport(params);
    },
    connectTransport: async ({ transportId, dtlsParameters }) => {
      await node.transport(transportId).connect(dtlsParameters);
      return {};
    },
    restartIce: async ({ transportId }) => ({ iceParameters: await node.transport(transportId).restartIce() }),
    transportState: ({ transportId }) => node.transport(transportId).state(),
    produce: (params) => node.produce(params),
    setProducerPaused: async ({ producerId, paused }) => {
      await node.publicationOf(producerId).setProducerPaused(producerId, paused);
      return {};
    },
    closeProducer: ({ producerId }) => {
      node.publicationOf(producerId).closeProducer(producerId, 'requested');
      return {};
    },
    consume: (params) => node.consume(params),
    resumeConsumer: async ({ consumerId }) => {
      await node.transportOf(consumerId).resumeConsumer(consumerId);
      return {};
    },
    closeConsumer: ({ consumerId }) => {
      node.transportOf(consumerId).closeConsumer(consumerId);
      return {};
    },
    setPreferredLayers: async ({ consumerId, spatialLayer, temporalLayer }) => {
      await node.transportOf(consumerId).setPreferredLayers(consumerId, { spatialLayer, temporalLayer });
      return {};
    },
    requestKeyFrame: async ({ consumerId }) => {
      await node.transportOf(consumerId).requestKeyFrame(consumerId);
      return {};
    },
    consumeDetections: (params) => node.consumeDetections(params),
    produceDetections: (params) => node.produceDetections(params),
    setDetectionsRevision: ({ publicationId, revision }) => {
      node.publication(publicationId).setDetectionsRevision(revision);
      return {};
    },
    closeDetections: ({ publicationId }) => {
      node.publication(publicationId).closeDetections('requested');
      return {};
    },
    closePublication: ({ publicationId, reason }) => {
      node.publication(publicationId).close(reason);
      return {};
    },
    // No refusal for a peer that is gone: the wish is fulfilled.
    closePeer: ({ peerId }) => {
      node.closePeer(peerId, 'requested');
      disown(peerId);
      return {};
    },
    openTap: async (params) => ({ ...(await node.openTap(params)), feedUrl: feedUrl(params.publicationId) }),
    resumeTap: async ({ publicationId }) => {
      await node.publication(publicationId).resumeTap();
      return {};
    },
    closeTap: ({ publicationId }) => {
      node.publication(publicationId).closeTap('requested');
      return {};
    },
    openSource: async (params) => {
      claimSource(params.publicationId);
      return node.sources.open(params);
    },
    // No refusal for one that is gone: the wish is fulfilled.
    closeSource: async ({ publicationId }) => {
      await node.sources.close(publicationId);
      disown(publicationId);
      return {};
    },
    probePorts: async () => {
      const [ports, ffmpeg] = await Promise.all([probePorts(node.workers), node.sources.ffmpeg().catch(() => null)]);
      const { announcedIp } = node;
      return {
        ports,
        ...(announcedIp === undefined ? {} : { announcedIp }),
        ffmpeg: ffmpeg && {
          version: ffmpeg.version,
          protocols: [...ffmpeg.protocols],
          encoders: [...ffmpeg.encoders],
        },
      };
    },
    setPackager: async ({ publicationId, settings }) => {
      await required(hls).setPackager(publicationId, settings);
      return {};
    },
    describeModel: async ({ publicationId, description }) => {
      node.publication(publicationId).feed.filtered.describe(description);
      await required(hls).describeModel(publicationId, description);
      return {};
    },
    listRecordings: ({ offset }) => hls?.listRecordings(offset) ?? { recordings: [] },
    deleteRecording: async (recording) => {
      await required(hls).deleteRecording(recording);
      return {};
    },
    dump: async () => ({ ...node.dump(), hls: (await hls?.dump()) ?? null }),
  };
}

function required(hls: HlsHost | undefined): HlsHost {
  if (!hls) throw new Refusal('unsupported', 'this sfu node makes no HLS');
  return hls;
}
