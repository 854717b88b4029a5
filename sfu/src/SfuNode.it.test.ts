import { afterEach, describe, expect, test } from 'vitest';
import { RtpPeer } from './testing/RtpPeer.ts';
import { dtlsParameters, h264, opus, vp8, vp8Simulcast, vp9Ksvc } from './testing/rtpParameters.ts';
import { connectIceOnce } from './testing/StunPeer.ts';
import { startSfu, type TestSfu } from './testing/startSfu.ts';
import { until } from './testing/until.ts';

let sfu: TestSfu;
afterEach(() => sfu?.close());

type Parameters = Record<string, unknown>;
const opaque = (value: unknown): Parameters => value as Parameters;

async function transportFor(peerId: string, direction: 'send' | 'recv', streamId = 's1'): Promise<string> {
  const { transport } = await sfu.client.ask('createTransport', { streamId, peerId, direction });
  return transport.id as string;
}

async function publish(
  rtpParameters: unknown,
  kind: 'audio' | 'video' = 'video',
): Promise<{ transportId: string; producerId: string }> {
  const transportId = await transportFor('publisher', 'send');
  const request = { transportId, publicationId: 'pub1', kind, rtpParameters: opaque(rtpParameters) };
  const { producer } = await sfu.client.ask('produce', request);
  return { transportId, producerId: producer.id };
}

const nothing = {
  routers: 0,
  publications: 0,
  transports: 0,
  producers: 0,
  consumers: 0,
  dataConsumers: 0,
  taps: 0,
  feeds: 0,
};

