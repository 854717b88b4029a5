import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';

/** Bound to every address, without ADMIN_TOKEN: everything needs the one that the server made. */
let server: TestServer;
let sfu: FakeSfu;
let token: string;

beforeAll(async () => {
  server = await TestServer.create({ host: '0.0.0.0' });
  token = readFileSync(join(server.dataDir, 'admin-token'), 'utf8').trim();
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});

it('keeps the token it made where only its owner reads it', () => {
  expect(token.length).toBeGreaterThanOrEqual(32);
  expect(statSync(join(server.dataDir, 'admin-token')).mode & 0o777).toBe(0o600);
});

it.each(['/healthz', '/readyz', '/api/openapi.json', '/api/docs'])('%s needs none', async (path) => {
  expect([200, 503]).toContain((await server.request(path)).status);
});

it.each([
  ['GET', '/api/v1/streams'],
  ['POST', '/api/v1/streams'],
  ['GET', '/api/v1/streams/x'],
  ['DELETE', '/api/v1/streams/x'],
  ['PUT', '/api/v1/streams/x/model'],
  ['GET', '/api/v1/streams/x/poster'],
  ['POST', '/api/v1/streams/x/source'],
  ['DELETE', '/api/v1/streams/x/source'],
  ['GET', '/api/v1/files'],
  ['POST', '/api/v1/files?name=a.mp4'],
  ['DELETE', '/api/v1/files/a.mp4'],
  ['GET', '/api/v1/models'],
  ['POST', '/api/v1/models'],
  ['GET', '/metrics'],
])('%s %s needs one', async (method, path) => {
  const json = method === 'GET' || method === 'DELETE' ? {} : { json: {} };
  for (const wrong of [undefined, 'wrong', nodeSecret, `${token}x`, token.slice(1)]) {
    const { status, headers } = await server.request(path, { method, ...json, ...(wrong ? { token: wrong } : {}) });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  }
  const allowed = await server.request(path, { method, ...json, token });
  expect(allowed.status).not.toBe(401);
});

it('lets a stream key do for its own Stream and no other', async () => {
  const stream = await server.createStream('mine', token);
  const other = await server.createStream('other', token);
  const key = stream.streamKey;
  expect((await server.request(`/api/v1/streams/${stream.id}`, { token: key })).status).toBe(200);
  expect((await server.request(`/api/v1/streams/${other.id}`, { token: key })).status).toBe(401);
  expect((await server.request('/api/v1/streams', { token: key })).status).toBe(401);
  const publisher = await server.client();
  await publisher.publish(stream.id, key);
  const body = new Uint8Array(200);
  body.set([0xff, 0xd8, 0xff]);
  body.set([0xff, 0xd9], 198);
  const poster = { method: 'POST', body, headers: { 'content-type': 'image/jpeg' } };
  expect((await server.request(`/api/v1/streams/${stream.id}/poster`, poster)).status).toBe(401);
  expect((await server.request(`/api/v1/streams/${stream.id}/poster`, { ...poster, token: key })).status).toBe(204);
});

it('needs a token to join, and tells nobody without one which Streams there are', async () => {
  const stream = await server.createStream('mine', token);
  const other = await server.createStream('other', token);
  const client = await server.client();
  const refused = [
    { streamId: stream.id, role: 'watch' as const },
    { streamId: stream.id, role: 'watch' as const, token: stream.streamKey },
    { streamId: stream.id, role: 'publish' as const },
    { streamId: stream.id, role: 'publish' as const, token: other.streamKey },
    { streamId: 'none', role: 'publish' as const, token: other.streamKey },
    { streamId: 'none', role: 'watch' as const },
  ];
  for (const params of refused) {
    await expect(client.request('join', params)).rejects.toMatchObject({ code: 'unauthorized' });
  }
  await client.request('join', { streamId: stream.id, role: 'watch', token });
});

it('any Host and Origin may ask: the token is what guards', async () => {
  const { status } = await server.request('/api/v1/streams', {
    token,
    headers: { origin: 'https://elsewhere.example' },
  });
  expect(status).toBe(200);
});
