import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';

let server: TestServer;
let sfu: FakeSfu;

beforeAll(async () => {
  server = await TestServer.create();
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});

it('what the sfu receives is told to peers by itself, and is in the API; of another Publication it is ignored', async () => {
  const { id: streamId } = await server.createStream();
  const publisher = await server.client();
  const { publicationId, producerId } = await publisher.publish(streamId);
  const watcher = await server.client();
  await watcher.request('join', { streamId, role: 'watch' });
  const stats = { producerId, bitrateBps: 2e6, lossFraction: 0.01, jitterMs: 3, keyFrameIntervalMs: 2_000 };
  const ingest = { producers: [stats] };
  sfu.emit('ingestStats', { publicationId: 'another', streamId, ingest: { producers: [] } });
  sfu.emit('ingestStats', { publicationId, streamId, ingest });
  expect(await watcher.event('ingestStats')).toEqual({ publicationId, ingest });
  expect(await publisher.event('ingestStats')).toEqual({ publicationId, ingest });
  expect(watcher.events('publicationChanged')).toEqual([]);
  expect((await server.stream(streamId)).publication!.ingest).toEqual(ingest);

  const late = await server.client();
  expect((await late.request('join', { streamId, role: 'watch' })).publication!.ingest).toEqual(ingest);
});
