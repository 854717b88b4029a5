import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());
beforeEach(async () => {
  const name = Math.random().toString(36).slice(2);
  sfu = await createFakeSfu(nodeSecret, `sfu-${name}`);
  inference = await createFakeInference(nodeSecret, `inference-${name}`);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
afterEach(async () => {
  server.stopBeats();
  await Promise.all([sfu.close(), inference.close()]);
  await until(() => server.connectedNodes().length === 0, 'no node is connected');
});

it('when the sfu analyses another layer, analysis begins anew there, and descriptions say whose timestamps count', async () => {
  const { id: streamId } = await server.createStream();
  const viewer = await server.client();
  await viewer.request('join', { streamId, role: 'watch' });
  const { publicationId } = await (await server.client()).publish(streamId);
  // The fake sfu taps a Producer of this name.
  const first = await viewer.event('modelDescription');
  expect(first.description).toMatchObject({ revision: 1, producerId: 'video-1' });
  sfu.emit('analysedProducer', { publicationId, streamId, producerId: 'another' });
  await until(() => inference.callsOf('startAnalysis').length === 2, 'analysis began again');
  expect(inference.callsOf('startAnalysis')[1]).toMatchObject({ publicationId, firstRevision: 2 });
  expect(sfu.callsOf('openTap')).toHaveLength(2);
  sfu.emit('analysedProducer', { publicationId, streamId, producerId: 'another' });
  sfu.emit('analysedProducer', { publicationId: 'of-the-past', streamId, producerId: 'x' });
  sfu.emit('producerTimeline', { publicationId, producerId: 'unknown', timeline: { state: 'checking' } });
  await viewer.event('analysis', ({ analysis }) => analysis.state === 'running');
  expect(inference.callsOf('startAnalysis')).toHaveLength(2);
  expect(await server.stream(streamId)).toMatchObject({ state: 'live', publication: { id: publicationId } });
});
