import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeOrigin } from '../../test/FakeOrigin.ts';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import type { SignalingClient } from '../../test/SignalingClient.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { errorBodySchema } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let origin: FakeOrigin;
let publisher: SignalingClient;
let streamId: string;
let publicationId: string;
const adminToken = 'the-admin-token';

async function open(config: Parameters<typeof TestServer.create>[0] = {}): Promise<void> {
  server = await TestServer.create(config);
  sfu = await createFakeSfu(nodeSecret);
  origin = await FakeOrigin.create(nodeSecret);
  sfu.hlsUrl = origin.url;
  await server.attach(sfu);
}

/** A live Stream, and an origin of which nothing was asked yet. */
async function begin(token?: string): Promise<void> {
  streamId = (await server.createStream('test', token)).id;
  publisher = await server.client();
  ({ publicationId } = await publisher.publish(streamId, token));
  origin.asked.length = 0;
  for (const from of ['cache', 'joined', 'origin', 'piped']) before[from] = await counted(from);
}

afterEach(() => publisher.close());
async function close(): Promise<void> {
  await server.close();
  await Promise.all([sfu.close(), origin.close()]);
}

const before: Record<string, number> = {};
const counted = (from: string) => server.metric(`framelock_hls_proxy_requests_total{from="${from}"}`);
const metric = async (from: string) => (await counted(from)) - before[from]!;
const file = (name: string) => `/hls/${streamId}/${publicationId}/${name}`;
const held = () => server.metric('framelock_hls_proxy{what="waiting"}');

