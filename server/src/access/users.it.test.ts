import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';

/** On loopback, from the first page that is open to the last session that is ended. The tests build on one another. */
let server: TestServer;
let sfu: FakeSfu;
const ada = { name: 'Ada', password: 'correct horse battery' };
let cookie: string;
let address = 0;

beforeAll(async () => {
  server = await TestServer.create({ trustedProxies: ['127.0.0.1'] });
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});

const login = (credentials: { name: string; password: string }, headers: Record<string, string> = {}) =>
  server.request('/api/v1/login', {
    method: 'POST',
    json: credentials,
    headers: { 'x-forwarded-for': `10.0.0.${++address}`, ...headers },
  });
const cookieOf = (headers: Headers) => headers.get('set-cookie')?.split(';', 1)[0] ?? '';
const marked = () => ({ cookie, 'x-framelock': '1' });
const code = (body: Record<string, unknown>) => (body.error as { code: string }).code;

it('is open until there is a user, and says so', async () => {
  const { body } = await server.request('/api/v1/access');
  expect(body).toMatchObject({ access: 'open', login: false, caller: { kind: 'open', admin: true } });
  expect((await server.request('/api/v1/users', { method: 'POST', json: { ...ada, role: 'viewer' } })).status).toBe(
    409,
  );
  expect((await login(ada)).status).toBe(401);
});

it.each([
  { ...ada, password: 'short' },
  { ...ada, password: 'aaaaaaaaaaaa' },
  { name: 'Adalbert', password: 'i am adalbert' },
  { ...ada, name: ' ' },
  { ...ada, name: 'a\u202eb' },
])('refuses %j', async (user) => {
  const answer = await server.request('/api/v1/users', { method: 'POST', json: { ...user, role: 'admin' } });
  expect(answer.status).toBe(400);
});

it('the first administrator ends open access, also for what is live', async () => {
  const stream = await server.createStream();
  const viewer = await server.client();
  await viewer.request('join', { streamId: stream.id, role: 'watch' });
  const { status, body } = await server.request('/api/v1/users', { method: 'POST', json: { ...ada, role: 'admin' } });
  expect(status).toBe(201);
  expect(body).toMatchObject({ name: 'Ada', role: 'admin', disabled: false });
  expect(JSON.stringify(body)).not.toContain('argon2');
  await viewer.closed;
  expect(viewer.events('closing')[0]).toMatchObject({ code: 'unauthorized' });
  expect((await server.request('/api/v1/streams')).status).toBe(401);
  expect((await server.request('/api/v1/access')).body).toEqual({
    ...{ access: 'restricted', login: true, caller: null, tls: null },
  });
});

