import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { obsOffer } from '../../test/sdpOffers.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { postOffer, speakSdp } from '../../test/whip.ts';
import type { CreatedStream, Grant } from '../protocol/index.ts';

const admin = 'the-admin-token';
let server: TestServer;
let sfu: FakeSfu;
let mine: CreatedStream;
let other: CreatedStream;

beforeAll(async () => {
  server = await TestServer.create({ host: '0.0.0.0', adminToken: admin });
  sfu = await createFakeSfu(nodeSecret);
  speakSdp(sfu);
  await server.attach(sfu);
});
beforeEach(async () => {
  mine = await server.createStream('mine', admin);
  other = await server.createStream('other', admin);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});

async function makeToken(grants: Grant[], expiresInS: number | null = null): Promise<{ id: string; token: string }> {
  const json = { name: 'a token', grants, expiresInS };
  const { status, body } = await server.request('/api/v1/tokens', { method: 'POST', json, token: admin });
  expect(status).toBe(201);
  return body as unknown as { id: string; token: string };
}
const status = async (path: string, token: string, method = 'GET', json?: object) =>
  (await server.request(path, { method, token, ...(json ? { json } : {}) })).status;
const join = async (role: 'watch' | 'publish', streamId: string, token: string) => {
  const client = await server.client();
  await client.request('join', { streamId, role, token });
  return client;
};

