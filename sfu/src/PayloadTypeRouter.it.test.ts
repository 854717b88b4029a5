import { setTimeout as sleep } from 'node:timers/promises';
import type { types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MediaWorker } from './MediaWorker.ts';
import { SfuMetrics } from './metrics.ts';
import { PayloadTypeRouter, PayloadTypeRouterPool } from './PayloadTypeRouter.ts';
import { checkChosenCodecs } from './rtpRules.ts';
import { rtcListenInfos } from './listenAddresses.ts';
import { DetectionFeed } from './tap/DetectionFeed.ts';
import { RtpPeer, vp8Payload, vp9Payload } from './testing/RtpPeer.ts';
import { h264, opus, vp8, vp9Ksvc } from './testing/rtpParameters.ts';
import { startSfu, type TestSfu } from './testing/startSfu.ts';
import { until } from './testing/until.ts';
import { testWorkerBin } from './testing/workerBin.ts';

const listenInfo = { protocol: 'udp' as const, ip: '127.0.0.1' };
const video = (mimeType: string, preferredPayloadType: number, parameters: Record<string, unknown> = {}) => ({
  kind: 'video',
  mimeType,
  clockRate: 90_000,
  preferredPayloadType,
  parameters,
});
const audio = (preferredPayloadType: number) => ({
  kind: 'audio',
  mimeType: 'audio/opus',
  clockRate: 48_000,
  channels: 2,
  preferredPayloadType,
});

let worker: MediaWorker;
let router: types.Router;
let sender: RtpPeer;
let viewer: RtpPeer;

beforeAll(async () => {
  const listenInfos = rtcListenInfos({ host: '127.0.0.1', port: 0 });
  worker = await MediaWorker.create({ index: 0, workerBin: testWorkerBin(), listenInfos });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter();
  sender = await RtpPeer.create();
  viewer = await RtpPeer.create();
});
afterEach(() => {
  router.close();
  sender.close();
  viewer.close();
});

/** A Producer that a plain UDP socket feeds, and where that socket sends to. */
async function plainProducer(kind: types.MediaKind, rtpParameters: types.RtpParameters) {
  const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
  const producer = await transport.produce({ kind, rtpParameters });
  return { producer, to: { port: transport.tuple.localPort } };
}

/** A player's Consumer: what its offer says it can take, and packets to `viewer`. */
async function play(
  payloadTypes: PayloadTypeRouter,
  producer: types.Producer,
  codecs: unknown[],
  options: { later?: boolean } = {},
) {
  const transport = await payloadTypes.router.createPlainTransport({ listenInfo, rtcpMux: true });
  const connect = () => transport.connect({ ip: '127.0.0.1', port: viewer.address.port });
  if (!options.later) await connect();
  const image = await payloadTypes.producer(producer);
  const feedback = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }];
  const offered = (codecs as types.RtpCodecCapability[]).map((one) => ({ ...one, rtcpFeedback: feedback }));
  const rtpCapabilities = { codecs: offered, headerExtensions: [] };
  const consumer = await transport.consume({ producerId: image.id, rtpCapabilities, paused: true });
  return { image, consumer, connect, to: { port: transport.tuple.localPort } };
}

async function payloadTypesOf(codecs: unknown[]): Promise<PayloadTypeRouter> {
  return PayloadTypeRouter.create({ worker, router, codecs: checkChosenCodecs(codecs) });
}

let sequenceNumber = 1;
async function sendFrames(to: { port: number }, timestamps: number[], ssrc = 11_111_111): Promise<void> {
  for (const [index, timestamp] of timestamps.entries()) {
    const payload = vp8Payload(index === 0, index & 0xff);
    sender.sendRtp(to, { payloadType: 96, sequenceNumber: sequenceNumber++, timestamp, ssrc, payload });
    await sleep(5);
  }
}

const timestampsFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (first + index * 3003) >>> 0);

