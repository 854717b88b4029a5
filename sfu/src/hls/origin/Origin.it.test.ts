import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { SegmentStore } from '../store/SegmentStore.ts';
import { testInit } from '../store/testing/testMedia.ts';
import { Origin, type OriginOptions } from './Origin.ts';
import { FakePublications } from './testing/FakePublications.ts';

const token = 'the-origin-token-of-this-test';
let dir: string;
let store: SegmentStore;
let fake: FakePublications;
let origin: Origin;
const sockets: Socket[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 600 });

interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin.url);
    const request = httpRequest(
      { hostname, port, path, method, agent, headers: { authorization: `Bearer ${token}`, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** A socket of its own, for what no HTTP client would send or leave unread. */
async function openSocket(): Promise<Socket> {
  const { hostname, port } = new URL(origin.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function openOrigin(options: Partial<OriginOptions> = {}): Promise<void> {
  await origin?.close('replaced');
  origin = await Origin.create({
    publications: fake,
    token,
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'silent' }),
    ...options,
  });
}

const putParts = (count: number, bytes?: number): void => {
  for (let i = 0; i < count; i++) fake.nextPart(bytes);
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'framelock-origin-'));
  store = await SegmentStore.create({
    dir,
    streamId: 'stream',
    publicationId: 'pub',
    recording: false,
    memoryBytes: 20_000,
    onProblem: (problem) => {
      throw problem;
    },
  });
  fake = new FakePublications(store);
  await openOrigin();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  agent.destroy();
  await origin.close('test');
  await store.close({ keep: false });
  await rm(dir, { recursive: true, force: true });
});