it('a token does what it was granted, on the Stream it was granted for', async () => {
  const { token } = await makeToken([{ right: 'watch', streamId: mine.id }]);
  const list = await server.request('/api/v1/streams', { token });
  expect((list.body.streams as unknown as { id: string }[]).map(({ id }) => id)).toEqual([mine.id]);
  const detail = await server.request(`/api/v1/streams/${mine.id}`, { token });
  expect(detail.status).toBe(200);
  expect(detail.body).not.toHaveProperty('streamKey');
  expect(await status(`/api/v1/streams/${other.id}`, token)).toBe(403);
  expect(await status('/api/v1/streams/none', token)).toBe(403);
  expect(await status(`/api/v1/streams/${mine.id}`, token, 'PATCH', { name: 'x' })).toBe(403);
  expect(await status(`/hls/${other.id}/index.m3u8`, token)).toBe(403);
  expect([404, 503]).toContain(await status(`/hls/${mine.id}/index.m3u8`, token));
  await join('watch', mine.id, token);
  await expect(join('publish', mine.id, token)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(join('watch', other.id, token)).rejects.toMatchObject({ code: 'forbidden' });

  const managing = (await makeToken([{ right: 'manage', streamId: mine.id }])).token;
  expect(await status(`/api/v1/streams/${mine.id}`, managing, 'PATCH', { name: 'renamed' })).toBe(200);
  expect(await status('/api/v1/streams', managing, 'POST', { name: 'x' })).toBe(403);
  expect(await status('/api/v1/tokens', managing)).toBe(403);
  const all = (await makeToken([{ right: 'manage', streamId: null }])).token;
  expect(await status('/api/v1/streams', all, 'POST', { name: 'x' })).toBe(201);
  expect(await status('/api/v1/users', all)).toBe(403);
});

it('is shown once, and stored as a digest', async () => {
  const { id, token } = await makeToken([{ right: 'watch', streamId: null }]);
  const { text, body } = await server.request('/api/v1/tokens', { token: admin });
  expect(text).not.toContain(token.slice(-32));
  expect((body.tokens as unknown as { id: string }[]).map((one) => one.id)).toContain(id);
  const json = { name: 'x', grants: [{ right: 'watch', streamId: 'none' }] };
  expect(await status('/api/v1/tokens', admin, 'POST', json)).toBe(404);
});

it('a revoked token ends at once what is live by it, and nothing else', async () => {
  const grants: Grant[] = [
    { right: 'watch', streamId: mine.id },
    { right: 'publish', streamId: mine.id },
  ];
  const first = await makeToken(grants);
  const second = await makeToken(grants);
  const viewer = await join('watch', mine.id, first.token);
  const staying = await join('watch', mine.id, second.token);
  const published = await postOffer(server, { ...mine, streamKey: first.token }, obsOffer());
  expect(published.status).toBe(201);
  expect(await status(`/api/v1/tokens/${first.id}`, admin, 'DELETE')).toBe(204);
  await viewer.closed;
  expect(viewer.events('closing')[0]).toMatchObject({ code: 'unauthorized' });
  await staying.event('publicationEnded', () => true);
  expect(await status('/api/v1/streams', first.token)).toBe(401);
  expect(await status('/api/v1/streams', second.token)).toBe(200);
  expect((await postOffer(server, { ...mine, streamKey: first.token }, obsOffer())).status).toBe(401);
  expect(await status(`/api/v1/tokens/${first.id}`, admin, 'DELETE')).toBe(404);
});

it('a token ends when it expires, also what is live by it', async () => {
  const { token } = await makeToken([{ right: 'watch', streamId: mine.id }], 1);
  const viewer = await join('watch', mine.id, token);
  await viewer.closed;
  expect(await status('/api/v1/streams', token)).toBe(401);
});

it('a share link watches its Stream, as guest, until it is revoked', async () => {
  const path = `/api/v1/streams/${mine.id}/shares`;
  const { status: made, body } = await server.request(path, { method: 'POST', json: {}, token: admin });
  expect(made).toBe(201);
  const { id, token, url } = body as unknown as { id: string; token: string; url: string };
  expect(url).toBe(`${server.url}/watch/${mine.id}#token=${token}`);
  const listed = (await server.request(path, { token: admin })).body.shares as unknown as { token: string }[];
  expect(listed.map((share) => share.token)).toEqual([token]);

  const viewer = await join('watch', mine.id, token);
  expect(await status(`/api/v1/streams/${mine.id}`, token)).toBe(200);
  expect(await status(`/api/v1/streams/${other.id}`, token)).toBe(403);
  for (const members of ['/api/v1/models', '/api/v1/brands', '/metrics', path]) {
    expect(await status(members, token)).toBe(403);
  }
  // The secret of a link is its signature: of another Stream, or until another time, it is another one.
  for (const forged of [token.slice(0, -1), `${token.slice(0, -2)}AA`, token.replace(id, 'abcdefghjkm2')]) {
    expect(await status(`/api/v1/streams/${mine.id}`, forged)).toBe(401);
  }
  const byQuery = await server.request(`/hls/${mine.id}/index.m3u8?token=${token}`);
  expect([404, 503]).toContain(byQuery.status);
  expect(await status(`${path}/${id}`, admin, 'DELETE')).toBe(204);
  await viewer.closed;
  expect(await status(`/api/v1/streams/${mine.id}`, token)).toBe(401);
  expect(await status(`/hls/${mine.id}/index.m3u8?token=${token}`, '')).toBe(401);
});

it('a rotated key is none from then on: its publisher is sent away, others stay', async () => {
  const { body: before } = await server.request(`/api/v1/streams/${mine.id}`, { token: admin });
  const publisher = await postOffer(server, mine, obsOffer());
  expect(publisher.status).toBe(201);
  const byToken = await postOffer(server, { ...other, streamKey: admin }, obsOffer());
  expect(byToken.status).toBe(201);
  const third = await server.createStream('third', admin);
  const page = await server.client();
  await page.request('join', { streamId: third.id, role: 'publish', token: third.streamKey });

  const rotate = async (id: string) =>
    (await server.request(`/api/v1/streams/${id}/key`, { method: 'POST', token: admin })).body as unknown as {
      streamKey: string;
    };
  const { streamKey } = await rotate(mine.id);
  expect(streamKey).not.toBe(before.streamKey);
  const state = async (id: string) => (await server.request(`/api/v1/streams/${id}`, { token: admin })).body.state;
  await until(async () => (await state(mine.id)) === ('idle' as never), 'the publisher with the key is gone');
  expect((await postOffer(server, mine, obsOffer())).status).toBe(401);
  expect(await status(`/api/v1/streams/${mine.id}`, mine.streamKey)).toBe(401);
  const again = await postOffer(server, { ...mine, streamKey }, obsOffer());
  expect(again.status).toBe(201);

  await rotate(third.id);
  await page.closed;
  await rotate(other.id);
  expect(await state(other.id)).toBe('live');
  expect(await status(`/api/v1/streams/${other.id}/key`, streamKey, 'POST')).toBe(401);
});

it('has who published by key in the audit log, and by whom tokens were made', async () => {
  await postOffer(server, mine, obsOffer());
  await until(async () => {
    const { body } = await server.request('/api/v1/audit?action=POST%20/whip/%7BstreamId%7D', { token: admin });
    const entries = body.entries as unknown as { actorKind: string; actorName: string; target: string }[];
    return entries.some(
      ({ actorKind, actorName, target }) =>
        actorKind === 'streamKey' && actorName === 'key of mine' && target === mine.id,
    );
  }, 'it is in the log');
  const { body } = await server.request('/api/v1/audit?action=POST%20/api/v1/tokens', { token: admin });
  for (const status of [201, 404]) {
    expect(body.entries).toContainEqual(expect.objectContaining({ actorKind: 'adminToken', status }));
  }
});