describe('publish and watch', () => {
  test('from the first transport to the last: all of it, and nothing left', async () => {
    sfu = await startSfu();
    const { client, node } = sfu;
    const { rtpCapabilities } = await client.ask('routerRtpCapabilities', {});
    expect(JSON.stringify(rtpCapabilities)).not.toContain('video-orientation');
    const mimeTypes = (rtpCapabilities.codecs as { mimeType: string }[]).map(({ mimeType }) => mimeType);
    expect(mimeTypes).toEqual(
      expect.arrayContaining(['audio/opus', 'video/VP8', 'video/VP9', 'video/H264', 'video/AV1']),
    );

    const { transportId, producerId } = await publish(vp9Ksvc());
    const audio = { transportId, publicationId: 'pub1', kind: 'audio' as const, rtpParameters: opaque(opus()) };
    const { producer } = await client.ask('produce', audio);
    expect(producer).toMatchObject({ kind: 'audio', mimeType: 'audio/opus', paused: false });

    const viewer = await transportFor('viewer', 'recv');
    const { consumer, type } = await client.ask('consume', { transportId: viewer, producerId, rtpCapabilities });
    expect(type).toBe('svc');
    const consumerId = consumer.id as string;
    expect(JSON.stringify(consumer.rtpParameters)).toContain('video/rtx');
    await client.ask('resumeConsumer', { consumerId });
    await client.ask('setPreferredLayers', { consumerId, spatialLayer: 1, temporalLayer: 2 });
    await client.ask('requestKeyFrame', { consumerId });
    const { consumer: second } = await client.ask('consume', { transportId: viewer, producerId, rtpCapabilities });
    expect(node.counts().consumers).toBe(2);
    await client.ask('closeConsumer', { consumerId: second.id as string });
    await expect(client.ask('resumeConsumer', { consumerId: second.id as string })).rejects.toThrow('no Consumer');
    const { dataConsumer } = await client.ask('consumeDetections', { transportId: viewer, publicationId: 'pub1' });
    expect(dataConsumer).toMatchObject({
      label: 'detections',
      protocol: 'framelock.v1',
      sctpStreamParameters: { ordered: false, maxRetransmits: 0 },
    });
    const inference = await RtpPeer.create();
    const tap = await client.ask('openTap', { publicationId: 'pub1', remote: inference.address });
    expect(tap.type).toBe('svc');
    expect(tap.feedUrl).toBe(`${sfu.control.url}/feed/pub1`);
    await client.ask('resumeTap', { publicationId: 'pub1' });
    await client.ask('openTap', { publicationId: 'pub1', remote: inference.address });
    expect(node.counts()).toMatchObject({
      workers: 1,
      routers: 1,
      publications: 1,
      transports: 2,
      producers: 2,
      consumers: 1,
      dataConsumers: 1,
      taps: 1,
      feeds: 1,
    });
    const { counts } = await client.ask('dump', {});
    expect(counts).toEqual({ ...node.counts() });

    await client.ask('closeProducer', { producerId });
    await until('the Consumer ends with its Producer', () => client.told('consumerClosed').length === 1);
    expect(node.counts()).toMatchObject({ producers: 1, consumers: 0, taps: 0, publications: 1 });
    await client.ask('closePeer', { peerId: 'publisher' });
    await until('the Publication ends with its peer', () => client.told('publicationClosed').length === 1);
    await client.ask('closePeer', { peerId: 'viewer' });
    expect(node.counts()).toMatchObject(nothing);
    const [worker] = (await client.ask('dump', {})).workers as { streams: number }[];
    expect(worker!.streams).toBe(0);
    expect(client.malformed).toEqual([]);
    inference.close();
  });

  test('of channels of detections that were asked for together one stays', async () => {
    sfu = await startSfu();
    const { client, node } = sfu;
    await publish(vp9Ksvc());
    const viewer = await transportFor('viewer', 'recv');
    const ask = () => client.ask('consumeDetections', { transportId: viewer, publicationId: 'pub1' });
    const [, second] = await Promise.all([ask(), ask()]);
    expect(node.counts().dataConsumers).toBe(2);
    await until('the first one is closed', () => node.counts().dataConsumers === 1);
    expect(JSON.stringify(await client.ask('dump', {}))).toContain(second.dataConsumer.id);
  });

  test('every codec is taken; simulcast is refused with words, and leaves nothing behind', async () => {
    sfu = await startSfu();
    const transportId = await transportFor('publisher', 'send');
    for (const [index, rtpParameters] of [vp8(), h264(), h264('4d001f'), h264('640032')].entries()) {
      const publicationId = `pub${index}`;
      const { producer } = await sfu.client.ask('produce', {
        transportId,
        publicationId,
        kind: 'video',
        rtpParameters: opaque(rtpParameters),
      });
      await sfu.client.ask('closeProducer', { producerId: producer.id });
    }
    const simulcast = {
      transportId,
      publicationId: 'p',
      kind: 'video' as const,
      rtpParameters: opaque(vp8Simulcast()),
    };
    await expect(sfu.client.ask('produce', simulcast)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/one encoding.*K-SVC/) as string,
    });
    expect(sfu.node.counts()).toMatchObject({ publications: 0, producers: 0, feeds: 0, transports: 1 });
  });

  test('a Publication has one Producer of a kind, of one peer; ids of other Streams are not found', async () => {
    sfu = await startSfu();
    const { client } = sfu;
    const { transportId, producerId } = await publish(vp8());
    const again = { publicationId: 'pub1', kind: 'video' as const, rtpParameters: opaque(vp8(777)) };
    await expect(client.ask('produce', { transportId, ...again })).rejects.toMatchObject({ code: 'conflict' });
    const thief = await transportFor('thief', 'send');
    const audio = { transportId: thief, publicationId: 'pub1', kind: 'audio' as const, rtpParameters: opaque(opus()) };
    await expect(client.ask('produce', audio)).rejects.toMatchObject({ code: 'conflict' });
    const other = await transportFor('other', 'recv', 's2');
    const { rtpCapabilities } = await client.ask('routerRtpCapabilities', {});
    const consume = { transportId: other, producerId, rtpCapabilities };
    await expect(client.ask('consume', consume)).rejects.toMatchObject({ code: 'notFound' });
    await expect(client.ask('consumeDetections', { transportId: other, publicationId: 'pub1' })).rejects.toMatchObject({
      code: 'notFound',
    });
    await expect(transportFor('publisher', 'send', 's2')).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.ask('consume', { ...consume, transportId })).rejects.toMatchObject({ code: 'badRequest' });
    expect(sfu.node.counts()).toMatchObject({ publications: 1, producers: 1 });
  });

  test('a closed peer does not come back through a request that was on its way', async () => {
    sfu = await startSfu();
    const asked = sfu.client.ask('createTransport', { streamId: 's1', peerId: 'p', direction: 'send' });
    await sfu.client.ask('closePeer', { peerId: 'p' });
    await expect(asked).rejects.toMatchObject({ code: 'gone' });
    expect(sfu.node.counts()).toMatchObject(nothing);
  });
});

