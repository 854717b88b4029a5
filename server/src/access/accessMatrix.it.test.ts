import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';
import type { HttpContext } from '../http/context.ts';
import { createApp } from '../http/createApp.ts';
import type { CreatedStream, Grant, Right } from '../protocol/index.ts';

/**
 * Everything that the server answers, against everybody who may ask, off loopback. A route that is in no row fails the
 * first test: whoever adds one says here for whom it is.
 */

const adminToken = 'the-admin-token';
const password = 'a long enough password';

/** Whom the server does not know: 401 wherever something is needed. */
const strangers = ['nobody', 'wrong token', 'wrong session', 'expired token', 'expired link', 'revoked token'] as const;
/** Those with `S` have it for Stream S only. */
const known = [
  ...['admin token', 'admin', 'publisher', 'viewer', 'watch all', 'publish all', 'manage all'],
  ...['watch S', 'publish S', 'manage S', 'link S'],
] as const;
/** No principals: their secrets do for one thing each, and are wrong tokens elsewhere. */
const keys = ['key of S', 'key of T', 'node secret'] as const;
type Caller = string;
const everybody: readonly Caller[] = [...strangers, ...known, ...keys];

const watchers = ['admin token', 'admin', 'publisher', 'viewer', 'watch all', 'manage all'];
const publishers = ['admin token', 'admin', 'publisher', 'publish all', 'manage all'];
const managers = ['admin token', 'admin', 'manage all'];
const admins = ['admin token', 'admin'];
const users = ['admin', 'publisher', 'viewer'];
const ofS = (...callers: string[][]) => [...new Set(callers.flat())];

/** Who may. `all`: of no Stream, or of all of them. */
const allowed = {
  public: [...everybody],
  member: known.filter((caller) => caller !== 'link S'),
  principal: [...known],
  watchAll: watchers,
  manageAll: managers,
  admin: admins,
  user: users,
  sessions: ofS(admins, users),
  watchS: ofS(watchers, ['watch S', 'manage S', 'link S']),
  publishS: ofS(publishers, ['publish S', 'manage S', 'key of S']),
  manageS: ofS(managers, ['manage S']),
  seeS: ofS(watchers, publishers, ['watch S', 'publish S', 'manage S', 'link S', 'key of S']),
  publishAny: ofS(publishers, ['publish S', 'manage S', 'key of S', 'key of T']),
  whip: ofS(['admin token', 'publish all', 'manage all', 'publish S', 'manage S', 'key of S']),
  whep: ofS(['admin token', 'watch all', 'manage all', 'watch S', 'manage S', 'link S', 'key of S']),
  node: ['node secret'],
} satisfies Record<string, readonly Caller[]>;

interface Row {
  /** Method and path as Hono has them, or as OpenAPI has them for what is answered beside Hono. */
  route: string;
  who: keyof typeof allowed;
  /** What is asked for; `S` stands for the Stream's id. By default the route with `none` in place of ids. */
  path?: string;
  type?: string;
  body?: string;
  /** It would change what other rows need: who has it for S alone is tried at the end, and others on no Stream. */
  destroys?: true;
}

const json = (body = '{}') => ({ type: 'application/json', body });
const sdp = { type: 'application/sdp', body: 'no offer' };
const inS = (route: string) => ({
  route,
  path: route.replace(/^\S+ /, '').replace(':id', 'S').replaceAll(/:\w+/g, 'none'),
});
const v1 = '/api/v1';