it('signs in with the right password only', async () => {
  for (const wrong of [
    { ...ada, password: 'wrong' },
    { ...ada, name: 'Eve' },
  ]) {
    const { status, body } = await login(wrong);
    expect([status, code(body)]).toEqual([401, 'unauthorized']);
    expect(JSON.stringify(body)).toContain('name or password is wrong');
  }
  expect((await login(ada, { origin: 'http://evil.example' })).status).toBe(403);
  const { status, headers, body } = await login({ ...ada, name: ' aDA ' }, { 'user-agent': 'a browser' });
  expect(status).toBe(200);
  expect(body).toMatchObject({ access: 'restricted', caller: { kind: 'user', name: 'Ada', admin: true } });
  expect(headers.get('set-cookie')).toMatch(
    /^framelock_session=fls_[a-z0-9]{12}_[A-Za-z0-9_-]{32}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  cookie = cookieOf(headers);
  const overTls = await login(ada, { 'x-forwarded-proto': 'https' });
  expect(overTls.headers.get('set-cookie')).toContain('; Secure');
});

it('takes the session for what pages do, and not from elsewhere', async () => {
  const post = (headers: Record<string, string>) =>
    server.request('/api/v1/streams', { method: 'POST', json: { name: 'by session' }, headers });
  expect((await server.request('/api/v1/streams', { headers: { cookie } })).status).toBe(200);
  expect((await post({ cookie })).status).toBe(403);
  expect((await post({ ...marked(), origin: 'http://evil.example' })).status).toBe(403);
  expect((await post({ ...marked(), 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await post({ ...marked(), origin: server.url })).status).toBe(201);
  expect((await post({ ...marked(), cookie: `${cookie}x` })).status).toBe(401);
  await expect(server.client({ cookie, origin: 'http://evil.example' })).resolves.toMatchObject({});
});

it('joins by the session, unless the socket was opened by a page of another origin', async () => {
  const { body } = await server.request('/api/v1/streams', { headers: { cookie } });
  const [{ id: streamId }] = body.streams as unknown as [{ id: string }];
  const own = await server.client({ cookie, origin: server.url });
  await own.request('join', { streamId, role: 'watch' });
  const foreign = await server.client({ cookie, origin: 'http://evil.example' });
  await expect(foreign.request('join', { streamId, role: 'watch' })).rejects.toMatchObject({ code: 'forbidden' });
});

it('gives roles their rights, at once also those that are taken away', async () => {
  const bob = { name: 'Bob', password: 'another long password' };
  const headers = marked();
  const made = await server.request('/api/v1/users', { method: 'POST', json: { ...bob, role: 'publisher' }, headers });
  expect(made.status).toBe(201);
  const twice = await server.request('/api/v1/users', {
    ...{ method: 'POST', json: { ...bob, name: 'BOB', role: 'viewer' }, headers },
  });
  expect(twice.status).toBe(409);
  const bobs = cookieOf((await login(bob)).headers);
  const asBob = (path: string, init: Parameters<TestServer['request']>[1] = {}) =>
    server.request(path, { ...init, headers: { cookie: bobs, 'x-framelock': '1' } });
  const [stream] = (await asBob('/api/v1/streams')).body.streams as unknown as [{ id: string }];
  const streamKey = async () => (await asBob(`/api/v1/streams/${stream.id}`)).body.streamKey as string | undefined;
  expect(await streamKey()).toBeDefined();
  expect((await asBob('/api/v1/streams', { method: 'POST', json: { name: 'x' } })).status).toBe(403);
  expect((await asBob('/api/v1/users')).status).toBe(403);
  const publisher = await server.client({ cookie: bobs });
  await publisher.request('join', { streamId: stream.id, role: 'publish' });

  const change = (json: object) =>
    server.request(`/api/v1/users/${made.body.id as unknown as string}`, { method: 'PATCH', json, headers: marked() });
  expect((await change({ role: 'viewer' })).body).toMatchObject({ role: 'viewer' });
  await publisher.closed;
  expect(await streamKey()).toBeUndefined();
  expect((await change({ disabled: true })).status).toBe(200);
  expect((await asBob('/api/v1/streams')).status).toBe(401);
  expect((await login(bob)).status).toBe(401);
  expect((await change({ disabled: false, password: 'a third long password' })).status).toBe(200);
  expect((await asBob('/api/v1/streams')).status).toBe(401);
  expect((await login({ ...bob, password: 'a third long password' })).status).toBe(200);
});

it('keeps the last administrator', async () => {
  const users = (await server.request('/api/v1/users', { headers: { cookie } })).body.users as unknown as {
    id: string;
    name: string;
  }[];
  const path = `/api/v1/users/${users.find(({ name }) => name === 'Ada')!.id}`;
  const headers = marked();
  expect((await server.request(path, { method: 'DELETE', headers })).status).toBe(409);
  expect((await server.request(path, { method: 'PATCH', json: { disabled: true }, headers })).status).toBe(409);
  expect((await server.request(path, { method: 'PATCH', json: { role: 'viewer' }, headers })).status).toBe(409);
  expect((await server.request('/api/v1/users/none', { method: 'DELETE', headers })).status).toBe(404);
});

it('changes a password, which ends the other sessions', async () => {
  const other = cookieOf((await login(ada)).headers);
  const change = (current: string, password: string) =>
    server.request('/api/v1/password', { method: 'PUT', json: { current, password }, headers: marked() });
  expect((await change('wrong', 'a whole new password')).status).toBe(403);
  expect((await change(ada.password, 'short')).status).toBe(400);
  expect((await change(ada.password, 'a whole new password')).status).toBe(204);
  expect((await server.request('/api/v1/streams', { headers: { cookie: other } })).status).toBe(401);
  expect((await server.request('/api/v1/streams', { headers: { cookie } })).status).toBe(200);
  expect((await login(ada)).status).toBe(401);
  ada.password = 'a whole new password';
});

it('lists sessions and ends them, with what is live by them', async () => {
  const other = cookieOf((await login(ada, { 'user-agent': 'the other browser' })).headers);
  const list = async () =>
    (await server.request('/api/v1/sessions', { headers: { cookie } })).body.sessions as unknown as {
      id: string;
      agent: string;
      address: string;
      current: boolean;
    }[];
  const found = (await list()).find(({ agent }) => agent === 'the other browser')!;
  expect(found).toMatchObject({ current: false, address: `10.0.0.${address}` });
  expect((await list()).filter(({ current }) => current)).toHaveLength(1);
  const { body } = await server.request('/api/v1/streams', { headers: { cookie } });
  const [{ id: streamId }] = body.streams as unknown as [{ id: string }];
  const viewer = await server.client({ cookie: other });
  await viewer.request('join', { streamId, role: 'watch' });
  const end = await server.request(`/api/v1/sessions/${found.id}`, { method: 'DELETE', headers: marked() });
  expect(end.status).toBe(204);
  await viewer.closed;
  expect((await server.request('/api/v1/streams', { headers: { cookie: other } })).status).toBe(401);
});

it('tires of guesses, by address and by name', async () => {
  const guess = (name: string, from: string) => login({ name, password: 'guess' }, { 'x-forwarded-for': from });
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await guess(`nobody${i}`, '192.0.2.1')).status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(10);
  const last = await guess('nobody', '192.0.2.1');
  expect([last.status, last.headers.get('retry-after')]).toEqual([429, '60']);
  const ofName = await Promise.all(Array.from({ length: 34 }, (_, i) => guess('somebody', `192.0.3.${i}`)));
  expect(ofName.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(2);
  expect((await guess('else', '192.0.2.2')).status).toBe(401);
});

it('has all of it in the audit log, and no password', async () => {
  const { body } = await server.request('/api/v1/audit?limit=500', { headers: { cookie } });
  const entries = body.entries as unknown as Record<string, string | number>[];
  const has = (entry: object) => expect(entries).toContainEqual(expect.objectContaining(entry));
  has({ actorKind: 'open', action: 'POST /api/v1/users', status: 201 });
  has({ actorKind: 'nobody', actorName: 'Eve', action: 'POST /api/v1/login', status: 401 });
  has({ actorKind: 'user', actorName: 'Ada', action: 'PATCH /api/v1/users/{id}', status: 200 });
  has({ actorKind: 'user', actorName: 'Ada', action: 'DELETE /api/v1/users/{id}', target: 'none', status: 404 });
  has({ action: 'PUT /api/v1/password', status: 204 });
  for (const { password } of [ada, { password: 'correct horse' }]) expect(JSON.stringify(body)).not.toContain(password);
  const page = await server.request('/api/v1/audit?limit=2', { headers: { cookie } });
  expect(page.body.entries).toEqual(entries.slice(0, 2));
  const next = await server.request(`/api/v1/audit?limit=2&cursor=${page.body.nextCursor as unknown as string}`, {
    headers: { cookie },
  });
  expect(next.body.entries).toEqual(entries.slice(2, 4));
});

it('signs out', async () => {
  const out = await server.request('/api/v1/logout', { method: 'POST', headers: marked() });
  expect(out.status).toBe(204);
  expect(out.headers.get('set-cookie')).toContain('framelock_session=; Max-Age=0');
  expect((await server.request('/api/v1/streams', { headers: { cookie } })).status).toBe(401);
});

it('lets whoever reads DATA_DIR in again', async () => {
  const token = readFileSync(join(server.dataDir, 'admin-token'), 'utf8').trim();
  expect((await server.request('/api/v1/users', { token })).status).toBe(200);
});