describe('PayloadTypeRouter', () => {
  test('packets arrive with the payload type that was asked for, and with the timestamps that were sent', async () => {
    const { producer, to } = await plainProducer('video', vp8());
    // None of these are in mediasoup's own range (96 to 127), as with Chromium's AV1 and third H264.
    const codecs = [audio(63), video('video/VP8', 35)];
    const payloadTypes = await payloadTypesOf(codecs);
    const { consumer } = await play(payloadTypes, producer, codecs);
    expect(consumer.rtpParameters.codecs.map(({ payloadType }) => payloadType)).toEqual([35]);
    expect(consumer.type).toBe('simple');
    await consumer.resume();

    // Across the wrap of the u32 timestamp.
    const sent = timestampsFrom(0xffffffff - 30 * 3003, 60);
    await sendFrames(to, sent);
    await until('60 packets', () => viewer.packets.length >= 60);
    expect(viewer.packets.map(({ timestamp }) => timestamp)).toEqual(sent);
    expect([...new Set(viewer.packets.map(({ payloadType }) => payloadType))]).toEqual([35]);
    expect([...new Set(viewer.packets.map(({ ssrc }) => ssrc))]).toEqual([consumer.rtpParameters.encodings![0]!.ssrc]);
    payloadTypes.close();
  });

  test('one who joins a Stream that runs gets the key frame that it needs, whenever it connects', async () => {
    const { producer, to } = await plainProducer('video', vp8());
    // As a browser sends: a key frame at the start and then one for each PLI.
    let plisAnswered = -1;
    const camera = setInterval(() => {
      const isKey = sender.feedback.length > plisAnswered;
      plisAnswered = Math.max(plisAnswered, sender.feedback.length);
      const packet = { payloadType: 96, timestamp: sequenceNumber * 3003, ssrc: 11_111_111 };
      sender.sendRtp(to, { ...packet, sequenceNumber: sequenceNumber++, payload: vp8Payload(isKey, 0) });
    }, 20);
    try {
      await until('it runs', async () => ((await producer.getStats())[0]?.packetCount ?? 0) > 20);
      const codecs = [video('video/VP8', 96)];
      const payloadTypes = await payloadTypesOf(codecs);
      const { consumer } = await play(payloadTypes, producer, codecs);
      await consumer.resume();
      await until('20 packets', () => viewer.packets.length >= 20);
      // VP8's frame tag: its first bit is 0 for a key frame.
      expect(viewer.packets[0]!.payload[1]! & 1).toBe(0);

      const before = viewer.packets.length;
      const second = await play(payloadTypes, producer, codecs);
      await second.consumer.resume();
      const packetsOf = ({ rtpParameters }: types.Consumer): number =>
        viewer.packets.filter(({ ssrc }) => ssrc === rtpParameters.encodings![0]!.ssrc).length;
      await until('20 of the second', () => packetsOf(second.consumer) >= 20);
      expect(viewer.packets.length).toBeGreaterThan(before);

      // ICE and DTLS take their time: all is resumed when the player connects.
      const third = await play(payloadTypes, producer, codecs, { later: true });
      await third.consumer.resume();
      await sleep(500);
      await third.connect();
      await until('20 of the third', () => packetsOf(third.consumer) >= 20);
      payloadTypes.close();
    } finally {
      clearInterval(camera);
    }
  });

  test('NACK is answered with the packet itself, PLI goes through to the publisher', async () => {
    const { producer, to } = await plainProducer('video', vp8());
    const codecs = [video('video/VP8', 100)];
    const payloadTypes = await payloadTypesOf(codecs);
    const { consumer, to: toViewer } = await play(payloadTypes, producer, codecs);
    await consumer.resume();
    await sendFrames(to, timestampsFrom(1_000, 10));
    await until('10 packets', () => viewer.packets.length >= 10);
    const lost = viewer.packets[4]!;
    viewer.sendNack(toViewer, lost.ssrc, lost.sequenceNumber);
    await until('the retransmission', () => viewer.packets.length > 10);
    expect(viewer.packets[10]).toEqual(lost);
    const plis = sender.feedback.length;
    viewer.sendPli(toViewer, lost.ssrc);
    await until('PLI at the publisher', () => sender.feedback.length > plis);
    payloadTypes.close();
  });

  test('a pause of the publisher goes through, both ways and also when it came first; so does its end', async () => {
    const { producer, to } = await plainProducer('video', vp8());
    await producer.pause();
    const codecs = [video('video/VP8', 100)];
    const payloadTypes = await payloadTypesOf(codecs);
    const { image, consumer } = await play(payloadTypes, producer, codecs);
    await consumer.resume();
    expect([image.paused, consumer.producerPaused]).toEqual([true, true]);
    await producer.resume();
    await until('resumed', () => !consumer.producerPaused);
    await sendFrames(to, timestampsFrom(1_000, 3));
    await until('packets', () => viewer.packets.length >= 3);
    await producer.pause();
    await until('paused', () => consumer.producerPaused);
    expect(payloadTypes.dump()).toMatchObject({ payloadTypes: ['100 video/VP8'], producers: 1 });
    producer.close();
    await until('the Consumer ended', () => consumer.closed);
    expect(image.closed).toBe(true);
    expect(payloadTypes.dump()).toMatchObject({ producers: 0 });
    payloadTypes.close();
  });

  test('K-SVC keeps its layers: the Consumer is svc, starts with all of a key picture and goes on with the top one', async () => {
    const { producer, to } = await plainProducer('video', vp9Ksvc('L3T1_KEY'));
    const codecs = [video('video/VP9', 98, { 'profile-id': 0 })];
    const payloadTypes = await payloadTypesOf(codecs);
    const { consumer } = await play(payloadTypes, producer, codecs);
    expect([consumer.type, consumer.rtpParameters.encodings![0]!.scalabilityMode]).toEqual(['svc', 'L3T1_KEY']);
    await consumer.resume();
    const received = (): string[] => viewer.packets.map(({ timestamp, payload }) => `${timestamp} ${payload[3]! >> 1}`);
    const isTop = (packet: string): boolean => packet.endsWith(' 2');
    const sent: string[] = [];
    let plisAnswered = -1;
    let next = 1;
    for (let pictureId = 1; pictureId <= 2_000 && received().filter(isTop).length < 100; pictureId++) {
      const isKeyPicture = sender.feedback.length > plisAnswered;
      plisAnswered = Math.max(plisAnswered, sender.feedback.length);
      for (let spatial = 0; spatial < 3; spatial++) {
        const timestamp = pictureId * 450;
        const lastSpatial = spatial === 2;
        const payload = Buffer.concat([
          vp9Payload({ pictureId, spatial, isKeyPicture, lastSpatial }),
          Buffer.alloc(500),
        ]);
        const packet = { payloadType: 96, timestamp, ssrc: 22_222_222, marker: lastSpatial, payload };
        sender.sendRtp(to, { ...packet, sequenceNumber: next++ });
        sent.push(`${timestamp} ${spatial}`);
      }
      await sleep(5);
    }
    const keyPicture = received().findIndex(isTop) - 2;
    const fromThere = received().slice(keyPicture);
    const sentFromThere = sent.slice(sent.indexOf(fromThere[0]!));
    expect(fromThere.slice(0, 3)).toEqual(sentFromThere.slice(0, 3));
    const top = fromThere.filter(isTop);
    expect(top.length).toBeGreaterThanOrEqual(100);
    expect(top).toEqual(sentFromThere.filter(isTop).slice(0, top.length));
    payloadTypes.close();
  });

  test('audio beside video, and one image of a Producer for all who ask', async () => {
    const { producer, to } = await plainProducer('audio', opus());
    const codecs = [video('video/VP8', 96), audio(109)];
    const payloadTypes = await payloadTypesOf(codecs);
    const images = await Promise.all([payloadTypes.producer(producer), payloadTypes.producer(producer)]);
    expect(images[0]).toBe(images[1]);
    const { consumer } = await play(payloadTypes, producer, codecs);
    await consumer.resume();
    for (let index = 0; index < 20; index++) {
      const packet = { payloadType: 111, sequenceNumber: 10 + index, timestamp: index * 960, ssrc: 33_333_333 };
      sender.sendRtp(to, { ...packet, payload: Buffer.alloc(40, index) });
      await sleep(5);
    }
    await until('20 packets', () => viewer.packets.length >= 20);
    expect(viewer.packets.map(({ payloadType, timestamp }) => [payloadType, timestamp])).toEqual(
      Array.from({ length: 20 }, (_, index) => [109, index * 960]),
    );
    payloadTypes.close();
  });

  test('detections go over whole and in order, and end with their feed', async () => {
    const feed = await DetectionFeed.create({ publicationId: 'p1', router, metrics: new SfuMetrics() });
    const payloadTypes = await payloadTypesOf([video('video/VP8', 96)]);
    const image = await payloadTypes.dataProducer(feed.dataProducerId);
    expect([image.label, image.protocol]).toEqual(['detections', 'framelock.v1']);
    const direct = await payloadTypes.router.createDirectTransport();
    const dataConsumer = await direct.consumeData({ dataProducerId: image.id });
    const received: number[] = [];
    dataConsumer.on('message', (message) =>
      received.push(message.readUInt16BE(1) * (message.length === 8_000 ? 1 : -1)),
    );
    const writer = { replaced: () => {} };
    feed.attach(writer);
    for (let index = 0; index < 100; index++) {
      const message = Buffer.alloc(8_000, 0x80);
      message.writeUInt16BE(index, 1);
      expect(feed.send(writer, message)).toBeUndefined();
      await sleep(2);
    }
    await until('100 messages', () => received.length >= 100);
    expect(received).toEqual(Array.from({ length: 100 }, (_, index) => index));
    feed.close('test');
    await until('the image ended', () => image.closed && dataConsumer.closed);
    payloadTypes.close();
  });

  test('leaves nothing on the other Router, and a Router that is gone makes no half of one', async () => {
    const { producer } = await plainProducer('video', vp8());
    const before = (await router.dump()).transportIds.length;
    const codecs = [video('video/VP8', 96)];
    const payloadTypes = await payloadTypesOf(codecs);
    await payloadTypes.producer(producer);
    expect((await router.dump()).transportIds).toHaveLength(before + 1);
    payloadTypes.close();
    payloadTypes.close();
    expect(payloadTypes.closed).toBe(true);
    expect((await router.dump()).transportIds).toHaveLength(before);
    await expect(payloadTypes.producer(producer)).rejects.toThrow();

    const closing = payloadTypesOf(codecs);
    router.close();
    await expect(closing).rejects.toThrow();
  });
});

