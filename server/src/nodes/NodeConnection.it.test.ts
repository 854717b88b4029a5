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
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
afterEach(async () => {
  server.stopBeats();
  await Promise.all([sfu.close(), inference.close()]);
});

it('names the server, and leaves nothing on nodes that kept what was its own over a lost socket', async () => {
  const streamId = (await server.createStream()).id;
  const publisher = await server.client();
  const { publicationId } = await publisher.publish(streamId);
  await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
  const [transport] = sfu.callsOf('createTransport');
  sfu.cut();
  inference.cut();
  await publisher.event('publicationEnded', (event) => event.publicationId === publicationId);
  await until(() => server.connectedNodes().length === 2, 'both nodes are connected again');
  await until(() => sfu.callsOf('closePeer').length > 0, 'the peer is closed on the sfu');
  expect(sfu.callsOf('closePeer')).toContainEqual({ peerId: transport!.peerId });
  await until(() => inference.callsOf('stopAnalysis').length > 0, 'the analysis is stopped');
  expect(inference.callsOf('stopAnalysis')).toContainEqual({ publicationId });
  const names = new Set([...sfu.dialledBy, ...inference.dialledBy]);
  expect(names.size).toBe(1);
  expect([...names][0]).toMatch(/^[A-Za-z0-9_-]+$/);
});
