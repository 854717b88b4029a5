import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { createdStreamSchema, errorBodySchema, readinessSchema, streamListSchema } from '../protocol/index.ts';

let server: TestServer;
let clientDist: string;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-dist-'));
  clientDist = join(folder, 'dist');
  mkdirSync(join(clientDist, 'assets'), { recursive: true });
  writeFileSync(join(clientDist, 'index.html'), '<!doctype html><title>pages</title>');
  writeFileSync(join(clientDist, 'assets/main-BcD3fGh1.js'), 'export {};');
  writeFileSync(join(folder, 'secret.txt'), 'outside');
  symlinkSync(join(folder, 'secret.txt'), join(clientDist, 'assets/link.txt'));
  server = await TestServer.create({ clientDist });
});
afterAll(async () => {
  await server.close();
  rmSync(join(clientDist, '..'), { recursive: true, force: true });
});

/** A request whose path is sent as it is: fetch would normalise `..` away. */
function rawStatus(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, headers }, (response) => {
      let body = '';
      response.on('data', (data: Buffer) => (body += data.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

const post = (path: string, json: unknown) => server.request(path, { method: 'POST', json });

describe('streams', () => {
  it('are created, listed, read and deleted', async () => {
    const created = await post('/api/v1/streams', { name: '  Front door ☃ ' });
    expect(created.status).toBe(201);
    const stream = createdStreamSchema.parse(created.body);
    expect(stream).toMatchObject({ name: 'Front door ☃', state: 'idle', viewers: 0, analysis: { state: 'off' } });
    expect(stream.watchUrl).toBe(`${server.url}/watch/${stream.id}`);
    expect(stream.hlsUrl).toBe(`${server.url}/hls/${stream.id}/index.m3u8`);
    expect(created.headers.get('location')).toBe(`/api/v1/streams/${stream.id}`);
    const list = await server.request('/api/v1/streams');
    expect(streamListSchema.parse(list.body).streams.map(({ id }) => id)).toContain(stream.id);
    expect(list.text).not.toContain(stream.streamKey);
    const read = await server.request(`/api/v1/streams/${stream.id}`);
    expect(read.body).toMatchObject({ id: stream.id, streamKey: stream.streamKey });
    expect((await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await server.request(`/api/v1/streams/${stream.id}`)).status).toBe(404);
  });

  it.each([
    [{}],
    [{ name: '' }],
    [{ name: ' ' }],
    [{ name: 'x'.repeat(101) }],
    [{ name: 'a\nb' }],
    [{ name: 1 }],
    [[]],
    [null],
    ['x'],
  ])('are not created from %j', async (body) => {
    const { status, body: answer } = await post('/api/v1/streams', body);
    expect(status).toBe(400);
    expect(errorBodySchema.parse(answer).error.code).toBe('badRequest');
  });

  it('refuse whatever JSON comes without a fault', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 3 }), async (body) => {
        const { status, body: answer } = await post('/api/v1/streams', body);
        expect([201, 400]).toContain(status);
        if (status === 400) errorBodySchema.parse(answer);
      }),
      { seed: 20_261_120, numRuns: 60 },
    );
  });
});

describe('errors', () => {
  it('are JSON with the right status and never a stack', async () => {
    const cases: [number, string, Promise<{ status: number; text: string; body: unknown; headers: Headers }>][] = [
      [404, 'notFound', server.request('/api/v1/streams/none')],
      [401, 'unauthorized', server.request('/whip/some', { method: 'POST' })],
      [404, 'notFound', server.request('/hls/some/index.m3u8')],
      [404, 'notFound', server.request('/api/v1/streams/x/source', { method: 'POST', json: { type: 'test' } })],
      [400, 'badRequest', server.request('/api/v1/streams/x/source', { method: 'POST', json: {} })],
      [405, 'methodNotAllowed', server.request('/api/v1/streams/x/detections', { method: 'POST' })],
      [400, 'badRequest', server.request('/api/v1/streams/a%20b')],
      [405, 'methodNotAllowed', server.request('/api/v1/streams', { method: 'PATCH' })],
      [405, 'methodNotAllowed', server.request('/healthz', { method: 'POST' })],
      [415, 'unsupportedMediaType', server.request('/api/v1/streams', { method: 'POST', body: '{"name":"x"}' })],
      [415, 'unsupportedMediaType', server.request('/api/v1/streams', { method: 'POST' })],
      [413, 'tooLarge', server.request('/api/v1/streams', { method: 'POST', json: { name: 'x'.repeat(70_000) } })],
      [
        400,
        'badRequest',
        server.request('/api/v1/streams', {
          method: 'POST',
          body: '{"name":',
          headers: { 'content-type': 'application/json' },
        }),
      ],
      [503, 'unavailable', server.request('/api/v1/models')],
      [503, 'unavailable', server.request('/api/v1/models', { method: 'POST', json: { modelId: 'x' } })],
    ];
    for (const [status, code, answer] of cases) {
      const { status: got, body, text, headers } = await answer;
      expect([got, errorBodySchema.parse(body).error.code]).toEqual([status, code]);
      expect(text).not.toMatch(/\bat .*\.(ts|js):\d+/);
      expect(headers.get('content-type')).toContain('application/json');
    }
    expect((await server.request('/api/v1/streams', { method: 'PATCH' })).headers.get('allow')).toContain('POST');
    expect(await server.metric('framelock_refused_messages_total{door="http",code="tooLarge"}')).toBeGreaterThan(0);
  });
});