describe('PayloadTypeRouterPool', () => {
  test('shares the Router of one set, closes it with its last user, and bounds the number of sets', async () => {
    const pool = new PayloadTypeRouterPool({ worker, router });
    const vp8At = (payloadType: number) => checkChosenCodecs([video('video/VP8', payloadType)]);
    const [a, b] = await Promise.all([pool.use(vp8At(96)), pool.use(vp8At(96))]);
    expect(a.payloadTypes).toBe(b.payloadTypes);
    expect([pool.size, pool.dump()]).toMatchObject([1, [{ users: 2, payloadTypes: ['96 video/VP8'] }]]);
    a.release();
    a.release();
    expect([pool.size, a.payloadTypes.closed]).toEqual([1, false]);
    b.release();
    await until('it closes', () => a.payloadTypes.closed);
    expect(pool.size).toBe(0);

    const held = await Promise.all(Array.from({ length: 16 }, (_, index) => pool.use(vp8At(100 + index))));
    await expect(pool.use(vp8At(120))).rejects.toMatchObject({ code: 'unavailable' });
    expect((await pool.use(vp8At(100))).payloadTypes).toBe(held[0]!.payloadTypes);
    pool.close();
    pool.close();
    await until('all closed', () => held.every(({ payloadTypes }) => payloadTypes.closed));
    for (const { release } of held) release();
    expect(pool.size).toBe(0);
    expect((await router.dump()).transportIds).toEqual([]);
  });
});

