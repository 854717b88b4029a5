import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { obsOffer } from '../../test/sdpOffers.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { postOffer, speakSdp } from '../../test/whip.ts';
import type { CreatedStream } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let stream: CreatedStream;

beforeAll(async () => {
  [server, sfu, inference] = await Promise.all([
    TestServer.create({ whipPostsPerMinute: 10_000 }),
    createFakeSfu(nodeSecret),
    createFakeInference(nodeSecret),
  ]);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
beforeEach(async () => {
  speakSdp(sfu);
  inference.calls.length = 0;
  stream = await server.createStream();
});
afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});

const jpegBase64 = Buffer.concat([
  Buffer.from('ffd8ffe0', 'hex'),
  Buffer.alloc(300),
  Buffer.from('ffd9', 'hex'),
]).toString('base64');
const posterPath = () => `/api/v1/streams/${stream.id}/poster`;

async function analysed(): Promise<string> {
  await until(async () => (await server.stream(stream.id)).analysis?.state === 'running', 'analysis runs');
  return (await server.stream(stream.id)).publication!.id;
}

it('shows a picture of a WHIP publisher, from its analysis, for as long as it publishes', async () => {
  const { location } = await postOffer(server, stream, obsOffer());
  const publicationId = await analysed();
  expect(inference.callsOf('startAnalysis')).toMatchObject([{ publicationId, posterEveryMs: 5_000 }]);
  expect((await server.request(posterPath())).status).toBe(404);
  // No picture, then none of ours, then one.
  inference.emit('poster', { publicationId, jpegBase64: Buffer.alloc(300).toString('base64') });
  inference.emit('poster', { publicationId: 'unknown', jpegBase64 });
  inference.emit('poster', { publicationId, jpegBase64 });
  await until(async () => (await server.request(posterPath())).status === 200, 'there is a picture');
  expect((await server.stream(stream.id)).posterUrl).toContain(posterPath());
  await server.request(location!, { method: 'DELETE', token: stream.streamKey });
  await until(async () => (await server.stream(stream.id)).state === 'idle', 'it ended');
  inference.emit('poster', { publicationId, jpegBase64 });
  // What the node says after it is read after it.
  inference.emit('poster', { publicationId: 'unknown', jpegBase64 });
  await server.stream(stream.id);
  expect((await server.request(posterPath())).status).toBe(404);
});

it('neither asks for a picture of a browser that uploads its own, nor takes one', async () => {
  const publisher = await server.client();
  await publisher.publish(stream.id);
  const publicationId = await analysed();
  expect(inference.callsOf('startAnalysis')[0]).not.toHaveProperty('posterEveryMs');
  inference.emit('poster', { publicationId, jpegBase64 });
  inference.emit('analysis', { publicationId, analysis: { state: 'running', analysisFps: 7 } });
  await until(async () => (await server.stream(stream.id)).analysis?.analysisFps === 7, 'what came after it was read');
  expect((await server.request(posterPath())).status).toBe(404);
  publisher.close();
});