describe('playlists', () => {
  it('is 503 with Retry-After until there is a full Segment, and 404 where nothing is live', async () => {
    putParts(5);
    for (const path of ['/hls/stream/index.m3u8', '/hls/cold/index.m3u8', '/hls/stream/pub/live.m3u8']) {
      const { status, headers, body } = await ask(path);
      expect([status, headers['retry-after'], headers['cache-control']]).toEqual([503, '1', 'no-store']);
      expect(JSON.parse(String(body))).toMatchObject({ error: { code: 'unavailable' } });
    }
    putParts(1);
    const { status, headers, body } = await ask('/hls/stream/index.m3u8');
    expect([status, headers['content-type']]).toEqual([200, 'application/vnd.apple.mpegurl']);
    expect(String(body)).toContain('\npub/live.m3u8\n');
    expect(String((await ask('/hls/stream/plain.m3u8')).body)).toContain('\npub/plain.m3u8\n');
    expect(String((await ask('/hls/stream/pub/index.m3u8')).body)).toContain('\nlive.m3u8\n');
    const absent = await ask('/hls/nobody/index.m3u8');
    expect([absent.status, absent.headers['cache-control']]).toEqual([404, 'no-store']);
    expect(JSON.parse(String(absent.body))).toMatchObject({ error: { code: 'notFound' } });
  });

  it('holds a blocking reload until its Part is there, and answers all who wait with one text', async () => {
    putParts(6);
    const waiting = Array.from({ length: 300 }, () => ask('/hls/stream/pub/live.m3u8?_HLS_msn=1&_HLS_part=1'));
    await until('all are held', () => origin.held === 300);
    expect(origin.players('pub')).toBe(300);
    putParts(1);
    expect(origin.held).toBe(300);
    putParts(1);
    const answers = await Promise.all(waiting);
    expect(new Set(answers.map(({ body }) => String(body))).size).toBe(1);
    expect(String(answers[0]!.body)).toContain('#parts=8');
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers[0]!.headers['cache-control']).toBe('public, max-age=24');
    expect(origin.held).toBe(0);
    expect(origin.players('pub')).toBe(300);
    expect(origin.counts).toMatchObject({ heldTotal: 300, requests: { live: { 200: 300 } } });
  });

  it('answers a reload of what is there at once, and refuses what makes no sense', async () => {
    putParts(7);
    const there = await ask('/hls/stream/pub/live.m3u8?token=x&_HLS_msn=0&_HLS_part=3');
    expect(there.status).toBe(200);
    const now = await ask('/hls/stream/pub/live.m3u8');
    expect(now.headers['cache-control']).toBe('public, max-age=1');
    expect(String((await ask('/hls/stream/pub/live.m3u8?_HLS_skip=YES')).body)).toContain('#skipped');
    for (const query of ['_HLS_msn=99', '_HLS_part=1', '_HLS_msn=-1', '_HLS_msn=', '_HLS_msn=1e3', '_HLS_skip=no']) {
      expect((await ask(`/hls/stream/pub/live.m3u8?${query}`)).status, query).toBe(400);
    }
  });

  it('lets go of a client that went away, and refuses more than it may hold', async () => {
    await openOrigin({ maxHeld: 2 });
    putParts(6);
    const gone = await openSocket();
    const head = `GET /hls/stream/pub/live.m3u8?_HLS_msn=1&_HLS_part=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    gone.write(head);
    const held = ask('/hls/stream/pub/live.m3u8?_HLS_msn=1&_HLS_part=0');
    await until('both are held', () => origin.held === 2);
    const refused = await ask('/hls/stream/pub/part-1-0.m4s');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(origin.counts.refused.held).toBe(1);
    gone.destroy();
    await until('it is let go', () => origin.held === 1);
    putParts(1);
    expect((await held).status).toBe(200);
  });

  it('holds nothing for ever', async () => {
    await openOrigin({ holdLimitMs: 50 });
    putParts(6);
    const { status, headers } = await ask('/hls/stream/pub/live.m3u8?_HLS_msn=1');
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(origin.held).toBe(0);
  });

  it('compresses each version once, for those who take it', async () => {
    putParts(6);
    const path = '/hls/stream/pub/live.m3u8';
    const plain = await ask(path);
    const packed = await ask(path, { 'accept-encoding': 'br, gzip' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.headers.vary).toBe('Accept-Encoding');
    expect(gunzipSync(packed.body)).toEqual(plain.body);
    expect(packed.headers.etag).not.toBe(plain.headers.etag);
    expect((await ask(path, { 'accept-encoding': 'gzip;q=0, br' })).headers['content-encoding']).toBeUndefined();
    const known = await ask(path, { 'if-none-match': `W/"x", ${plain.headers.etag}` });
    expect([known.status, known.body.length]).toEqual([304, 0]);
    putParts(1);
    expect((await ask(path, { 'if-none-match': plain.headers.etag! })).status).toBe(200);
  });
});

describe('files', () => {
  it('serves media from memory and, when that is full, from the disk, for ever cacheable', async () => {
    store.putInit(testInit());
    putParts(36, 2_000);
    await store.written();
    putParts(1);
    expect(store.held('seg-0.m4s')).toBeUndefined();
    expect(store.held('seg-5.m4s')).toBeDefined();
    for (const [path, bytes] of [
      ['init-0.mp4', 700],
      ['seg-0.m4s', 12_000],
      ['seg-5.m4s', 12_000],
      ['part-5-5.m4s', 2_000],
    ] as const) {
      const { status, headers, body } = await ask(`/hls/stream/pub/${path}`);
      expect([status, body.length], path).toEqual([200, bytes]);
      expect(headers).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
        'accept-ranges': 'bytes',
        etag: `"${path}"`,
      });
      const head = await ask(`/hls/stream/pub/${path}`, {}, 'HEAD');
      expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, String(bytes), 0]);
      expect((await ask(`/hls/stream/pub/${path}`, { 'if-none-match': `"${path}"` })).status).toBe(304);
    }
  });

  it('holds the hinted Part until it is there, and is 404 for another one', async () => {
    putParts(8);
    const hinted = ask('/hls/stream/pub/part-1-2.m4s');
    expect((await ask('/hls/stream/pub/part-1-3.m4s')).status).toBe(404);
    expect((await ask('/hls/stream/pub/seg-1.m4s')).status).toBe(404);
    await until('it is held', () => origin.held === 1);
    // No player: its playlist request is that.
    expect(origin.players('pub')).toBe(0);
    putParts(1);
    const { status, body } = await hinted;
    expect([status, body.length]).toEqual([200, 1_000]);
  });

  it('holds a sidecar until it is closed', async () => {
    putParts(7);
    const part = ask('/hls/stream/pub/part-1-0.det');
    const segment = ask('/hls/stream/pub/seg-0.det', { 'accept-encoding': 'gzip' });
    await until('both are held', () => origin.held === 2);
    store.putSidecar('part-1-0.det', Buffer.from('small'));
    store.putSidecar('seg-0.det', Buffer.alloc(5_000, 'box'));
    expect(String((await part).body)).toBe('small');
    const packed = await segment;
    expect(packed.headers['content-type']).toBe('application/msgpack');
    expect(gunzipSync(packed.body)).toEqual(Buffer.alloc(5_000, 'box'));
    expect(packed.body.length).toBeLessThan(200);
    expect((await ask('/hls/stream/pub/seg-9.det')).status).toBe(404);
  });

  it('answers any range of bytes as the bytes themselves would', async () => {
    putParts(36, 60_000);
    await store.written();
    putParts(1, 60_000);
    // One from memory, one read from the disk as a stream.
    const { body: inMemory } = await ask('/hls/stream/pub/part-6-0.m4s');
    const { body: onDisk } = await ask('/hls/stream/pub/seg-0.m4s');
    expect(onDisk.length).toBe(360_000);
    const bound = fc.option(fc.integer({ min: 0, max: 400_000 }), { nil: '' });
    const check = async (from: number | string, to: number | string): Promise<void> => {
      const path = ['seg-0.m4s', 'part-6-0.m4s'];
      for (const [i, whole] of [onDisk, inMemory].entries()) {
        const answer = await ask(`/hls/stream/pub/${path[i]}`, { range: `bytes=${from}-${to}` });
        const isNone = from === '' && to === '';
        const isBackwards = from !== '' && to !== '' && Number(to) < Number(from);
        const first = from === '' ? Math.max(0, whole.length - Number(to)) : Number(from);
        const last = from === '' || to === '' ? whole.length - 1 : Math.min(Number(to), whole.length - 1);
        if (isNone || isBackwards) expect([answer.status, answer.body.length]).toEqual([200, whole.length]);
        else if (first > last) {
          expect([answer.status, answer.headers['content-range']]).toEqual([416, `bytes */${whole.length}`]);
        } else {
          expect(answer.status).toBe(206);
          expect(answer.headers['content-range']).toBe(`bytes ${first}-${last}/${whole.length}`);
          expect(answer.body.equals(whole.subarray(first, last + 1))).toBe(true);
        }
      }
    };
    await fc.assert(fc.asyncProperty(bound, bound, check), { seed: 4, numRuns: 80 });
    const several = await ask('/hls/stream/pub/seg-0.m4s', { range: 'bytes=0-1,5-6' });
    expect([several.status, several.body.length]).toEqual([200, 360_000]);
    const other = await ask('/hls/stream/pub/seg-0.m4s', { range: 'bytes=0-1', 'if-range': '"other"' });
    expect(other.status).toBe(200);
    const same = await ask('/hls/stream/pub/seg-0.m4s', { range: 'bytes=0-1', 'if-range': '"seg-0.m4s"' });
    expect(same.status).toBe(206);
    // Every handle was closed.
    expect((await ask('/hls/stream/pub/seg-0.m4s', {}, 'HEAD')).headers['content-length']).toBe('360000');
    await until('nothing is read any more', () => origin.dump().diskReads === 0);
  });

  it('streams a download and stops it when its client goes', async () => {
    putParts(6);
    const head = await ask('/hls/stream/pub/download.mp4', {}, 'HEAD');
    expect([head.status, head.headers['content-type']]).toEqual([200, 'video/mp4']);
    const socket = await openSocket();
    socket.write(`GET /hls/stream/pub/download.mp4 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const [first] = (await new Promise((resolve) => socket.once('data', (data) => resolve([data])))) as [Buffer];
    expect(String(first)).toContain('attachment; filename="recording.mp4"');
    socket.destroy();
    await until('it is stopped', () => fake.stopped === 1);
  });
});