it("a body that ends early is the caller's fault, and counted as such", async () => {
  const refused = (code: string) => server.metric(`framelock_refused_messages_total{door="http",code="${code}"}`);
  const [faults, before] = [await refused('internal'), await refused('badRequest')];
  const caller = httpRequest(`${server.url}/api/v1/streams`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 50 },
  });
  caller.on('error', () => undefined);
  caller.write('{"na');
  await new Promise((resolve) => setTimeout(resolve, 200));
  caller.destroy();
  await until(async () => (await refused('badRequest')) > before, 'it is counted');
  expect(await refused('internal')).toBe(faults);
});

describe('health', () => {
  let sfu: FakeSfu;
  let inference: FakeInference;
  beforeAll(async () => {
    sfu = await createFakeSfu(nodeSecret);
    inference = await createFakeInference(nodeSecret);
  });
  afterAll(async () => {
    server.stopBeats();
    await Promise.all([sfu.close(), inference.close()]);
  });

  it('is ready when database, sfu and inference answer, and names what is missing before', async () => {
    expect((await server.request('/healthz')).body).toEqual({ status: 'ok' });
    const before = await server.request('/readyz');
    expect(before.status).toBe(503);
    expect(readinessSchema.parse(before.body)).toMatchObject({ db: true, missing: ['sfu', 'inference'] });
    await server.attach(sfu);
    expect((await server.request('/readyz')).body).toMatchObject({ missing: ['inference'] });
    await server.attach(inference);
    const after = await server.request('/readyz');
    expect(after.status).toBe(200);
    expect(after.body).toEqual({ ready: true, db: true, sfu: true, inference: true, missing: [] });
    expect(await server.metric('framelock_nodes{kind="sfu"}')).toBe(1);
  });

  it('shows the models of the inference node, and adds one', async () => {
    expect((await server.request('/api/v1/models')).body).toMatchObject({
      models: [{ id: 'marker', isDefault: true }, {}, {}],
      executionProvider: 'cpu',
    });
    expect((await post('/api/v1/models', { modelId: 'other' })).status).toBe(201);
    expect((await post('/api/v1/models', { modelId: 'none' })).status).toBe(404);
    expect((await post('/api/v1/models', { modelId: '../../etc' })).status).toBe(400);
  });

  it('takes heartbeats only with the secret, and only valid ones', async () => {
    const beat = (json: unknown, token?: string) =>
      server.request('/internal/nodes/heartbeat', { method: 'POST', json, ...(token ? { token } : {}) });
    expect((await beat(sfu.heartbeat)).status).toBe(401);
    expect((await beat(sfu.heartbeat, 'wrong')).status).toBe(401);
    expect((await beat({}, 'wrong')).status).toBe(401);
    expect((await beat({ ...sfu.heartbeat, controlUrl: 'file:///etc/passwd' }, nodeSecret)).status).toBe(400);
    expect((await beat({ ...sfu.heartbeat, nodeId: '../x' }, nodeSecret)).status).toBe(400);
    const heard = await beat(sfu.heartbeat, nodeSecret);
    expect(Math.abs(Number(heard.body.serverTimeMs) - Date.now())).toBeLessThan(10_000);
  });
});