describe('createTransport with codecs', () => {
  let sfu: TestSfu;
  beforeAll(async () => {
    sfu = await startSfu();
  });
  afterAll(() => sfu?.close());

  const opaque = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
  const transportOf = async (peerId: string, direction: 'send' | 'recv', codecs?: unknown[]): Promise<string> => {
    const request = { streamId: 's1', peerId, direction, ...(codecs ? { codecs: codecs.map(opaque) } : {}) };
    return (await sfu.client.ask('createTransport', request)).transport.id as string;
  };

  test('consumes with those payload types; counts and dump show the Router; nothing stays', async () => {
    const send = await transportOf('publisher', 'send');
    const publication = { transportId: send, publicationId: 'p1' };
    const { producer } = await sfu.client.ask('produce', {
      ...publication,
      kind: 'video',
      rtpParameters: opaque(h264('640032')),
    });
    const parameters = { 'packetization-mode': 1, 'profile-level-id': '64001f', 'level-asymmetry-allowed': 1 };
    const codecs = [video('video/H264', 39, parameters), audio(111)];
    const recv = await transportOf('player', 'recv', codecs);
    const { consumer, type } = await sfu.client.ask('consume', {
      transportId: recv,
      producerId: producer.id,
      rtpCapabilities: { codecs: codecs.map(opaque), headerExtensions: [] },
    });
    expect([consumer.producerId, type]).toEqual([producer.id, 'simple']);
    expect((consumer.rtpParameters as types.RtpParameters).codecs).toMatchObject([{ payloadType: 39 }]);
    const { dataConsumer } = await sfu.client.ask('consumeDetections', { transportId: recv, publicationId: 'p1' });
    // The first DataConsumer of a transport is always on stream 0: docs/WHEP.md tells players so.
    expect(dataConsumer).toMatchObject({ label: 'detections', sctpStreamParameters: { streamId: 0 } });
    expect(sfu.node.counts()).toMatchObject({ routers: 1, payloadTypeRouters: 1, consumers: 1, dataConsumers: 1 });
    expect((sfu.node.dump().streams as { payloadTypeRouters: unknown }[])[0]!.payloadTypeRouters).toEqual([
      { payloadTypes: ['111 audio/opus', '39 video/H264'], producers: 1, dataProducers: 1, users: 1 },
    ]);

    await sfu.client.ask('closePublication', { publicationId: 'p1', reason: 'test' });
    await until('its Consumers ended', () => sfu.node.counts().consumers + sfu.node.counts().dataConsumers === 0);
    await sfu.client.ask('closePeer', { peerId: 'player' });
    expect(sfu.node.counts()).toMatchObject({ routers: 1, payloadTypeRouters: 0 });
    await sfu.client.ask('closePeer', { peerId: 'publisher' });
    expect(sfu.node.counts()).toMatchObject({ routers: 0, payloadTypeRouters: 0, transports: 0 });
  });

  test.each([
    ['unsupported', [video('video/H265', 96)]],
    ['unsupported', [video('video/VP8', 96), video('video/VP9', 98)]],
    ['unsupported', [video('video/H264', 96, { 'packetization-mode': 0 })]],
    ['unsupported', [{ ...audio(111), channels: 1 }]],
    ['badRequest', [video('video/VP8', 70)]],
    ['badRequest', [video('video/VP8', 128)]],
    ['badRequest', [video('video/VP8', 111), audio(111)]],
    ['badRequest', [{ ...video('video/VP8', 96), kind: 'audio' }]],
    ['badRequest', []],
    ['badRequest', [{ kind: 'video' }]],
  ])('refuses what the Router cannot do (%s): %j', async (code, codecs) => {
    await expect(transportOf('hostile', 'recv', codecs)).rejects.toMatchObject({ code });
    expect(sfu.node.counts()).toMatchObject({ transports: 0, payloadTypeRouters: 0 });
  });

  test('is for viewers alone', async () => {
    await expect(transportOf('a', 'send', [video('video/VP8', 96)])).rejects.toMatchObject({ code: 'badRequest' });
  });
});
