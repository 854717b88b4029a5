import { Database } from '@framelock/db';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../test/TestServer.ts';
import { Refusal } from './protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());
beforeEach(async () => {
  // New names each time: the one before may not be forgotten yet.
  const name = Math.random().toString(36).slice(2);
  sfu = await createFakeSfu(nodeSecret, `sfu-${name}`);
  inference = await createFakeInference(nodeSecret, `inference-${name}`);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
  streamId = (await server.createStream()).id;
});
afterEach(async () => {
  server.stopBeats();
  await Promise.all([sfu.close(), inference.close()]);
  await until(() => server.connectedNodes().length === 0, 'no node is connected');
});

async function viewer() {
  const client = await server.client();
  const joined = await client.request('join', { streamId, role: 'watch' });
  return Object.assign(client, { joined });
}

describe('a Publication', () => {
  it('begins with the first Producer, is analysed, watched, and ends with its publisher', async () => {
    const early = await viewer();
    expect(early.joined).toMatchObject({ publication: null, analysis: { state: 'off' }, modelDescription: null });
    const publisher = await server.client();
    const { publicationId, producerId } = await publisher.publish(streamId);

    const { publication } = await early.event('publicationStarted');
    expect(publication).toMatchObject({ id: publicationId, producers: [{ id: producerId, kind: 'video' }] });
    const running = await early.event('analysis', ({ analysis }) => analysis.state === 'running');
    expect(running.analysis).toMatchObject({ modelId: 'marker', nodeId: inference.heartbeat.nodeId });
    expect(Math.abs(running.analysis.clockOffsetMs! - 1_000)).toBeLessThan(500);
    expect((await early.event('modelDescription')).description.revision).toBe(1);
    const steps = ['openTap', 'startAnalysis'];
    expect(inference.calls.map(([method]) => method).filter((method) => steps.includes(method))).toEqual(steps);
    expect(sfu.callsOf('openTap')).toMatchObject([{ publicationId, remote: { ip: '127.0.0.1', port: 6000 } }]);
    expect(inference.callsOf('startAnalysis')).toMatchObject([
      {
        publicationId,
        tap: { remote: { port: 5000 } },
        feedUrl: `ws://127.0.0.1:1/feed/${publicationId}`,
        firstRevision: 1,
      },
    ]);
    expect(sfu.callsOf('resumeTap')).toEqual([{ publicationId }]);

    const late = await viewer();
    expect(late.joined).toMatchObject({
      publication: { id: publicationId },
      modelDescription: { revision: 1 },
      viewers: 2,
    });
    const { transport } = await late.request('createTransport', { direction: 'recv' });
    const transportId = transport.id as string;
    await late.request('connectTransport', { transportId, dtlsParameters: {} });
    const { consumer } = await late.request('consume', { transportId, producerId, rtpCapabilities: {} });
    await late.request('resumeConsumer', { consumerId: consumer.id as string });
    await late.request('setPreferredLayers', { consumerId: consumer.id as string, spatialLayer: 1 });
    await late.request('requestKeyFrame', { consumerId: consumer.id as string });
    await late.request('restartIce', { transportId });
    await late.request('consumeDetections', { transportId });
    expect(sfu.callsOf('consumeDetections')).toEqual([{ transportId, publicationId, hiddenLabels: [] }]);
    expect(await server.stream(streamId)).toMatchObject({
      state: 'live',
      viewers: 2,
      publication: { id: publicationId },
    });

    publisher.close();
    expect(await late.event('publicationEnded')).toEqual({ publicationId, reason: 'publisherLeft' });
    await until(() => sfu.callsOf('closePublication').length === 1, 'the sfu was told');
    await until(() => inference.callsOf('stopAnalysis').length === 1, 'the inference node was told');
    expect(await server.stream(streamId)).toMatchObject({ state: 'idle', analysis: { state: 'off' } });
    expect(await server.metric('framelock_publications')).toBe(0);
  });

  it('can begin with audio; analysis begins with video; a second of a kind is a conflict', async () => {
    const watcher = await viewer();
    const publisher = await server.client();
    await publisher.request('join', { streamId, role: 'publish' });
    const { transport } = await publisher.request('createTransport', { direction: 'send' });
    const transportId = transport.id as string;
    const audio = await publisher.request('produce', { transportId, kind: 'audio', rtpParameters: {} });
    await watcher.event('publicationStarted');
    expect(inference.callsOf('openTap')).toEqual([]);
    const video = await publisher.request('produce', { transportId, kind: 'video', rtpParameters: {} });
    expect(video.publicationId).toBe(audio.publicationId);
    await watcher.event('publicationChanged', ({ publication }) => publication.producers.length === 2);
    await watcher.event('analysis', ({ analysis }) => analysis.state === 'running');
    await expect(publisher.request('produce', { transportId, kind: 'video', rtpParameters: {} })).rejects.toMatchObject(
      { code: 'conflict' },
    );

    await publisher.request('setProducerPaused', { producerId: audio.producerId, paused: true });
    await watcher.event('publicationChanged', ({ publication }) => publication.producers[0]!.paused);
    await publisher.request('closeProducer', { producerId: video.producerId });
    await watcher.event('analysis', ({ analysis }) => analysis.state === 'off');
    await publisher.request('produce', { transportId, kind: 'video', rtpParameters: {} });
    await until(() => inference.callsOf('startAnalysis').length === 2, 'analysis began again');
    // Revisions go on counting inside the one Publication.
    expect(inference.callsOf('startAnalysis')[1]).toMatchObject({
      publicationId: audio.publicationId,
      firstRevision: 2,
    });
    expect(watcher.events('publicationEnded')).toEqual([]);
  });

  it('made by two requests at once is one Publication', async () => {
    const publisher = await server.client();
    await publisher.request('join', { streamId, role: 'publish' });
    const { transport } = await publisher.request('createTransport', { direction: 'send' });
    const transportId = transport.id as string;
    const produced = await Promise.all(
      (['audio', 'video'] as const).map((kind) =>
        publisher.request('produce', { transportId, kind, rtpParameters: {} }),
      ),
    );
    expect(produced[0]!.publicationId).toBe(produced[1]!.publicationId);
    expect((await server.stream(streamId)).publication!.producers).toHaveLength(2);
  });

  it('is another one each time, with revisions from 1', async () => {
    const watcher = await viewer();
    const ids: string[] = [];
    for (let run = 0; run < 2; run++) {
      const publisher = await server.client();
      const { publicationId } = await publisher.publish(streamId);
      ids.push(publicationId);
      await watcher.event(
        'modelDescription',
        (data) => data.publicationId === publicationId && data.description.revision === 1,
      );
      publisher.close();
      await watcher.event('publicationEnded', (data) => data.publicationId === publicationId);
    }
    expect(new Set(ids).size).toBe(2);
  });

  it('after Publication can be watched with detections by one viewer that stays', async () => {
    const watcher = await viewer();
    const { transport } = await watcher.request('createTransport', { direction: 'recv' });
    for (let i = 0; i < 20; i++) {
      const publisher = await server.client();
      const { publicationId } = await publisher.publish(streamId);
      await watcher.request('consumeDetections', { transportId: transport.id as string });
      publisher.close();
      await watcher.event('publicationEnded', (ended) => ended.publicationId === publicationId);
    }
    expect(sfu.callsOf('consumeDetections')).toHaveLength(20);
  });

  it('that the sfu refuses is none', async () => {
    sfu.handlers = {
      ...sfu.handlers,
      produce: () => {
        throw new Refusal('unsupported', 'no such codec');
      },
    };
    const watcher = await viewer();
    const publisher = await server.client();
    await expect(publisher.publish(streamId)).rejects.toMatchObject({ code: 'unsupported', message: 'no such codec' });
    expect(await server.stream(streamId)).toMatchObject({ state: 'idle', publication: null });
    expect(watcher.events('publicationStarted')).toEqual([]);
    // Nothing of the failed one is in the way of the next.
    sfu.handlers = {
      ...sfu.handlers,
      produce: ({ kind }) => ({ producer: { id: 'p', kind, mimeType: 'video/VP8', paused: false } }),
    };
    await (await server.client()).publish(streamId);
  });

  it('ends when the Stream is deleted, and its peers are told', async () => {
    const watcher = await viewer();
    await (await server.client()).publish(streamId);
    expect((await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' })).status).toBe(204);
    expect(await watcher.event('closing')).toMatchObject({ code: 'streamDeleted' });
    await watcher.closed;
    expect((await server.request(`/api/v1/streams/${streamId}`)).status).toBe(404);
  });

  it("carries the publisher's report to viewers, and a viewer's into the metrics", async () => {
    const watcher = await viewer();
    const publisher = await server.client();
    await publisher.publish(streamId);
    const report = {
      captureToSendMs: 12,
      rttMs: 3,
      bitrateBps: 1e6,
      fps: 30,
      width: 1280,
      height: 720,
      codec: 'video/VP8',
      limitedBy: 'none' as const,
    };
    await publisher.request('reportPublisher', report);
    expect(await watcher.event('publisherReport')).toEqual(report);
    const wrongBefore = await server.metric('framelock_viewer_wrong_frames_total');
    const exactBefore = await server.metric('framelock_viewer_frames_total{kind="exact"}');
    const frames = { mode: 'lock' as const, interpolated: 1, extrapolated: 0, unanalysed: 0, missedCallbacks: 0 };
    await watcher.request('reportViewer', { ...frames, framesPresented: 11, exact: 10, wrongFrame: 0 });
    await watcher.request('reportViewer', { ...frames, framesPresented: 16, exact: 15, wrongFrame: 2 });
    expect((await server.metric('framelock_viewer_frames_total{kind="exact"}')) - exactBefore).toBe(15);
    expect((await server.metric('framelock_viewer_wrong_frames_total')) - wrongBefore).toBe(2);
  });

  it('tells how many watch', async () => {
    const first = await viewer();
    const second = await viewer();
    await first.event('viewers', ({ count }) => count === 2);
    second.close();
    await first.event('viewers', ({ count }) => count === 1);
    expect((await server.stream(streamId)).viewers).toBe(1);
  });
});

describe('a second publisher', () => {
  it('is refused while the first one answers', async () => {
    await (await server.client()).publish(streamId);
    const second = await server.client();
    await expect(second.request('join', { streamId, role: 'publish' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('that joined before the first one produced is refused when it produces', async () => {
    const [first, second] = [await server.client(), await server.client()];
    await second.request('join', { streamId, role: 'publish' });
    const { transport } = await second.request('createTransport', { direction: 'send' });
    await first.publish(streamId);
    await expect(
      second.request('produce', { transportId: transport.id as string, kind: 'video', rtpParameters: {} }),
    ).rejects.toMatchObject({ code: 'conflict' });
  });

  it('takes over from one whose network is cut', async () => {
    const watcher = await viewer();
    const first = await server.client();
    const { publicationId } = await first.publish(streamId);
    // Paused, its socket reads no ping and so answers none, as behind a cut network.
    first.socket.pause();
    const second = await server.client();
    await second.publish(streamId);
    expect(await watcher.event('publicationEnded')).toEqual({ publicationId, reason: 'takenOver' });
    expect((await server.stream(streamId)).publication!.id).not.toBe(publicationId);
  });
});

describe('a publisher that a person stops', () => {
  it('is told why, and the Stream is free for the next one', async () => {
    const watcher = await viewer();
    const first = await server.client();
    const { publicationId } = await first.publish(streamId);
    const stop = () => fetch(`${server.url}/api/v1/streams/${streamId}/publication`, { method: 'DELETE' });
    expect((await stop()).status).toBe(204);
    expect(await watcher.event('publicationEnded')).toEqual({ publicationId, reason: 'stopped' });
    expect((await first.event('closing')).code).toBe('stopped');
    expect((await stop()).status).toBe(204);
    await (await server.client()).publish(streamId);
  });
});

describe('when the sfu', () => {
  it('is lost, Publications end, transports are told, and peers can join again on the next one', async () => {
    const watcher = await viewer();
    const { transport } = await watcher.request('createTransport', { direction: 'recv' });
    const publisher = await server.client();
    const { publicationId, transportId } = await publisher.publish(streamId);
    sfu.cut();
    expect(await watcher.event('publicationEnded')).toEqual({ publicationId, reason: 'sfuLost' });
    expect((await watcher.event('transportClosed')).transportId).toBe(transport.id);
    expect((await publisher.event('transportClosed')).transportId).toBe(transportId);
    await expect(
      watcher.request('connectTransport', { transportId: transport.id as string, dtlsParameters: {} }),
    ).rejects.toMatchObject({ code: 'notFound' });
    await until(() => server.connectedNodes().includes(sfu.heartbeat.nodeId), 'it was dialled again');
    publisher.close();
    await (await server.client()).publish(streamId);
    expect((await server.stream(streamId)).state).toBe('live');
  });

  it('is away, joining says so', async () => {
    server.stopBeats();
    await sfu.close();
    await until(() => !server.connectedNodes().includes(sfu.heartbeat.nodeId), 'the sfu is gone');
    const client = await server.client();
    await expect(client.request('join', { streamId, role: 'watch' })).rejects.toMatchObject({ code: 'unavailable' });
    expect((await server.request('/readyz')).body).toMatchObject({ ready: false, sfu: false });
  });

  it("tells of a dead Worker, only that Worker's Publications end", async () => {
    const other = await server.createStream('other');
    const [one, two] = [await server.client(), await server.client()];
    const dead = await one.publish(streamId);
    const alive = await two.publish(other.id);
    sfu.emit('workerDied', { pid: 1, publicationIds: [dead.publicationId] });
    expect(await one.event('publicationEnded')).toEqual({ publicationId: dead.publicationId, reason: 'workerDied' });
    expect((await server.stream(other.id)).publication!.id).toBe(alive.publicationId);
  });

  it('tells of something that ended by itself, its peer learns it; of anything else nobody does', async () => {
    const watcher = await viewer();
    const { transport } = await watcher.request('createTransport', { direction: 'recv' });
    const transportId = transport.id as string;
    const publisher = await server.client();
    const { publicationId, producerId } = await publisher.publish(streamId);
    const { consumer } = await watcher.request('consume', { transportId, producerId, rtpCapabilities: {} });
    const { peerId } = watcher.joined;
    const consumerId = consumer.id as string;
    sfu.emit('consumerLayers', { peerId, consumerId, spatialLayer: 2, temporalLayer: null });
    expect(await watcher.event('consumerLayers')).toEqual({ consumerId, spatialLayer: 2, temporalLayer: null });
    sfu.emit('consumerClosed', { peerId, consumerId: 'unknown', reason: 'x' });
    sfu.emit('consumerClosed', { peerId, consumerId, reason: 'x' });
    sfu.emit('transportClosed', { peerId: 'unknown', transportId, reason: 'x' });
    sfu.emit('transportClosed', { peerId, transportId, reason: 'iceLost' });
    expect(await watcher.event('transportClosed')).toEqual({ transportId, reason: 'iceLost' });
    expect(watcher.events('consumerClosed')).toEqual([{ consumerId, reason: 'x' }]);
    sfu.emit('producerClosed', { producerId, publicationId, reason: 'transportClosed' });
    expect((await watcher.event('publicationEnded')).reason).toBe('transportClosed');
  });

  it('keeps nothing of a Consumer that ended before the answer which makes it', async () => {
    const watcher = await viewer();
    const { transport } = await watcher.request('createTransport', { direction: 'recv' });
    const { producerId } = await (await server.client()).publish(streamId);
    const { peerId } = watcher.joined;
    const { consume } = sfu.handlers;
    sfu.handlers = {
      ...sfu.handlers,
      consume: async (params) => {
        const result = await consume(params);
        sfu.emit('consumerClosed', { peerId, consumerId: result.consumer.id as string, reason: 'producerClosed' });
        return result;
      },
    };
    const params = { transportId: transport.id as string, producerId, rtpCapabilities: {} };
    // More than one peer may have at once.
    for (let i = 0; i < 17; i++) {
      await expect(watcher.request('consume', params)).rejects.toMatchObject({ code: 'gone' });
    }
  });
});

describe('analysis', () => {
  const stateOf = async () => (await server.stream(streamId)).analysis;

  it('is unavailable while there is no node, video goes on, and it begins when one comes', async () => {
    server.stopBeats();
    await inference.close();
    await until(() => !server.connectedNodes().includes(inference.heartbeat.nodeId), 'inference is gone');
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'unavailable');
    inference = await createFakeInference(nodeSecret, `${inference.heartbeat.nodeId}-back`);
    await server.attach(inference);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    expect((await server.stream(streamId)).publication!.id).toBe(publicationId);
  });

  it('goes on at another node when its own is lost, revisions counting up', async () => {
    const publisher = await server.client();
    await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    const other = await createFakeInference(nodeSecret, `${inference.heartbeat.nodeId}-two`);
    await server.attach(other);
    await inference.close();
    await publisher.event(
      'analysis',
      ({ analysis }) => analysis.nodeId === other.heartbeat.nodeId && analysis.state === 'running',
    );
    expect(publisher.events('modelDescription').map(({ description }) => description.revision)).toEqual([1, 2]);
    expect(publisher.events('analysis').some(({ analysis }) => analysis.state === 'unavailable')).toBe(true);
    expect(publisher.events('publicationEnded')).toEqual([]);
    await other.close();
  });

  it('begins again when its node is lost in the last step of starting', async () => {
    let resumed = 0;
    const resumeTap = async () => {
      if (++resumed === 1) {
        inference.cut();
        await until(() => inference.connections === 0, 'the node is cut off');
        await until(() => inference.connections === 1, 'the server has dialled again');
      }
      return {};
    };
    sfu.handlers = { ...sfu.handlers, resumeTap };
    const watcher = await viewer();
    await (await server.client()).publish(streamId);
    await watcher.event('analysis', ({ analysis }) => analysis.state === 'unavailable');
    await watcher.event('analysis', ({ analysis }) => analysis.state === 'running');
    expect(inference.callsOf('startAnalysis')).toHaveLength(2);
  });

  it('that cannot start says why and is tried again', async () => {
    const { startAnalysis } = inference.handlers;
    let attempts = 0;
    inference.handlers = {
      ...inference.handlers,
      startAnalysis: (params) => {
        if (++attempts < 3) throw new Refusal('unsupported', 'codec not known');
        return startAnalysis(params);
      },
    };
    const publisher = await server.client();
    await publisher.publish(streamId);
    const { analysis } = await publisher.event('analysis', (data) => data.analysis.state === 'failed');
    expect(analysis.reason).toBe('codec not known');
    await publisher.event('analysis', (data) => data.analysis.state === 'running');
    expect(attempts).toBe(3);
  });

  it('that fails later says so and begins again', async () => {
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    inference.emit('analysis', { publicationId, analysis: { state: 'failed', reason: 'the decoder died' } });
    await publisher.event('analysis', ({ analysis }) => analysis.reason === 'the decoder died');
    await until(() => inference.callsOf('startAnalysis').length === 2, 'it began again');
  });

  it('shows what its node says of it, and nothing that another says', async () => {
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    inference.emit('analysis', { publicationId: 'unknown', analysis: { state: 'failed' } });
    inference.emit('analysis', { publicationId, analysis: { state: 'running', analysisFps: 12 } });
    await publisher.event('analysis', ({ analysis }) => analysis.analysisFps === 12);
    expect(await stateOf()).toMatchObject({ state: 'running', analysisFps: 12, nodeId: inference.heartbeat.nodeId });
  });

  it('stops at once when the Publication ends while the model still loads', async () => {
    let loaded: () => void = () => undefined;
    const { startAnalysis } = inference.handlers;
    inference.handlers = {
      ...inference.handlers,
      startAnalysis: async (params) => {
        await new Promise<void>((resolve) => (loaded = resolve));
        return startAnalysis(params);
      },
    };
    const watcher = await viewer();
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    await until(() => inference.callsOf('startAnalysis').length === 1, 'it is starting');
    publisher.close();
    await watcher.event('publicationEnded');
    await until(() => inference.callsOf('stopAnalysis').length === 1, 'it was stopped');
    loaded();
    await expect(watcher.request('ping', {})).resolves.toBeDefined();
    expect(sfu.callsOf('resumeTap')).toEqual([]);
    expect(inference.callsOf('stopAnalysis')).toEqual([{ publicationId }]);
    expect(watcher.events('modelDescription')).toEqual([]);
  });

  it('takes another model while live; one that cannot run leaves it alone', async () => {
    const put = (modelId: string | null) =>
      server.request(`/api/v1/streams/${streamId}/model`, { method: 'PUT', json: { modelId } });
    const publisher = await server.client();
    await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    expect((await put('other')).body).toMatchObject({ modelId: 'other' });
    const { description } = await publisher.event('modelDescription', (data) => data.description.revision === 2);
    expect(description.modelId).toBe('other');
    const refused = await put('corrupt');
    expect(refused.status).toBe(422);
    expect(refused.body.error).toMatchObject({
      code: 'unsupported',
      message: 'corrupt: the output has 3 numbers, not 85',
    });
    expect(await server.stream(streamId)).toMatchObject({
      modelId: 'other',
      analysis: { state: 'running', modelId: 'other' },
    });
    expect((await put(null)).body).toMatchObject({ modelId: null });
    await publisher.event('modelDescription', (data) => data.description.revision === 3);
  });

  it('uses the model chosen before it began', async () => {
    const put = (modelId: string) =>
      server.request(`/api/v1/streams/${streamId}/model`, { method: 'PUT', json: { modelId } });
    expect((await put('unknown')).status).toBe(404);
    expect((await put('other')).status).toBe(200);
    await (await server.client()).publish(streamId);
    await until(() => inference.callsOf('startAnalysis').length === 1, 'it began');
    expect(inference.callsOf('startAnalysis')[0]).toMatchObject({ modelId: 'other' });
  });
});

it('a stopped server ends its Publications in the database; one that died has them closed at the next start', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'framelock-history-'));
  const own = await TestServer.create({ dataDir });
  const { id } = await own.createStream();
  const ownSfu = await createFakeSfu(nodeSecret, 'own-sfu');
  await own.attach(ownSfu);
  const { publicationId } = await (await own.client()).publish(id);
  await own.close();
  await ownSfu.close();
  const database = await Database.create({ dataDir });
  expect(await database.publications.listOfStream(id)).toMatchObject([
    { id: publicationId, endReason: 'serverStopped' },
  ]);
  await database.publications.begin({ id: 'left', streamId: id, sfuNodeId: 's', serverId: 'died' });
  await database.nodes.seen({ id: 'died', kind: 'server', controlUrl: '', capacity: 1, load: 0, version: '' });
  await database.close();
  await (await TestServer.create({ dataDir })).close();
  const later = await Database.create({ dataDir });
  const rows = await later.publications.listOfStream(id);
  expect(rows.find((row) => row.id === 'left')!.endReason).toBe('serverRestarted');
  await later.close();
  rmSync(dataDir, { recursive: true, force: true });
});