describe('zombies', () => {
  test('a transport that is used and never connects is closed and told of; an unused one is left alone', async () => {
    sfu = await startSfu({ timeouts: { connectMs: 300, disconnectedMs: 300 } });
    const { client } = sfu;
    const { transportId } = await publish(vp8());
    const waiting = await transportFor('waiting', 'recv');
    await client.ask('connectTransport', { transportId, dtlsParameters: opaque(dtlsParameters) });
    await until('transportClosed', () => client.told('transportClosed').length > 0);
    expect(client.told('transportClosed')).toEqual([{ transportId, peerId: 'publisher', reason: 'neverConnected' }]);
    expect(client.told('producerClosed')).toHaveLength(1);
    expect(client.told('publicationClosed')).toEqual([
      { publicationId: 'pub1', streamId: 's1', reason: 'neverConnected' },
    ]);
    expect(sfu.node.counts()).toMatchObject({ transports: 1, publications: 0, routers: 1 });
    expect(sfu.node.transport(waiting).closed).toBe(false);
  });

  test('a peer that was connected and went silent is closed after ICE consent ran out', async () => {
    sfu = await startSfu({ timeouts: { connectMs: 60_000, disconnectedMs: 200 } });
    const request = { streamId: 's1', peerId: 'lid-closed', direction: 'recv' as const };
    const { transport } = await sfu.client.ask('createTransport', request);
    await connectIceOnce(transport);
    // STUN's answer can be here before the Worker's notification is.
    await until('ICE completed', async () => {
      const [stream] = (await sfu.client.ask('dump', {})).streams as { transports: { iceState: string }[] }[];
      return stream!.transports[0]!.iceState === 'completed';
    });
    await until('transportClosed', () => sfu.client.told('transportClosed').length > 0, 30_000);
    expect(sfu.client.told('transportClosed')).toMatchObject([{ peerId: 'lid-closed', reason: 'iceDisconnected' }]);
    expect(sfu.node.counts()).toMatchObject(nothing);
  });

  test('peers end after the server that had them, unless it redials under its name', async () => {
    sfu = await startSfu({ ownerGraceMs: 300 });
    const [gone, named] = await Promise.all([sfu.dial(), sfu.dial({ 'x-framelock-server': 'server-1' })]);
    await gone.ask('createTransport', { streamId: 's1', peerId: 'p1', direction: 'send' });
    await named.ask('createTransport', { streamId: 's1', peerId: 'p2', direction: 'recv' });
    named.close();
    await sfu.dial({ 'x-framelock-server': 'server-1' });
    gone.close();
    await until('transportClosed', () => sfu.client.told('transportClosed').length > 0);
    expect(sfu.client.told('transportClosed')).toMatchObject([{ peerId: 'p1', reason: 'serverGone' }]);
    expect(sfu.node.counts().transports).toBe(1);
  });
});

describe('Worker death', () => {
  test('ends its own Publications with reason workerDied, and new joins succeed on the same port', async () => {
    const rtcPort = 20_000 + Math.floor(Math.random() * 20_000);
    sfu = await startSfu({ workers: 2, rtcPort });
    const { client, node } = sfu;
    const { transportId } = await publish(vp8());
    const other = await transportFor('other', 'send', 's2');
    const request = { transportId: other, publicationId: 'pub2', kind: 'video' as const, rtpParameters: opaque(vp8()) };
    await client.ask('produce', request);
    const dead = node.workers[0]!;
    expect(node.workers.map(({ streams }) => streams)).toEqual([1, 1]);
    process.kill(dead.pid, 'SIGKILL');
    await until('workerDied', () => client.told('workerDied').length === 1);
    expect(client.told('workerDied')).toEqual([{ pid: dead.pid, publicationIds: ['pub1'] }]);
    expect(client.told('publicationClosed')).toEqual([{ publicationId: 'pub1', streamId: 's1', reason: 'workerDied' }]);
    expect(client.told('transportClosed')).toEqual([{ transportId, peerId: 'publisher', reason: 'workerDied' }]);
    // The other Worker's Stream is as it was.
    expect(node.counts()).toMatchObject({ publications: 1, transports: 1 });
    await until('two Workers', () => node.workers.length === 2);
    expect(node.workers.map(({ index }) => index)).toEqual([0, 1]);
    const { transport } = await client.ask('createTransport', {
      streamId: 's1',
      peerId: 'publisher',
      direction: 'send',
    });
    const ports = (transport.iceCandidates as { port: number }[]).map(({ port }) => port);
    expect(new Set(ports)).toEqual(new Set([rtcPort]));
    const again = { transportId: transport.id as string, publicationId: 'pub3', kind: 'video' as const };
    await client.ask('produce', { ...again, rtpParameters: opaque(vp8()) });
    expect(await node.metrics.scrape()).toContain('framelock_worker_deaths_total 1');
  });

  test('a join while the only Worker is away waits for the next one', async () => {
    sfu = await startSfu();
    process.kill(sfu.node.workers[0]!.pid, 'SIGKILL');
    await until('workerDied', () => sfu.client.told('workerDied').length === 1);
    await transportFor('p', 'send');
    expect(sfu.node.counts()).toMatchObject({ workers: 1, transports: 1 });
  });

  test('close() leaves no Worker process', async () => {
    sfu = await startSfu({ workers: 2 });
    await publish(vp8());
    const pids = sfu.node.workers.map(({ pid }) => pid);
    await sfu.close();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(sfu.node.counts()).toMatchObject(nothing);
  });
});
