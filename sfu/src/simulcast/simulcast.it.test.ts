import { EventEmitter } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LayerTimeline } from '@framelock/server/protocol';
import { SfuMetrics } from '../metrics.ts';
import { Publication } from '../Publication.ts';
import type { PublishingTransport } from '../PublishingTransport.ts';
import { announcedRtpCapabilities, routerCodecs } from '../routerCodecs.ts';
import { checkLayerParameters } from '../rtpRules.ts';
import { RtpPeer, vp8Payload } from '../testing/RtpPeer.ts';
import { opus, videoParameters, vp8 } from '../testing/rtpParameters.ts';
import { startSfu } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';

const midId = 1;
const ridId = 2;
const ridExtension = { uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', id: ridId } as const;

function layerParameters(rid: string): types.RtpParameters {
  const { mid: _, ...parameters } = videoParameters('video/VP8', {
    encodings: [{ rid }],
    headerExtensions: [ridExtension],
  });
  return parameters;
}

/** What one rid sends, 30 frames a second, as OBS does: all layers of a frame back to back, each on its own timeline. */
interface SentLayer {
  rid: string;
  /** RTP timestamp of frame 0. */
  zero: number;
  delayMs?: () => number;
  /** No frames from this one on. */
  until?: number;
}

let worker: types.Worker;
let router: types.Router;
let publication: Publication;
let transport: types.PlainTransport;
let sender: RtpPeer;
let sending: NodeJS.Timeout | undefined;
const delayed = new Set<NodeJS.Timeout>();
let timelines: Map<string, LayerTimeline>;
let analysed: string[];

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter({ mediaCodecs: routerCodecs });
  publication = await Publication.create({ publicationId: 'p1', streamId: 's1', router, metrics: new SfuMetrics() });
  timelines = new Map();
  analysed = [];
  publication.on('timeline', (producerId, timeline) => timelines.set(producerId, timeline));
  publication.on('analysed', (producerId) => analysed.push(producerId));
  transport = await router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
    ...{ rtcpMux: true, comedia: true },
  });
  sender = await RtpPeer.create();
});
afterEach(() => {
  clearInterval(sending);
  for (const timer of delayed) clearTimeout(timer);
  delayed.clear();
  publication.close('test');
  router.close();
  sender.close();
});

/** A publishing transport that a plain UDP socket feeds. */
function publishing(): PublishingTransport {
  return Object.assign(new EventEmitter<{ closed: [string] }>(), {
    publisherId: 'publisher',
    closed: false,
    produce: (kind: types.MediaKind, rtpParameters: unknown, rid?: string) =>
      transport.produce({ kind, rtpParameters: checkLayerParameters(kind, rtpParameters, rid!) }),
  });
}

async function publishLayers(rids: string[]): Promise<string[]> {
  const from = publishing();
  const ids: string[] = [];
  for (const [order, rid] of rids.entries()) {
    ids.push((await publication.produce(from, 'video', layerParameters(rid), { rid, order })).id);
  }
  return ids;
}

function send(layers: SentLayer[]): void {
  const startMs = performance.now();
  let frame = 0;
  sending = setInterval(() => {
    for (; frame < (performance.now() - startMs) / (1000 / 30); frame++) {
      for (const [index, layer] of layers.entries()) {
        if (frame >= (layer.until ?? Infinity)) continue;
        const packet = {
          payloadType: 96,
          sequenceNumber: frame,
          timestamp: layer.zero + frame * 3000,
          ssrc: 1000 + index,
          payload: vp8Payload(frame % 30 === 0, frame & 0xff),
          extensions: { [midId]: '1', [ridId]: layer.rid },
        };
        const go = (): void => sender.sendRtp({ port: transport.tuple.localPort }, packet);
        if (layer.delayMs) delayed.add(setTimeout(go, layer.delayMs()));
        else go();
      }
    }
  }, 5);
}