/** As it came: fetch would follow, decode and hide. */
function raw(path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  const { hostname, port } = new URL(server.url);
  return new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
const codeOf = ({ body }: { body: Buffer }) => errorBodySchema.parse(JSON.parse(body.toString())).error.code;

describe('on loopback', () => {
  beforeAll(() => open());
  afterAll(close);
  beforeEach(() => begin());

  it("hands the live Publication's playlist through as it is, directives and errors included", async () => {
    origin.handler = (request, response) => {
      if (request.url?.includes('_HLS_msn=9')) return response.writeHead(503, { 'retry-after': '3' }).end('{}');
      response.writeHead(200, {
        ...{ 'content-type': 'application/vnd.apple.mpegurl', 'cache-control': 'public, max-age=1', etag: '"1"' },
        ...{ 'access-control-allow-origin': '*', 'set-cookie': 'a=b', server: 'x', 'x-of-origin': 'yes' },
      });
      response.end(`#EXTM3U ${request.url}`);
    };
    const index = await raw(`/hls/${streamId}/index.m3u8?x=1`);
    expect([index.status, index.body.toString()]).toEqual([200, `#EXTM3U /hls/${streamId}/index.m3u8`]);
    expect(index.headers).toMatchObject({
      ...{ 'content-type': 'application/vnd.apple.mpegurl', 'cache-control': 'public, max-age=1', etag: '"1"' },
      ...{ 'x-of-origin': 'yes', 'x-content-type-options': 'nosniff', 'content-length': String(index.body.length) },
    });
    for (const name of ['access-control-allow-origin', 'set-cookie', 'server'])
      expect(index.headers).not.toHaveProperty(name);
    const reload = await raw(file('live.m3u8?_HLS_msn=3&_HLS_part=1&_HLS_skip=YES'));
    expect(reload.body.toString()).toBe(`#EXTM3U ${file('live.m3u8?_HLS_msn=3&_HLS_part=1&_HLS_skip=YES')}`);
    const early = await raw(file('live.m3u8?_HLS_msn=9'));
    expect([early.status, early.headers['retry-after']]).toEqual([503, '3']);
    expect((await raw(file('live.m3u8'), { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
    const head = await raw(file('live.m3u8'), { method: 'HEAD' });
    expect([head.status, head.body.length, head.headers['content-type']]).toEqual([
      200,
      0,
      'application/vnd.apple.mpegurl',
    ]);
    // HEAD and a Range on a playlist are the GET that others share.
    expect(origin.asked.at(-1)).toBe(`GET ${file('live.m3u8')}`);
    expect((await raw(file('live.m3u8'), { headers: { range: 'bytes=0-9' } })).status).toBe(200);
    expect(origin.asked.at(-1)).toBe(`GET ${file('live.m3u8')}`);
    expect(origin.refusedTokens).toBe(0);
  });

  it('a hundred who ask for the same wait for one request', async () => {
    let answer: (() => void) | undefined;
    origin.handler = (_request, response) => (answer = () => response.writeHead(200).end('playlist'));
    const all = Array.from({ length: 100 }, () => raw(file('live.m3u8?_HLS_msn=1&_HLS_part=0')));
    await until(async () => (await held()) === 100, 'all are held');
    answer!();
    expect(new Set((await Promise.all(all)).map(({ body }) => body.toString()))).toEqual(new Set(['playlist']));
    expect(origin.asked).toHaveLength(1);
    expect([await held(), await metric('origin'), await metric('joined')]).toEqual([0, 1, 99]);
    // Nothing of it is kept: the playlist is another one by now.
    void raw(file('live.m3u8?_HLS_msn=1&_HLS_part=0')).catch(() => undefined);
    await until(() => origin.asked.length === 2, 'it is asked for anew');
    answer!();
  });

  it('a client that leaves does not take the answer with it; the last one ends the request', async () => {
    const answers: ServerResponse[] = [];
    origin.handler = (_request, response) => void answers.push(response);
    const ask = () => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write(`GET ${file('live.m3u8?_HLS_msn=1')} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      return socket;
    };
    const first = ask();
    await until(async () => (await held()) === 1, 'the first is held');
    const second = raw(file('live.m3u8?_HLS_msn=1'));
    await until(async () => (await held()) === 2, 'both are held');
    first.destroy();
    await until(async () => (await held()) === 1, 'one is left');
    answers[0]!.end('still here');
    expect((await second).body.toString()).toBe('still here');
    const alone = ask();
    await until(() => answers.length === 2, 'it is asked for again');
    const ended = new Promise((resolve) => answers[1]!.once('close', resolve));
    alone.destroy();
    await ended;
    expect(answers[1]!.writableFinished).toBe(false);
    expect(await server.metric('framelock_hls_proxy{what="originRequests"}')).toBe(0);
  });

  it('what breaks at the origin reaches everybody, and the next request is a new one', async () => {
    origin.handler = (_request, response) => response.writeHead(200, { 'content-length': 100 }).write('half');
    const both = [raw(file('plain.m3u8')), raw(file('plain.m3u8'))];
    await until(async () => (await held()) === 2, 'both are held');
    origin.cut();
    for (const answer of await Promise.all(both)) {
      expect([answer.status, codeOf(answer), answer.headers['retry-after']]).toEqual([503, 'unavailable', '1']);
    }
    origin.handler = (_request, response) => response.end('well again');
    expect((await raw(file('plain.m3u8'))).body.toString()).toBe('well again');
  });

  it('keeps what is immutable, and no other; a range goes to the origin', async () => {
    const cachedBefore = await server.metric('framelock_hls_proxy{what="cachedBytes"}');
    const segment = Buffer.alloc(300_000, 'seg');
    origin.handler = (request, response) => {
      if (request.headers.range) {
        response.writeHead(206, { 'content-range': 'bytes 0-9/300000', 'content-length': 10 });
        return response.end(segment.subarray(0, 10));
      }
      const cacheControl = request.url?.endsWith('.m3u8') ? 'no-cache' : 'public, max-age=31536000, immutable';
      response
        .writeHead(200, { 'cache-control': cacheControl, etag: '"s"', 'content-length': segment.length })
        .end(segment);
    };
    for (let i = 0; i < 3; i++) expect((await raw(file('seg-1.m4s'))).body.equals(segment)).toBe(true);
    expect(origin.asked).toEqual([`GET ${file('seg-1.m4s')}`]);
    expect(await metric('cache')).toBe(2);
    const head = await raw(file('seg-1.m4s'), { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '300000', 0]);
    expect((await raw(file('seg-1.m4s'), { headers: { 'if-none-match': '"s"' } })).status).toBe(304);
    const range = await raw(file('seg-1.m4s'), { headers: { range: 'bytes=0-9' } });
    expect([range.status, range.headers['content-range'], range.body.toString()]).toEqual([
      206,
      'bytes 0-9/300000',
      'segsegsegs',
    ]);
    await raw(file('plain.m3u8'));
    await raw(file('plain.m3u8'));
    expect(origin.asked).toHaveLength(4);
    const bytes = (await server.metric('framelock_hls_proxy{what="cachedBytes"}')) - cachedBefore;
    expect(bytes).toBeGreaterThan(300_000);
    expect(bytes).toBeLessThan(310_000);
  });

  it('streams what is too long to be held, whole', async () => {
    const cachedBefore = await server.metric('framelock_hls_proxy{what="cachedBytes"}');
    const long = Buffer.alloc(20 * 1024 * 1024, 'long');
    origin.handler = (_request, response) => response.writeHead(200, { 'content-length': long.length }).end(long);
    expect((await raw(file('seg-1.m4s'))).body.equals(long)).toBe(true);
    origin.handler = (_request, response) => void response.end(long.subarray(0, 9 * 1024 * 1024)); // chunked
    expect((await raw(file('seg-2.m4s'))).body.length).toBe(9 * 1024 * 1024);
    expect(await metric('piped')).toBe(2);
    expect(await server.metric('framelock_hls_proxy{what="cachedBytes"}')).toBe(cachedBefore);
  });

  it('playlists stay compressed for who takes that, and for nobody else', async () => {
    const zipped = gzipSync('#EXTM3U');
    origin.handler = (request, response) => {
      if (request.headers['accept-encoding'] !== 'gzip') return response.end('#EXTM3U');
      response.writeHead(200, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }).end(zipped);
    };
    const both = [raw(file('live.m3u8'), { headers: { 'accept-encoding': 'gzip, br' } }), raw(file('live.m3u8'))];
    const [compressed, plain] = await Promise.all(both);
    expect([compressed!.headers['content-encoding'], compressed!.body]).toEqual(['gzip', zipped]);
    expect([plain!.headers['content-encoding'], plain!.body.toString()]).toEqual([undefined, '#EXTM3U']);
  });

  it('is 404 for what is not live and no Recording, and for a Stream that has HLS off', async () => {
    const other = await server.createStream('other');
    const refused = () => server.metric('framelock_refused_messages_total{door="hls",code="notFound"}');
    const refusedBefore = await refused();
    for (const path of [
      `/hls/${other.id}/index.m3u8`,
      `/hls/${other.id}/${publicationId}/live.m3u8`,
      '/hls/none/index.m3u8',
      `/hls/${streamId}/none/live.m3u8`,
      `/hls/${streamId}/../index.m3u8`,
      '/hls/x',
    ]) {
      const answer = await raw(path);
      expect([path, answer.status, codeOf(answer)]).toEqual([path, 404, 'notFound']);
    }
    const posted = await raw(file('live.m3u8'), { method: 'POST' });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    await server.request(`/api/v1/streams/${streamId}`, { method: 'PATCH', json: { hls: 'off' } });
    expect((await raw(`/hls/${streamId}/index.m3u8`)).status).toBe(404);
    expect(origin.asked).toEqual([]);
    expect((await refused()) - refusedBefore).toBe(7);
  });

  it('a Publication that has ended is still asked for at its node, its Stream is not', async () => {
    origin.handler = (_request, response) => response.end('#EXT-X-ENDLIST');
    publisher.close();
    await until(async () => (await server.stream(streamId)).state === 'idle', 'it has ended');
    expect((await raw(file('live.m3u8'))).body.toString()).toBe('#EXT-X-ENDLIST');
    expect((await raw(`/hls/${streamId}/index.m3u8`)).status).toBe(404);
  });

  it('is 503 with Retry-After while the origin is away, or has another secret', async () => {
    const beatFrom = (hlsUrl: string) => {
      sfu.hlsUrl = hlsUrl;
      return server.request('/internal/nodes/heartbeat', { method: 'POST', json: sfu.heartbeat, token: nodeSecret });
    };
    const gone = await FakeOrigin.create(nodeSecret);
    await beatFrom(gone.url);
    await gone.close();
    const away = await raw(file('live.m3u8'));
    expect([away.status, codeOf(away), away.headers['retry-after']]).toEqual([503, 'unavailable', '1']);
    const stranger = await FakeOrigin.create('another-secret-of-nodes');
    await beatFrom(stranger.url);
    const wrong = await raw(file('live.m3u8'));
    expect([wrong.status, wrong.headers['retry-after'], stranger.refusedTokens]).toEqual([503, '5', 1]);
    await beatFrom(origin.url);
    await stranger.close();
  });

  it('survives an origin that closes idle sockets', async () => {
    origin.handler = (_request, response) => response.end('fresh');
    for (let i = 0; i < 20; i++) {
      expect((await raw(file('live.m3u8'))).body.toString()).toBe('fresh');
      origin.cut();
    }
  });

  it('is open to pages of this machine only', async () => {
    origin.handler = (_request, response) => response.end('ok');
    const { host } = new URL(server.url);
    expect((await raw(file('live.m3u8'), { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await raw(file('live.m3u8'), { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    const preflight = await raw(file('live.m3u8'), { method: 'OPTIONS', headers: { origin: 'http://evil.example' } });
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    const own = await raw(file('live.m3u8'), { headers: { host, origin: server.url } });
    expect([own.status, own.headers['cross-origin-resource-policy']]).toEqual([200, 'same-origin']);
  });
});

describe('off loopback', () => {
  beforeAll(() => open({ host: '0.0.0.0', adminToken }));
  afterAll(close);
  beforeEach(async () => {
    await begin(adminToken);
    origin.handler = (_request, response) => {
      response.writeHead(200, { 'cache-control': 'public, max-age=31536000, immutable' }).end('media');
    };
  });
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  it('takes the admin token, and no other', async () => {
    for (const options of [{}, bearer('wrong'), bearer(nodeSecret), { headers: { cookie: 'framelock_hls=x' } }]) {
      const answer = await raw(file('seg-1.m4s'), options);
      expect([answer.status, codeOf(answer), answer.headers['www-authenticate']]).toEqual([
        401,
        'unauthorized',
        'Bearer',
      ]);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
    }
    expect((await raw(file('seg-1.m4s?token=wrong'))).status).toBe(401);
    expect((await raw('/hls/none/index.m3u8')).status).toBe(401);
    expect(origin.asked).toEqual([]);
    const answer = await raw(file('seg-1.m4s'), bearer(adminToken));
    expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined]);
    expect(answer.headers['cache-control']).toBe('private, max-age=31536000, immutable');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    // What is kept is kept from who may not see it.
    expect((await raw(file('seg-1.m4s'))).status).toBe(401);
  });

  it('takes it once in the query, and then the cookie of that Stream', async () => {
    const first = await raw(`/hls/${streamId}/index.m3u8?token=${adminToken}`);
    expect([first.status, first.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(origin.asked).toEqual([`GET /hls/${streamId}/index.m3u8`]);
    const [cookie] = first.headers['set-cookie']!;
    expect(cookie).toMatch(
      new RegExp(`^framelock_hls=[\\w.-]+; Path=/hls/${streamId}; Max-Age=86400; HttpOnly; SameSite=Lax$`),
    );
    expect(cookie).not.toContain(adminToken);
    const sent = { headers: { cookie: `other=1; ${cookie!.split(';', 1)[0]}` } };
    const next = await raw(file('seg-1.m4s'), sent);
    expect([next.status, next.headers['set-cookie']]).toEqual([200, undefined]);
    const other = await server.createStream('other', adminToken);
    expect((await raw(`/hls/${other.id}/index.m3u8`, sent)).status).toBe(401);
    expect((await server.request('/api/v1/streams', { headers: sent.headers })).status).toBe(401);
    const behindTls = await raw(`/hls/${streamId}/index.m3u8?token=${adminToken}`, {
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(behindTls.headers['set-cookie']![0]).toMatch(/; Secure$/);
  });

  it('answers preflights of any page', async () => {
    const { status, headers } = await raw(file('live.m3u8'), {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example' },
    });
    expect(status).toBe(204);
    expect(headers['access-control-allow-headers']).toContain('Authorization');
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });
});