describe('the door', () => {
  it('is open to whoever has the bearer, and to preflights', async () => {
    putParts(6);
    const path = '/hls/stream/index.m3u8';
    for (const authorization of ['', 'Bearer', 'Bearer ', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`]) {
      const { status, headers } = await ask(path, { authorization });
      expect([status, headers['www-authenticate']], authorization).toEqual([401, 'Bearer']);
    }
    expect(origin.counts.unauthorized).toBe(6);
    expect((await ask(path)).status).toBe(200);
    const preflight = await ask(path, { authorization: '', origin: 'https://example.org' }, 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization');
    expect((await ask(path, {}, 'POST')).status).toBe(405);
  });

  it('finds nothing under hostile names', async () => {
    putParts(6);
    await store.written();
    const names = [
      '/',
      '/hls',
      '/hls/stream/live.m3u8',
      '/hls/stream/pub/',
      '/hls/stream/pub/segments.jsonl',
      '/hls/stream/pub/publication.json',
      '/hls/stream/pub/../pub/seg-0.m4s',
      '/hls/stream/pub/%2e%2e/seg-0.m4s',
      '/hls/stream/pub/..%2f..%2fetc',
      '/hls/stream/pub/seg-0.m4s%00',
      '/hls/stream/pub/seg-00.m4s',
      '/hls/stream/pub/seg--1.m4s',
      '/hls/stream/pub/seg-99999999999.m4s',
      '/hls/stream/pub/part-0-0.m4s/',
      '/hls//pub/seg-0.m4s',
      '/hls/../hls/stream/pub/seg-0.m4s',
      '/hls/stream/pub/.seg-0.m4s.tmp',
      `/hls/${'s'.repeat(65)}/index.m3u8`,
      '/hls/constructor/pub/toString',
      '//hls/stream/index.m3u8',
    ];
    for (const name of names) expect((await ask(name)).status, name).toBe(404);
    const socket = await openSocket();
    socket.write(`GET /hls/stream/index.m3u8 HTTP/1.1\r\nHost: x\r\nX-Much: ${'x'.repeat(10_000)}\r\n\r\n`);
    const answer = await new Promise((resolve) =>
      socket.once('data', (data) => resolve(String(data).split('\r\n')[0])),
    );
    expect(answer).toBe('HTTP/1.1 431 Request Header Fields Too Large');
  });

  it('closes a connection that takes nothing of its answer', async () => {
    await openOrigin({ slowAfterMs: 200 });
    putParts(6, 3_000_000);
    const socket = await openSocket();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause();
    socket.write(`GET /hls/stream/pub/seg-0.m4s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await until('it is closed', () => origin.counts.slowClosed === 1);
    socket.resume();
    await closed;
    // One that reads gets all of it.
    expect((await ask('/hls/stream/pub/seg-0.m4s')).body.length).toBe(18_000_000);
  });
});