const rows: Row[] = [
  { route: 'GET /healthz', who: 'public' },
  { route: 'GET /readyz', who: 'public' },
  { route: 'GET /api/openapi.json', who: 'public' },
  { route: 'GET /api/docs', who: 'public' },
  { route: `GET ${v1}/access`, who: 'public' },
  { route: `POST ${v1}/login`, who: 'public', ...json() },
  { route: 'GET /metrics', who: 'watchAll' },
  { route: `GET ${v1}/system`, who: 'watchAll' },
  { route: 'POST /internal/nodes/heartbeat', who: 'node', ...json() },

  { route: `POST ${v1}/logout`, who: 'user', destroys: true },
  { route: `PUT ${v1}/password`, who: 'user', ...json() },
  { route: `GET ${v1}/sessions`, who: 'sessions' },
  { route: `DELETE ${v1}/sessions/:id`, who: 'sessions' },
  { route: `GET ${v1}/users`, who: 'admin' },
  { route: `POST ${v1}/users`, who: 'admin', ...json() },
  { route: `PATCH ${v1}/users/:id`, who: 'admin', ...json() },
  { route: `DELETE ${v1}/users/:id`, who: 'admin' },
  { route: `GET ${v1}/tokens`, who: 'admin' },
  { route: `POST ${v1}/tokens`, who: 'admin', ...json() },
  { route: `DELETE ${v1}/tokens/:id`, who: 'admin' },
  { route: `GET ${v1}/audit`, who: 'admin' },

  { route: `GET ${v1}/streams`, who: 'principal' },
  { route: `POST ${v1}/streams`, who: 'manageAll', ...json() },
  { ...inS(`GET ${v1}/streams/:id`), who: 'seeS' },
  { ...inS(`PATCH ${v1}/streams/:id`), who: 'manageS', ...json() },
  { ...inS(`DELETE ${v1}/streams/:id`), who: 'manageS', destroys: true },
  { ...inS(`PUT ${v1}/streams/:id/model`), who: 'manageS', ...json() },
  { ...inS(`GET ${v1}/streams/:id/zones`), who: 'watchS' },
  { ...inS(`PUT ${v1}/streams/:id/zones`), who: 'manageS', ...json() },
  { ...inS(`GET ${v1}/streams/:id/zones/live`), who: 'watchS' },
  { ...inS(`DELETE ${v1}/streams/:id/publication`), who: 'publishS' },
  { ...inS(`GET ${v1}/streams/:id/poster`), who: 'seeS' },
  { ...inS(`POST ${v1}/streams/:id/poster`), who: 'publishS', type: 'image/jpeg', body: 'no picture' },
  { ...inS(`POST ${v1}/streams/:id/key`), who: 'manageS', destroys: true },
  { ...inS(`GET ${v1}/streams/:id/shares`), who: 'manageS' },
  { ...inS(`POST ${v1}/streams/:id/shares`), who: 'manageS', ...json('{"expiresInS":0}') },
  { ...inS(`DELETE ${v1}/streams/:id/shares/:shareId`), who: 'manageS' },
  { ...inS(`POST ${v1}/streams/:id/source`), who: 'manageAll', ...json() },
  { ...inS(`DELETE ${v1}/streams/:id/source`), who: 'manageAll' },

  { route: `GET ${v1}/files`, who: 'manageAll' },
  { route: `POST ${v1}/files`, who: 'manageAll' },
  { route: `DELETE ${v1}/files/:name`, who: 'manageAll' },
  { route: `GET ${v1}/models`, who: 'member' },
  { route: `POST ${v1}/models`, who: 'manageAll', ...json() },
  { route: `GET ${v1}/doctor`, who: 'manageAll' },
  { route: `GET ${v1}/doctor`, who: 'seeS', path: `${v1}/doctor?streamId=S` },
  { route: `POST ${v1}/doctor/session`, who: 'publishAny', ...sdp },
  { route: `DELETE ${v1}/doctor/session/:sessionId`, who: 'publishAny' },

  { route: `GET ${v1}/recordings`, who: 'watchAll' },
  { route: `GET ${v1}/recordings`, who: 'watchS', path: `${v1}/recordings?streamId=S` },
  { route: `GET ${v1}/recordings/:id`, who: 'watchAll' },
  { route: `DELETE ${v1}/recordings/:id`, who: 'manageAll' },
  { route: `GET ${v1}/recordings/:id/download.mp4`, who: 'watchAll' },

  { route: `GET ${v1}/brands`, who: 'watchAll' },
  { route: `POST ${v1}/brands`, who: 'manageAll' },
  { route: `GET ${v1}/brands/gallery`, who: 'watchAll' },
  { route: `GET ${v1}/brands/gallery`, who: 'seeS', path: `${v1}/brands/gallery?streamId=S` },
  { route: `GET ${v1}/brands/export`, who: 'watchAll' },
  { route: `POST ${v1}/brands/import`, who: 'manageAll' },
  { route: `GET ${v1}/brands/:id`, who: 'watchAll' },
  { route: `PATCH ${v1}/brands/:id`, who: 'manageAll', ...json() },
  { route: `DELETE ${v1}/brands/:id`, who: 'manageAll' },
  { route: `POST ${v1}/brands/:id/images`, who: 'manageAll' },
  { route: `GET ${v1}/brands/:id/images/:imageId`, who: 'watchAll' },
  { route: `DELETE ${v1}/brands/:id/images/:imageId`, who: 'manageAll' },

  ...['exposure', 'exposure.json', 'exposure.csv', 'appearances', 'appearances.json', 'appearances.csv'].flatMap(
    (name): Row[] => [
      { route: `GET ${v1}/${name}`, who: 'watchAll', path: `${v1}/${name}?publicationId=none` },
      { route: `GET ${v1}/${name}`, who: 'watchS', path: `${v1}/${name}?streamId=S` },
      { route: `GET ${v1}/${name}`, who: 'watchAll', path: `${v1}/${name}?streamId=S&publicationId=none` },
    ],
  ),
  ...['tracks', 'tracks.csv', 'events', 'events.csv', 'history/labels', 'history/activity'].flatMap((name): Row[] => [
    { route: `GET ${v1}/${name}`, who: 'watchAll' },
    { route: `GET ${v1}/${name}`, who: 'watchS', path: `${v1}/${name}?streamId=S` },
  ]),
  {
    route: `GET ${v1}/tracks/:runId/:trackId/thumbnail.jpg`,
    who: 'watchAll',
    path: `${v1}/tracks/none/1/thumbnail.jpg`,
  },
  ...['detections', 'properties', 'heatmap'].map((name): Row => ({
    ...inS(`GET ${v1}/streams/:id/${name}`),
    who: 'watchS',
  })),
  { route: `GET ${v1}/appearances/:id/first.jpg`, who: 'watchAll' },
  { route: `GET ${v1}/appearances/:id/last.jpg`, who: 'watchAll' },

  // A kind that is none: else those who may would read for ever.
  { route: `GET ${v1}/events/stream`, who: 'watchAll', path: `${v1}/events/stream?kind=none` },
  { route: `GET ${v1}/events/stream`, who: 'watchS', path: `${v1}/events/stream?kind=none&streamId=S` },
  { route: `GET ${v1}/rules`, who: 'manageAll' },
  { route: `POST ${v1}/rules`, who: 'manageAll', ...json() },
  { route: `PATCH ${v1}/rules/:id`, who: 'manageAll', ...json() },
  { route: `DELETE ${v1}/rules/:id`, who: 'manageAll' },
  { route: `GET ${v1}/targets`, who: 'manageAll' },
  { route: `POST ${v1}/targets`, who: 'manageAll', ...json() },
  { route: `PATCH ${v1}/targets/:id`, who: 'manageAll', ...json() },
  { route: `DELETE ${v1}/targets/:id`, who: 'manageAll' },
  { route: `POST ${v1}/targets/:id/test`, who: 'manageAll' },
  { route: `GET ${v1}/deliveries`, who: 'manageAll' },
  { route: `POST ${v1}/deliveries/:id/retry`, who: 'manageAll' },
  { route: `DELETE ${v1}/deliveries/:id`, who: 'manageAll' },

  { route: 'POST /whip/:streamId', who: 'whip', path: '/whip/S', ...sdp },
  { route: 'PATCH /whip/:streamId/:sessionId', who: 'whip', path: '/whip/S/none', ...sdp },
  { route: 'DELETE /whip/:streamId/:sessionId', who: 'whip', path: '/whip/S/none' },
  { route: 'OPTIONS /whip/:streamId', who: 'public' },
  { route: 'OPTIONS /whip/:streamId/:sessionId', who: 'public' },
  { route: 'POST /whep/:streamId', who: 'whep', path: '/whep/S', ...sdp },
  { route: 'PATCH /whep/:streamId/:sessionId', who: 'whep', path: '/whep/S/none', ...sdp },
  { route: 'DELETE /whep/:streamId/:sessionId', who: 'whep', path: '/whep/S/none' },
  { route: 'OPTIONS /whep/:streamId', who: 'public' },
  { route: 'OPTIONS /whep/:streamId/:sessionId', who: 'public' },
  // Nothing is told of the Stream.
  { route: 'GET /whep/:streamId', who: 'public' },
  { route: 'GET /whep/:streamId/:sessionId', who: 'public' },

  { route: 'GET /hls/:streamId/index.m3u8', who: 'watchS', path: '/hls/S/index.m3u8' },
  { route: 'GET /hls/:streamId/:publicationId/:name', who: 'watchS', path: '/hls/S/none/live.m3u8' },

  // Pages hold nothing: what they show they ask for. Symbolic routes, for these have no handler of their own.
  ...['/', '/publish/S', '/watch/S', '/recordings', '/brands', '/models', '/markers', '/system', '/access'].map(
    (page): Row => ({ route: 'pages', who: 'public', path: page }),
  ),
];