test('each rid is a simple Producer whose Consumers keep its timestamps, and its timeline is found by arrival', async () => {
  const [large, middle, small, jittered] = await publishLayers(['0', '1', '2', 'j']);
  expect(analysed).toEqual([large]);
  expect(publication.producers.map(({ layer }) => layer?.timeline.state)).toEqual([
    'known',
    'checking',
    'checking',
    'checking',
  ]);
  const direct = await router.createDirectTransport();
  const consumer = await direct.consume({ producerId: middle!, rtpCapabilities: announcedRtpCapabilities() });
  expect(consumer.type).toBe('simple');
  const seen: number[] = [];
  consumer.on('rtp', (packet) => seen.push(packet.readUInt32BE(4)));
  send([
    { rid: '0', zero: 9000 },
    { rid: '1', zero: 9000 },
    // Its first frame was dropped before the track opened: the same timestamps, one frame later.
    { rid: '2', zero: 6000 },
    { rid: 'j', zero: 9000, delayMs: () => Math.random() * 100 },
  ]);
  await until(
    'all timelines are decided',
    () => timelines.size >= 4 && [...timelines.values()].every(({ state }) => state !== 'checking'),
    20_000,
  );
  expect(timelines.get(middle!)).toEqual({ state: 'known', offsetTicks: 0 });
  expect(timelines.get(small!)).toEqual({ state: 'known', offsetTicks: 3000 });
  expect(timelines.get(jittered!)).toMatchObject({ state: 'unknown' });
  expect(seen.length).toBeGreaterThan(30);
  expect(seen.every((timestamp) => timestamp % 3000 === 0 && timestamp <= 9000 + 3000 * 600)).toBe(true);
  expect(publication.dump().simulcast).toMatchObject({ analysed: large, layers: [{}, {}, {}, { flows: true }] });
});

test('when the largest layer stops, the next one is analysed, and the tap is opened on it', async () => {
  const [large, small] = await publishLayers(['0', '1']);
  send([
    { rid: '0', zero: 0, until: 60 },
    { rid: '1', zero: 0 },
  ]);
  expect((await publication.openTap(sender.address, '127.0.0.1')).producerId).toBe(large);
  await until('the smaller one is analysed', () => analysed.length === 2, 20_000);
  expect(analysed).toEqual([large, small]);
  expect(timelines.get(small!)).toEqual({ state: 'known', offsetTicks: 0 });
  expect(timelines.get(large!)).toEqual({ state: 'checking' });
  expect((await publication.openTap(sender.address, '127.0.0.1')).producerId).toBe(small);
});

test('a layer has a rid and an order of its own, four at most, and no plain video beside it', async () => {
  const from = publishing();
  await publishLayers(['0', '1', '2']);
  const produce = (rid: string, order: number) =>
    publication.produce(from, 'video', layerParameters(rid), { rid, order });
  await expect(produce('2', 3)).rejects.toMatchObject({ code: 'conflict' });
  await expect(produce('3', 2)).rejects.toMatchObject({ code: 'conflict' });
  await expect(publication.produce(from, 'video', vp8())).rejects.toMatchObject({ code: 'conflict' });
  await produce('3', 3);
  await expect(produce('4', 4)).rejects.toMatchObject({ code: 'conflict' });
  expect(publication.producers).toHaveLength(4);
  for (const { id } of publication.producers.slice(1)) publication.closeProducer(id, 'requested');
  publication.closeProducer(analysed[0]!, 'requested');
  expect(publication.closed).toBe(true);
});

test('over the control connection: layers of one peer, and a mid beside them is refused with words', async () => {
  const sfu = await startSfu();
  try {
    const { client } = sfu;
    const { transport: made } = await client.ask('createTransport', {
      streamId: 's1',
      peerId: 'whip',
      direction: 'send',
    });
    const base = { transportId: made.id as string, publicationId: 'p1' };
    const produce = (rid: string, order: number) => {
      const rtpParameters = layerParameters(rid) as unknown as Record<string, unknown>;
      return client.ask('produce', { ...base, kind: 'video', rtpParameters, layer: { rid, order } });
    };
    const { producer } = await produce('a', 0);
    expect(producer.layer).toEqual({ rid: 'a', order: 0, timeline: { state: 'known', offsetTicks: 0 } });
    expect((await produce('b', 1)).producer.layer?.timeline).toEqual({ state: 'checking' });
    expect(client.told('analysedProducer')).toEqual([{ publicationId: 'p1', streamId: 's1', producerId: producer.id }]);
    const headerExtensions = [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: midId }];
    const audio = { ...opus(), headerExtensions } as unknown as Record<string, unknown>;
    await expect(client.ask('produce', { ...base, kind: 'audio', rtpParameters: audio })).rejects.toMatchObject({
      message: expect.stringMatching(/leave the mid out/) as string,
    });
    await client.ask('produce', {
      ...base,
      kind: 'audio',
      rtpParameters: opus() as unknown as Record<string, unknown>,
    });
    await client.ask('closeProducer', { producerId: producer.id });
    await until('the other layer is analysed', () => client.told('analysedProducer').length === 2);
    expect(client.malformed).toEqual([]);
  } finally {
    await sfu.close();
  }
});
