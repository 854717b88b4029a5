import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { browserOffer, ffmpegOffer, obsOffer } from '../../test/sdpOffers.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { patchFragment, postOffer, restartFragment, speakSdp } from '../../test/whip.ts';
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
const isLive = async () => (await server.stream(stream.id)).state === 'live';
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

it('answers OBS with 201, a session of its own and every header that the RFC names', async () => {
  const { status, headers, text, location, etag } = await postOffer(server, stream, obsOffer());
  expect(status).toBe(201);
  expect(headers.get('content-type')).toBe('application/sdp');
  expect(location).toMatch(new RegExp(`^/whip/${stream.id}/[A-Za-z0-9_-]{32}$`));
  expect(etag).toMatch(/^"[A-Za-z0-9_-]{16}"$/);
  expect(headers.get('accept-patch')).toBe('application/trickle-ice-sdpfrag');
  expect(headers.get('link')).toBe(
    '<stun:stun.example.net>; rel="ice-server"; username="u"; credential="c"; credential-type="password", ' +
      '<turn:turn.example.net>; rel="ice-server"; username="u"; credential="c"; credential-type="password"',
  );
  expect(text).toContain('a=ice-lite');
  expect(text).toContain('a=recvonly');
  expect(text).toContain('a=candidate:udpcandidate 1 udp 1 10.0.0.1 40000 typ host');
  expect(text.match(/a=rtcp-mux-only/g)).toHaveLength(2);

  const [transport] = sfu.callsOf('createTransport');
  expect(transport).toMatchObject({ streamId: stream.id, direction: 'send' });
  expect(sfu.callsOf('connectTransport')[0]).toMatchObject({
    dtlsParameters: { role: 'client', fingerprints: [{ algorithm: 'sha-256' }] },
  });
  expect(sfu.callsOf('produce').map(({ kind, layer }) => [kind, layer])).toEqual([
    ['audio', undefined],
    ['video', undefined],
  ]);
  expect(await server.stream(stream.id)).toMatchObject({ state: 'live', publication: { publishedBy: 'whip' } });
  expect(await sessions()).toBe(1);

  const deleted = await server.request(location, { method: 'DELETE', token: stream.streamKey });
  expect([deleted.status, deleted.text]).toEqual([200, '']);
  await expectNothingLeft();
});

it.each([
  [
    'audio only',
    () =>
      obsOffer()
        .replace(/m=video[\s\S]*/, '')
        .replace('BUNDLE 0 1', 'BUNDLE 0'),
    ['audio'],
  ],
  ['video only', () => obsOffer({ audio: false }), ['video']],
  ['AV1', () => obsOffer({ codec: 'AV1' }), ['audio', 'video']],
  ['a browser', () => browserOffer('sendonly'), ['audio', 'video']],
  ['sendrecv', () => browserOffer('sendonly').replaceAll('a=sendonly', 'a=sendrecv'), ['audio', 'video']],
  ['FFmpeg', () => ffmpegOffer(), ['audio', 'video']],
])('takes %s', async (_, offer, kinds) => {
  const { status, text } = await postOffer(server, stream, offer());
  expect(status).toBe(201);
  expect(sfu.callsOf('produce').map(({ kind }) => kind)).toEqual(kinds);
  expect(text).not.toContain('a=sendrecv');
});

it('asks FFmpeg, which is the server of DTLS, as its client', async () => {
  const { text } = await postOffer(server, stream, ffmpegOffer());
  expect(text).toContain('a=setup:active');
  expect(sfu.callsOf('connectTransport')[0]).toMatchObject({ dtlsParameters: { role: 'server' } });
});

it('accepts every layer of a simulcast, a Producer each, the largest first', async () => {
  const { status, text } = await postOffer(server, stream, obsOffer({ rids: ['0', '1', '2'] }));
  expect(status).toBe(201);
  expect(text).toContain('a=simulcast:recv 0;1;2\r\n');
  const videos = sfu.callsOf('produce').filter(({ kind }) => kind === 'video');
  expect(videos.map(({ layer }) => layer)).toEqual([
    { rid: '0', order: 0 },
    { rid: '1', order: 1 },
    { rid: '2', order: 2 },
  ]);
  expect(videos.map(({ rtpParameters }) => (rtpParameters as { encodings: unknown }).encodings)).toEqual([
    [{ rid: '0' }],
    [{ rid: '1' }],
    [{ rid: '2' }],
  ]);
});