describe('documents', () => {
  it('describe every route of the API', async () => {
    const { body } = await server.request('/api/openapi.json');
    const document = body as unknown as { openapi: string; paths: Record<string, object> };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/api/docs',
      '/api/openapi.json',
      '/api/v1/access',
      '/api/v1/appearances',
      '/api/v1/appearances.csv',
      '/api/v1/appearances.json',
      '/api/v1/appearances/{id}/first.jpg',
      '/api/v1/appearances/{id}/last.jpg',
      '/api/v1/audit',
      '/api/v1/brands',
      '/api/v1/brands/export',
      '/api/v1/brands/gallery',
      '/api/v1/brands/import',
      '/api/v1/brands/{id}',
      '/api/v1/brands/{id}/images',
      '/api/v1/brands/{id}/images/{imageId}',
      '/api/v1/deliveries',
      '/api/v1/deliveries/{id}',
      '/api/v1/deliveries/{id}/retry',
      '/api/v1/doctor',
      '/api/v1/doctor/session',
      '/api/v1/doctor/session/{sessionId}',
      '/api/v1/events',
      '/api/v1/events.csv',
      '/api/v1/events/stream',
      '/api/v1/exposure',
      '/api/v1/exposure.csv',
      '/api/v1/exposure.json',
      '/api/v1/files',
      '/api/v1/files/{name}',
      '/api/v1/history/activity',
      '/api/v1/history/labels',
      '/api/v1/login',
      '/api/v1/logout',
      '/api/v1/models',
      '/api/v1/password',
      '/api/v1/recordings',
      '/api/v1/recordings/{id}',
      '/api/v1/recordings/{id}/download.mp4',
      '/api/v1/rules',
      '/api/v1/rules/{id}',
      '/api/v1/sessions',
      '/api/v1/sessions/{id}',
      '/api/v1/streams',
      '/api/v1/streams/{id}',
      '/api/v1/streams/{id}/detections',
      '/api/v1/streams/{id}/heatmap',
      '/api/v1/streams/{id}/key',
      '/api/v1/streams/{id}/model',
      '/api/v1/streams/{id}/poster',
      '/api/v1/streams/{id}/properties',
      '/api/v1/streams/{id}/publication',
      '/api/v1/streams/{id}/shares',
      '/api/v1/streams/{id}/shares/{shareId}',
      '/api/v1/streams/{id}/source',
      '/api/v1/streams/{id}/zones',
      '/api/v1/streams/{id}/zones/live',
      '/api/v1/system',
      '/api/v1/targets',
      '/api/v1/targets/{id}',
      '/api/v1/targets/{id}/test',
      '/api/v1/tokens',
      '/api/v1/tokens/{id}',
      '/api/v1/tracks',
      '/api/v1/tracks.csv',
      '/api/v1/tracks/{runId}/{trackId}/thumbnail.jpg',
      '/api/v1/users',
      '/api/v1/users/{id}',
      '/healthz',
      '/hls/{streamId}/index.m3u8',
      '/hls/{streamId}/{publicationId}/{name}',
      '/metrics',
      '/readyz',
      '/whep/{streamId}',
      '/whep/{streamId}/{sessionId}',
      '/whip/{streamId}',
      '/whip/{streamId}/{sessionId}',
    ]);
    expect(Object.keys(document.paths['/api/v1/streams/{id}']!).sort()).toEqual(['delete', 'get', 'patch']);
  });

  it('need nothing from another host', async () => {
    const { status, text } = await server.request('/api/docs');
    expect(status).toBe(200);
    expect(text).toContain('/api/v1/streams/{id}/model');
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });
});

describe('pages', () => {
  const router = readFileSync(new URL('../../../client/src/router.ts', import.meta.url), 'utf8');
  const known = [...router.matchAll(/path: '([^'*]+)'/g)].map(([, path]) => path!.replaceAll(':id', 'abc'));

  it.each([...known, '/watch/abc?mode=lock', '/history?stream=abc'])('%s is the SPA', async (path) => {
    const { status, text, headers } = await server.request(path);
    expect([status, text]).toEqual([200, '<!doctype html><title>pages</title>']);
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('content-security-policy')).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('tell a browser in a page, and a program in JSON, that nothing is there', async () => {
    const browser = await server.request('/nowhere', { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([browser.status, browser.text]).toEqual([404, '<!doctype html><title>pages</title>']);
    const program = await server.request('/nowhere');
    expect([program.status, JSON.parse(program.text)]).toMatchObject([404, { error: { code: 'notFound' } }]);
    const api = await server.request('/api/nowhere', { headers: { accept: 'text/html' } });
    expect(JSON.parse(api.text)).toMatchObject({ error: { code: 'notFound' } });
  });

  it('have hashed assets that are cached for good', async () => {
    const { status, headers } = await server.request('/assets/main-BcD3fGh1.js');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toContain('immutable');
    expect(headers.get('content-type')).toContain('javascript');
    const head = await server.request('/assets/main-BcD3fGh1.js', { method: 'HEAD' });
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '10']);
  });

  it.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/assets/link.txt',
    '/%00',
    '/assets/%zz',
    '/assets',
    '//etc/passwd',
    '/none.js',
  ])('%s is not found', async (path) => {
    const { status, body } = await rawStatus(path);
    expect(status).toBe(404);
    expect(body).not.toContain('outside');
  });
});

