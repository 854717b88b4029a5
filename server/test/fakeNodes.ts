import {
  type InferenceControlContract,
  inferenceControlContract,
  type ModelDescription,
  Refusal,
  type RequestHandlers,
  type SfuControlContract,
  sfuControlContract,
} from '../src/protocol/index.ts';
import { type FakeBrandModel, fakeBrandHandlers } from './fakeBrands.ts';
import { FakeNode } from './FakeNode.ts';

export type FakeSfu = FakeNode<SfuControlContract>;
export type FakeInference = FakeNode<InferenceControlContract>;

/** Answers as an sfu would, with ids counted up; media parameters are empty. */
export function createFakeSfu(nodeSecret: string, nodeId = 'sfu-1'): Promise<FakeSfu> {
  let made = 0;
  const id = (what: string) => `${nodeId}-${what}-${++made}`;
  const handlers: RequestHandlers<SfuControlContract> = {
    clock: () => ({ timeMs: Date.now() }),
    routerRtpCapabilities: () => ({ rtpCapabilities: { codecs: [] } }),
    createTransport: () => ({ transport: { id: id('transport') } }),
    connectTransport: () => ({}),
    restartIce: () => ({ iceParameters: {} }),
    transportState: () => ({ iceState: 'completed', dtlsState: 'connected', bytesReceived: Date.now() }),
    produce: ({ kind }) => ({ producer: { id: id(kind), kind, mimeType: `${kind}/any`, paused: false } }),
    setProducerPaused: () => ({}),
    closeProducer: () => ({}),
    consume: ({ producerId }) => ({ consumer: { id: id('consumer'), producerId }, type: 'simple' }),
    resumeConsumer: () => ({}),
    setPreferredLayers: () => ({}),
    closeConsumer: () => ({}),
    requestKeyFrame: () => ({}),
    consumeDetections: () => ({ dataConsumer: { id: id('data') } }),
    produceDetections: () => ({ dataProducerId: id('detections') }),
    setDetectionsRevision: () => ({}),
    closeDetections: () => ({}),
    closePublication: () => ({}),
    closePeer: () => ({}),
    openTap: ({ publicationId }) => ({
      local: { ip: '127.0.0.1', port: 5000 },
      producerId: 'video-1',
      rtpParameters: {},
      type: 'simple',
      feedUrl: `ws://127.0.0.1:1/feed/${publicationId}`,
    }),
    resumeTap: () => ({}),
    openSource: () => ({ state: 'connecting' }),
    closeSource: () => ({}),
    probePorts: () => ({ ports: [], ffmpeg: null }),
    closeTap: () => ({}),
    setPackager: () => ({}),
    describeModel: () => ({}),
    listRecordings: () => ({ recordings: [] }),
    deleteRecording: () => ({}),
    dump: () => ({}),
  };
  return FakeNode.create({ nodeId, kind: 'sfu', contract: sfuControlContract, handlers, nodeSecret });
}

const catalogue = ['marker', 'other', 'corrupt'];

/** Knows the models `marker` (default), `other`, and `corrupt`, which never loads; no brand model but one that is given. */
export function createFakeInference(
  nodeSecret: string,
  nodeId = 'inference-1',
  brandModel?: FakeBrandModel,
): Promise<FakeInference> {
  const revisions = new Map<string, number>();
  const describe = (publicationId: string, modelId = 'marker'): { description: ModelDescription } => {
    if (!catalogue.includes(modelId)) throw new Refusal('notFound', `there is no model ${modelId}`);
    if (modelId === 'corrupt') throw new Refusal('unsupported', 'corrupt: the output has 3 numbers, not 85');
    const revision = revisions.get(publicationId) ?? 1;
    revisions.set(publicationId, revision + 1);
    return {
      description: {
        revision,
        modelId,
        name: modelId,
        labels: ['a'],
        inputWidth: 320,
        inputHeight: 320,
        executionProvider: 'cpu',
      },
    };
  };
  const entry = (id: string) => ({
    id,
    name: id,
    task: 'detect' as const,
    family: 'marker' as const,
    licence: 'Apache-2.0',
    labels: 1,
    inputWidth: 320,
    inputHeight: 320,
    bundled: true,
    available: true,
    isDefault: id === 'marker',
  });
  const handlers: RequestHandlers<InferenceControlContract> = {
    clock: () => ({ timeMs: Date.now() + 1_000 }),
    models: () => ({ models: catalogue.map(entry), executionProvider: 'cpu' }),
    addModel: ({ modelId }) => {
      if (!catalogue.includes(modelId)) throw new Refusal('notFound', `there is no model ${modelId}`);
      return { model: entry(modelId) };
    },
    openTap: () => ({ local: { ip: '127.0.0.1', port: 6000 } }),
    startAnalysis: ({ publicationId, modelId, firstRevision }) => {
      revisions.set(publicationId, firstRevision);
      return describe(publicationId, modelId);
    },
    setModel: ({ publicationId, modelId }) => describe(publicationId, modelId),
    stopAnalysis: () => ({}),
    brandModel: () => ({ model: null, bundled: [] }),
    embedBrandImage: () => {
      throw new Refusal('unavailable', 'this node has no brand model');
    },
    setGallery: () => ({}),
    exposureStored: () => ({}),
    setZones: () => ({}),
    historyStored: () => ({}),
    ...(brandModel && fakeBrandHandlers(brandModel)),
    dump: () => ({}),
  };
  return FakeNode.create({ nodeId, kind: 'inference', contract: inferenceControlContract, handlers, nodeSecret });
}