it('needs its bearer also where the rest is open, and tells nobody else which Streams there are', async () => {
  const post = (id: string, headers: Record<string, string>) =>
    server.request(`/whip/${id}`, { method: 'POST', headers, body: obsOffer() });
  const type = { 'content-type': 'application/sdp' };
  for (const id of [stream.id, 'nosuchstream', 'no such stream', '%00']) {
    const without = await post(id, type);
    expect(without.status).toBe(401);
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    expect(without.body).toMatchObject({ error: { code: 'unauthorized' } });
    const wrong = await post(id, { ...type, authorization: 'Bearer wrong' });
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await post(id, { ...type, authorization: `Bearer ${nodeSecret}` })).status).toBe(403);
  }
  const { location } = await postOffer(server, stream, obsOffer());
  for (const method of ['PATCH', 'DELETE']) {
    expect((await server.request(location, { method })).status).toBe(401);
    expect((await server.request(location, { method, token: 'wrong' })).status).toBe(401);
  }
  expect(await isLive()).toBe(true);
  const another = await server.createStream();
  const stolen = location.replace(stream.id, another.id);
  expect((await server.request(stolen, { method: 'DELETE', token: another.streamKey })).status).toBe(404);
  expect(await isLive()).toBe(true);
});

it('takes the admin token, and says 404 to that one only', async () => {
  const guarded = await TestServer.create({ host: '0.0.0.0', adminToken: 'the-admin-token' });
  try {
    const made = await guarded.createStream('one', 'the-admin-token');
    const post = (id: string, token: string) => postOffer(guarded, { id, streamKey: token }, obsOffer());
    expect((await post('nosuchstream', 'the-admin-token')).status).toBe(404);
    expect((await post('nosuchstream', made.streamKey)).status).toBe(401);
    const noSfu = await post(made.id, 'the-admin-token');
    expect([noSfu.status, noSfu.headers.get('retry-after')]).toEqual([503, '2']);
  } finally {
    await guarded.close();
  }
});

it('says what it takes, and reserves the other methods', async () => {
  const { location } = await postOffer(server, stream, obsOffer());
  const endpoint = `/whip/${stream.id}`;
  const options = await server.request(endpoint, { method: 'OPTIONS' });
  expect(options.status).toBe(200);
  expect(options.headers.get('accept-post')).toBe('application/sdp');
  expect(options.headers.get('link')).toBeNull();
  const onSession = await server.request(location, { method: 'OPTIONS' });
  expect([onSession.status, onSession.headers.get('accept-patch')]).toEqual([200, 'application/trickle-ice-sdpfrag']);
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']) {
    const { status, headers } = await server.request(endpoint, { method });
    expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST, OPTIONS']);
  }
  for (const method of ['GET', 'HEAD', 'PUT', 'POST']) {
    const { status, headers } = await server.request(location, { method });
    expect([method, status, headers.get('allow')]).toEqual([method, 405, 'PATCH, DELETE, OPTIONS']);
  }
});