describe('posters', () => {
  const jpeg = (bytes = 1_000) => {
    const picture = new Uint8Array(bytes).fill(1);
    picture.set([0xff, 0xd8, 0xff, 0xe0]);
    picture.set([0xff, 0xd9], bytes - 2);
    return picture;
  };
  const upload = (id: string, body: Uint8Array<ArrayBuffer> | string, type = 'image/jpeg') =>
    server.request(`/api/v1/streams/${id}/poster`, { method: 'POST', body, headers: { 'content-type': type } });

  it('are taken of live Streams, shown, and gone afterwards', async () => {
    const sfu = await createFakeSfu(nodeSecret, 'sfu-for-posters');
    await server.attach(sfu);
    const { id } = await server.createStream();
    expect((await upload(id, jpeg())).status).toBe(409);
    expect((await upload('none', jpeg())).status).toBe(404);
    const publisher = await server.client();
    await publisher.publish(id);
    const watcher = await server.client();
    await watcher.request('join', { streamId: id, role: 'watch' });

    expect((await upload(id, jpeg(), 'image/png')).status).toBe(415);
    expect((await upload(id, new Uint8Array(1_000))).status).toBe(400);
    expect((await upload(id, jpeg().subarray(0, 900))).status).toBe(400);
    expect((await upload(id, '')).status).toBe(400);
    expect((await upload(id, jpeg(200 * 1024 + 1))).status).toBe(413);
    expect((await server.stream(id)).posterUrl).toBeNull();

    expect((await upload(id, jpeg(200 * 1024))).status).toBe(204);
    const { posterUrl } = await server.stream(id);
    const shown = await fetch(posterUrl!);
    expect(shown.headers.get('content-type')).toBe('image/jpeg');
    expect(new Uint8Array(await shown.arrayBuffer())).toEqual(jpeg(200 * 1024));
    const again = await fetch(posterUrl!, { headers: { 'if-none-match': shown.headers.get('etag')! } });
    expect(again.status).toBe(304);
    expect((await upload(id, jpeg(2_000))).status).toBe(204);
    expect((await server.stream(id)).posterUrl).not.toBe(posterUrl);

    publisher.close();
    await watcher.event('publicationEnded');
    expect((await server.stream(id)).posterUrl).toBeNull();
    expect((await fetch(posterUrl!)).status).toBe(404);
    expect(await server.metric('framelock_poster_bytes')).toBe(0);
    server.stopBeats();
    await sfu.close();
  });
});

describe('open access', () => {
  const port = () => new URL(server.url).port;

  it.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '[::2]'])(
    'refuses the Host %j',
    async (host) => {
      const { status } = await rawStatus('/api/v1/streams', { host });
      expect([400, 403]).toContain(status);
    },
  );

  it('takes every loopback name', async () => {
    for (const host of ['localhost', `LOCALHOST:${port()}`, '127.0.0.1', '127.1.2.3:99', '[::1]:8080']) {
      expect((await rawStatus('/api/v1/streams', { host })).status).toBe(200);
    }
  });

  it('refuses another Origin and takes its own', async () => {
    const host = `127.0.0.1:${port()}`;
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:1`, `http://localhost:${port()}`, 'x']) {
      expect((await rawStatus('/api/v1/streams', { host, origin })).status).toBe(403);
    }
    expect((await rawStatus('/api/v1/streams', { host, origin: `http://${host}` })).status).toBe(200);
  });

  it('checks signalling as well', async () => {
    await expect(server.client({ origin: 'http://evil.example' })).rejects.toThrow('403');
    await expect(server.client({ host: 'evil.example' })).rejects.toThrow('403');
    (await server.client({ origin: server.url })).close();
    expect(await server.metric('framelock_refused_messages_total{door="upgrade",code="forbidden"}')).toBe(2);
  });
});