let server: TestServer;
let sfu: FakeSfu;
let stream: CreatedStream;
const headersOf: Record<Caller, Record<string, string>> = {};
let requests = 0;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** Each from an address of its own: wrong tokens are limited by address. */
const from = () => ({ 'x-forwarded-for': `10.${(++requests >> 16) & 255}.${(requests >> 8) & 255}.${requests & 255}` });

async function post(path: string, body: object): Promise<Record<string, string>> {
  const answer = await server.request(path, { method: 'POST', json: body, token: adminToken });
  expect(answer.status).toBe(201);
  return answer.body as Record<string, string>;
}
async function makeToken(grants: Grant[], expiresInS?: number) {
  return post(`${v1}/tokens`, { name: 'matrix', grants, ...(expiresInS ? { expiresInS } : {}) });
}
async function signIn(name: string): Promise<Record<string, string>> {
  const { headers } = await server.request(`${v1}/login`, {
    method: 'POST',
    json: { name, password },
    headers: from(),
  });
  return { cookie: headers.get('set-cookie')!.split(';', 1)[0]!, 'x-framelock': '1' };
}

beforeAll(async () => {
  server = await TestServer.create({
    ...{ host: '0.0.0.0', adminToken, whipPostsPerMinute: 1_000, trustedProxies: ['127.0.0.1'] },
  });
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
  stream = await server.createStream('S', adminToken);
  const other = await server.createStream('T', adminToken);
  const shares = `${v1}/streams/${stream.id}/shares`;
  const expired = await makeToken([{ right: 'manage', streamId: null }], 1);
  const expiredLink = await post(shares, { expiresInS: 1 });
  const revoked = await makeToken([{ right: 'manage', streamId: null }]);
  await server.request(`${v1}/tokens/${revoked.id}`, { method: 'DELETE', token: adminToken });
  headersOf['nobody'] = {};
  headersOf['wrong token'] = bearer(`flt_abcdefghjkm2_${'x'.repeat(32)}`);
  headersOf['wrong session'] = { cookie: `framelock_session=fls_abcdefghjkm2_${'x'.repeat(32)}`, 'x-framelock': '1' };
  headersOf['expired token'] = bearer(expired.token!);
  headersOf['expired link'] = bearer(expiredLink.token!);
  headersOf['revoked token'] = bearer(revoked.token!);
  headersOf['admin token'] = bearer(adminToken);
  headersOf['link S'] = bearer((await post(shares, {})).token!);
  headersOf['key of S'] = bearer(stream.streamKey);
  headersOf['key of T'] = bearer(other.streamKey);
  headersOf['node secret'] = bearer(nodeSecret);
  for (const role of ['admin', 'publisher', 'viewer']) {
    await post(`${v1}/users`, { name: `the ${role}`, role, password });
    headersOf[role] = await signIn(`the ${role}`);
  }
  for (const right of ['watch', 'publish', 'manage'] satisfies Right[]) {
    headersOf[`${right} all`] = bearer((await makeToken([{ right, streamId: null }])).token!);
    headersOf[`${right} S`] = bearer((await makeToken([{ right, streamId: stream.id }])).token!);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // the expired ones expire
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});

/** What the answer says of the caller, and not of what was asked for. */
async function verdict(row: Row, caller: Caller, path: string): Promise<string> {
  const method = row.route === 'pages' ? 'GET' : row.route.split(' ', 1)[0]!;
  const type = row.type ? { 'content-type': row.type } : {};
  const { status } = await server.request(path.replace(/\bS\b/, stream.id), {
    ...{ method, headers: { ...headersOf[caller], ...type, ...from() } },
    ...(row.body === undefined ? {} : { body: row.body }),
  });
  // 401 of `login` and 503 of a page that is not built are about something else.
  return status === 401 || status === 403 ? String(status) : 'let in';
}

function expected(row: Row, caller: Caller): string {
  if (allowed[row.who].includes(caller as never)) return 'let in';
  // NODE_SECRET at a stream's door is a mistake that is told as such.
  if (caller === 'node secret' && (row.who === 'whip' || row.who === 'whep')) return '403';
  if (!known.includes(caller as never)) return '401';
  // WHIP and WHEP know bearers only: a session there is nobody, since pages of every origin may come.
  if ((row.who === 'whip' || row.who === 'whep') && users.includes(caller)) return '401';
  // The node's door knows nobody else.
  return row.who === 'node' ? '401' : '403';
}

const pathOf = (row: Row) => row.path ?? row.route.replace(/^\S+ /, '').replaceAll(/:\w+/g, 'none');
const isOfSAlone = (caller: Caller) => caller.endsWith(' S');

describe('every route', () => {
  it('is in the matrix', async () => {
    const app = createApp({ whipPostsPerMinute: 1 } as HttpContext);
    const inApp = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
      .map(({ method, path }) => `${method} ${path}`);
    const document = (await server.request('/api/openapi.json')).body as unknown as { paths: Record<string, object> };
    const inDocument = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const inMatrix = new Set(rows.map(({ route }) => route));
    expect([...new Set([...inApp, ...inDocument])].filter((route) => !inMatrix.has(route))).toEqual([]);
    const real = new Set([...inApp, ...inDocument, 'pages']);
    expect([...inMatrix].filter((route) => !real.has(route))).toEqual([]);
  });

  it.each(rows.map((row) => ({ ...row, name: `${row.route} ${row.path ?? ''}` })))('$name is for $who', async (row) => {
    const found: Record<Caller, string> = {};
    const wanted: Record<Caller, string> = {};
    for (const caller of everybody) {
      const isAllowed = allowed[row.who].includes(caller as never);
      if (row.destroys && isAllowed && (isOfSAlone(caller) || row.who === 'user')) continue;
      const path = row.destroys && isAllowed ? pathOf(row).replace(/\bS\b/, 'none') : pathOf(row);
      wanted[caller] = expected(row, caller);
      found[caller] = await verdict(row, caller, path);
    }
    expect(found).toEqual(wanted);
  });
});

describe('the signalling socket', () => {
  it.each(['watch', 'publish'] as const)('join to %s', async (role) => {
    const found: Record<Caller, string> = {};
    const wanted: Record<Caller, string> = {};
    const may = role === 'watch' ? allowed.watchS : allowed.publishS;
    for (const caller of everybody) {
      const { authorization, ...headers } = headersOf[caller]!;
      const client = await server.client({ ...headers, ...from() });
      const token = authorization?.slice('Bearer '.length);
      const answer = client.request('join', { streamId: stream.id, role, ...(token ? { token } : {}) });
      found[caller] = await answer.then(
        () => 'let in',
        (error: { code: string }) => error.code,
      );
      client.close();
      const refusal = known.includes(caller as never) ? 'forbidden' : 'unauthorized';
      wanted[caller] = may.includes(caller) ? 'let in' : refusal;
    }
    expect(found).toEqual(wanted);
  });
});

describe('what destroys, at last', () => {
  it.each(rows.filter(({ destroys, who }) => destroys && who === 'manageS').toReversed())(
    '$route by who manages that Stream alone',
    async (row) => expect(await verdict(row, 'manage S', pathOf(row))).toBe('let in'),
  );

  it.each(users)('POST /api/v1/logout by %s', async (caller) => {
    const logout = rows.find(({ route }) => route.endsWith('/logout'))!;
    expect(await verdict(logout, caller, pathOf(logout))).toBe('let in');
    expect(await verdict(logout, caller, pathOf(logout))).toBe('401');
  });
});