it('lets pages of every origin use it, and read its refusals', async () => {
  const origin = { origin: 'https://elsewhere.example' };
  const preflight = await server.request(`/whip/${stream.id}`, {
    method: 'OPTIONS',
    headers: { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
  expect(preflight.status).toBe(200);
  expect(preflight.headers.get('access-control-allow-methods')).toBe('POST, OPTIONS');
  expect(preflight.headers.get('access-control-allow-headers')).toMatch(/Authorization, Content-Type, If-Match/);
  const refused = await server.request(`/whip/${stream.id}`, { method: 'POST', headers: origin });
  const { location } = await postOffer(server, stream, obsOffer());
  const ended = await server.request(location, { method: 'DELETE', headers: origin, token: stream.streamKey });
  expect([refused.status, ended.status]).toEqual([401, 200]);
  for (const { headers } of [preflight, refused, ended]) {
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-expose-headers')).toMatch(/Location, Link, ETag, Accept-Patch/);
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  }
});

it('refuses bodies that are none, too large, or of another type', async () => {
  const path = `/whip/${stream.id}`;
  const token = stream.streamKey;
  const type = { 'content-type': 'application/sdp' };
  const wrongType = await server.request(path, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'v=0',
    token,
  });
  expect(wrongType.status).toBe(415);
  const wrongAccept = await server.request(path, {
    method: 'POST',
    headers: { ...type, accept: 'application/json' },
    body: obsOffer(),
    token,
  });
  expect(wrongAccept.status).toBe(406);
  const large = await server.request(path, { method: 'POST', headers: type, body: 'v=0\r\n'.repeat(14_000), token });
  expect(large.status).toBe(413);
  const latin1 = await server.request(path, {
    method: 'POST',
    headers: type,
    body: new Uint8Array([0x76, 0x3d, 0xff]),
    token,
  });
  expect([latin1.status, latin1.body]).toEqual([
    400,
    { error: { code: 'badRequest', message: 'the body is not UTF-8' } },
  ]);
  expect(await rawStatus(path, { ...type, authorization: `Bearer ${token}` })).toBe(411);
  for (const { body } of [wrongType, wrongAccept, large]) expect(body.error).toHaveProperty('message');
  await expectNothingLeft();
});

it.each([
  [400, 'no SDP at all', () => 'hello'],
  [422, 'HEVC', () => obsOffer({ codec: 'H265' })],
  [422, 'a player', () => browserOffer('recvonly')],
  [422, 'two pictures', () => obsOffer().replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + secondVideo()],
  [422, 'a data channel', () => browserOffer('sendonly', { dataChannel: true })],
  [422, 'five layers', () => obsOffer({ rids: ['0', '1', '2', '3', '4'] })],
])('refuses with %d %s and leaves nothing', async (status, _, offer) => {
  const refused = () =>
    server.metric(
      `framelock_refused_messages_total{door="whip",code="${status === 400 ? 'badRequest' : 'unsupported'}"}`,
    );
  const refusedBefore = await refused();
  const answer = await postOffer(server, stream, offer());
  expect([answer.status, answer.location]).toEqual([status, '']);
  expect(answer.body).toMatchObject({ error: { message: expect.stringMatching(/.{15}/) } });
  await expectNothingLeft();
  expect(await refused()).toBe(refusedBefore + 1);
  // OBS throws the words away: the publish page says them until somebody comes in.
  const { error } = answer.body as unknown as { error: { code: string; message: string } };
  const told = async () => (await server.request(`/api/v1/streams/${stream.id}`, { token: stream.streamKey })).body;
  expect(await told()).toMatchObject({ whipRefusal: { code: error.code, message: error.message.slice(0, 500) } });
  const { status: taken } = await postOffer(server, stream, obsOffer());
  expect([taken, ((await told()) as unknown as { whipRefusal: unknown }).whipRefusal]).toEqual([201, null]);
});

it('takes candidates with the ETag, and restarts ICE with *', async () => {
  const { location, etag } = await postOffer(server, stream, obsOffer());
  const patch = (options: Omit<Parameters<typeof patchFragment>[2], 'token'>) =>
    patchFragment(server, location, { token: stream.streamKey, ...options });
  const trickled = await patch({ ifMatch: etag });
  expect([trickled.status, trickled.text]).toEqual([204, '']);
  expect(sfu.callsOf('restartIce')).toHaveLength(0);
  expect((await patch({})).status).toBe(428);
  expect((await patch({ ifMatch: '"another"' })).status).toBe(412);
  expect((await patch({ ifMatch: `W/${etag}` })).status).toBe(412);
  expect((await patch({ ifMatch: etag, type: 'application/sdp' })).status).toBe(415);
  expect((await patch({ ifMatch: etag, body: 'a=candidate:no' })).status).toBe(400);
  expect((await patch({ ifMatch: etag, body: 'm=audio 9 RTP/AVP 0\r\na=mid:7\r\n' })).status).toBe(422);
  expect((await patch({ ifMatch: etag, body: 'a=x\r\n'.repeat(15_000) })).status).toBe(413);
  const strange = 'm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 sctp 1 host.invalid 9 typ future\r\n';
  expect((await patch({ ifMatch: etag, body: strange })).status).toBe(204);

  const restarted = await patch({ ifMatch: '*', body: restartFragment });
  expect(restarted.status).toBe(200);
  expect(restarted.headers.get('content-type')).toBe('application/trickle-ice-sdpfrag');
  const newTag = restarted.headers.get('etag')!;
  expect(newTag).toMatch(/^"[\w-]{16}"$/);
  expect(newTag).not.toBe(etag);
  expect(restarted.text).toMatch(/^a=ice-lite\r\na=ice-ufrag:restarted\d+\r\na=ice-pwd:.{22,}\r\n$/);
  expect((await patch({ ifMatch: etag })).status).toBe(412);
  expect((await patch({ ifMatch: newTag, body: restartFragment })).status).toBe(204);
  expect(sfu.callsOf('restartIce')).toHaveLength(1);
  expect((await patch({ ifMatch: '*', body: 'a=ice-ufrag:abcd\r\n' })).status).toBe(400);

  const fault = () => {
    throw new Error('a fault of the sfu');
  };
  Object.assign(sfu.handlers, { restartIce: fault });
  const failed = await patch({ ifMatch: '*', body: restartFragment.replace('ysXw', 'abcd') });
  expect(failed.status).toBeGreaterThanOrEqual(500);
  expect((await patch({ ifMatch: newTag, body: restartFragment })).status).toBe(204);
  expect(await isLive()).toBe(true);
});

it('refuses a second publisher while the first is alive, or has it take over when told to', async () => {
  const first = await postOffer(server, stream, obsOffer());
  const second = await postOffer(server, stream, obsOffer());
  expect(second.status).toBe(409);
  expect(second.body).toMatchObject({ error: { message: expect.stringMatching(/takeover=1/) } });
  const third = await postOffer(server, stream, obsOffer(), '?takeover=1');
  expect(third.status).toBe(201);
  const token = stream.streamKey;
  expect((await patchFragment(server, first.location, { token, ifMatch: first.etag })).status).toBe(404);
  expect((await patchFragment(server, third.location, { token, ifMatch: third.etag })).status).toBe(204);
  expect(await sessions()).toBe(1);
  // The first one's encoder tidies up after itself; that must not end the one that took over.
  expect((await server.request(first.location, { method: 'DELETE', token })).status).toBe(200);
  expect(await isLive()).toBe(true);
});

it('gives way at once to an encoder that comes back, when nothing is heard of its earlier session', async () => {
  await postOffer(server, stream, obsOffer());
  const silent = { iceState: 'completed', dtlsState: 'connected', bytesReceived: 4_711 };
  Object.assign(sfu.handlers, { transportState: () => silent });
  expect((await postOffer(server, stream, obsOffer())).status).toBe(201);
  expect(await sessions()).toBe(1);
});

it('publishes for the one that is first of two at once, and leaves nothing of the other', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => postOffer(server, stream, obsOffer())));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
  expect(await sessions()).toBe(1);
  const { location } = answers.find(({ status }) => status === 201)!;
  await server.request(location, { method: 'DELETE', token: stream.streamKey });
  await expectNothingLeft();
});

