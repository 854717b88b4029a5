import { request as httpRequest } from 'node:http';
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
    TestServer.create({
      whipPostsPerMinute: 10_000,
      iceServers: [{ urls: ['stun:stun.example.net', 'turn:turn.example.net'], username: 'u', credential: 'c' }],
    }),
    createFakeSfu(nodeSecret),
    createFakeInference(nodeSecret),
  ]);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});

beforeEach(async () => {
  speakSdp(sfu);
  sfu.calls.length = 0;
  if (stream as CreatedStream | undefined) await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' });
  stream = await server.createStream();
});

afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});

const sessions = () => server.metric('framelock_whip_sessions');
const openStreams = () => server.metric('framelock_streams_open');

/** Every peer that was given a transport was closed again. */
const sfuIsEmpty = () => {
  const closed = new Set(sfu.callsOf('closePeer').map(({ peerId }) => peerId));
  return sfu.callsOf('createTransport').every(({ peerId }) => closed.has(peerId));
};

async function expectNothingLeft(): Promise<void> {
  await until(async () => (await sessions()) === 0 && (await openStreams()) === 0 && sfuIsEmpty(), 'nothing is left');
  expect((await server.stream(stream.id)).state).toBe('idle');
}

it('ends with its transport, its Publication, its Stream or the sfu', async () => {
  const publish = async () => {
    const { location, status } = await postOffer(server, stream, obsOffer());
    expect(status).toBe(201);
    const { peerId } = sfu.callsOf('createTransport').at(-1)!;
    const { transportId, publicationId } = sfu.callsOf('produce').at(-1)!;
    return { location, peerId, transportId, publicationId } as Record<string, string>;
  };
  const one = await publish();
  sfu.emit('transportClosed', { transportId: one.transportId!, peerId: one.peerId!, reason: 'neverConnected' });
  await expectNothingLeft();
  // OBS ends DTLS first and then says DELETE: that must be 200 all the same.
  const late = await server.request(one.location!, { method: 'DELETE', token: stream.streamKey });
  expect(late.status).toBe(200);

  const two = await publish();
  sfu.emit('publicationClosed', { publicationId: two.publicationId!, streamId: stream.id, reason: 'workerDied' });
  await expectNothingLeft();

  await publish();
  sfu.cut();
  await until(async () => (await sessions()) === 0, 'the session ended with its sfu');
  await until(() => server.connectedNodes().includes('sfu-1'), 'the sfu is back');
  await expectNothingLeft();

  await publish();
  await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' });
  await until(async () => (await sessions()) === 0 && sfuIsEmpty(), 'the session ended with its Stream');
});

it.each(['routerRtpCapabilities', 'createTransport', 'connectTransport', 'produce'] as const)(
  'leaves nothing when the publisher goes away while the sfu answers %s, or when that is refused',
  async (method) => {
    const original = sfu.handlers[method] as (params: never) => unknown;
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    Object.assign(sfu.handlers, {
      [method]: async (params: never) => {
        await released;
        return original(params);
      },
    });
    const aborted = abortablePost(`/whip/${stream.id}`, stream.streamKey);
    await until(() => sfu.callsOf(method).length > 0, `${method} is asked for`);
    aborted.destroy();
    await until(async () => (await sessions()) === 0, 'the session ended with its request');
    release();
    await expectNothingLeft();

    Object.assign(sfu.handlers, {
      [method]: () => {
        throw new Error('a fault of the sfu');
      },
    });
    expect((await postOffer(server, stream, obsOffer())).status).toBeGreaterThanOrEqual(500);
    await expectNothingLeft();

    Object.assign(sfu.handlers, { [method]: original });
    expect((await postOffer(server, stream, obsOffer())).status).toBe(201);
  },
);

it('ignores an entity tag on DELETE', async () => {
  const { location } = await postOffer(server, stream, obsOffer());
  const headers = { 'if-match': '"another"' };
  expect((await server.request(location, { method: 'DELETE', headers, token: stream.streamKey })).status).toBe(200);
  await expectNothingLeft();
});

function abortablePost(path: string, token: string) {
  const body = obsOffer();
  const headers = {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
    'content-length': Buffer.byteLength(body),
  };
  const request = httpRequest(new URL(path, server.url), { method: 'POST', headers });
  request.on('error', () => undefined);
  request.end(body);
  return request;
}