it('limits handshakes of a Stream, with Retry-After', async () => {
  const slow = await TestServer.create({ whipPostsPerMinute: 5 });
  try {
    const one = await slow.createStream();
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await postOffer(slow, one, 'v=0'));
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 429]);
    expect(answers[5]!.headers.get('retry-after')).toBe('2');
  } finally {
    await slow.close();
  }
});

it('has a bounded number of sessions, and says when to come back', async () => {
  const small = await TestServer.create({ maxWhipSessions: 1 });
  try {
    await small.attach(sfu);
    const [one, other] = [await small.createStream(), await small.createStream()];
    expect((await postOffer(small, one, obsOffer())).status).toBe(201);
    const full = await postOffer(small, other, obsOffer());
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '2']);
  } finally {
    await small.close();
  }
});

function secondVideo(): string {
  return obsOffer({ audio: false })
    .replace(/^[\s\S]*?(?=m=video)/, '')
    .replace('a=mid:1', 'a=mid:2');
}

/** Without Content-Length and without Transfer-Encoding, which fetch can't. */
function rawStatus(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(path, server.url), { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.useChunkedEncodingByDefault = false;
    request.removeHeader('content-length');
    request.removeHeader('transfer-encoding');
    request.on('error', reject);
    request.end();
  });
}
