import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { S3Mirror, type S3MirrorOptions } from './S3Mirror.ts';
import { S3Server } from './testing/S3Server.ts';

const credentials = {
  region: 'eu-west-3',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfi',
};
let server: S3Server;
const mirrors: S3Mirror[] = [];

function openMirror(options: Partial<S3MirrorOptions> = {}): S3Mirror {
  const log = pino({ level: 'silent' });
  const mirror = new S3Mirror({
    endpoint: options.endpoint ?? server.url,
    bucket: 'video',
    prefix: '/hls/',
    log,
    backoffMs: 1,
    ...credentials,
    ...options,
  });
  mirrors.push(mirror);
  return mirror;
}

beforeEach(async () => {
  server = await S3Server.create(credentials);
});
afterEach(async () => {
  await Promise.all(mirrors.splice(0).map((mirror) => mirror.close('test')));
  await server.close();
});

describe('S3Mirror', () => {
  it('puts files under their paths, as what they are, and deletes them', async () => {
    const mirror = openMirror();
    const names = ['init-0.mp4', 'seg-0.m4s', 'seg-0.det', 'thumb-0.jpg', 'model-1.json', 'plain.m3u8'];
    for (const name of names) mirror.put(`s-1/p_1/${name}`, Buffer.from(name));
    await mirror.idle();
    expect([...server.objects.keys()].sort()).toEqual(names.map((name) => `/video/hls/s-1/p_1/${name}`).sort());
    const object = (name: string) => server.objects.get(`/video/hls/s-1/p_1/${name}`)!;
    expect(String(object('seg-0.m4s').data)).toBe('seg-0.m4s');
    expect(object('seg-0.m4s')).toMatchObject({
      contentType: 'video/iso.segment',
      cacheControl: 'public, max-age=31536000, immutable',
    });
    expect(object('plain.m3u8')).toMatchObject({
      contentType: 'application/vnd.apple.mpegurl',
      cacheControl: 'public, max-age=1',
    });
    expect(object('thumb-0.jpg').contentType).toBe('image/jpeg');
    mirror.remove(['s-1/p_1/seg-0.m4s', 's-1/p_1/seg-0.det']);
    await mirror.idle();
    expect(server.objects.size).toBe(4);
    expect(mirror.counts).toMatchObject({ put: 6, deleted: 2, retried: 0, failed: 0, dropped: 0 });
  });

  it('puts a playlist after what it names, and only the newest one that waits', async () => {
    const mirror = openMirror();
    for (let msn = 0; msn < 20; msn++) {
      mirror.put(`s/p/seg-${msn}.m4s`, Buffer.alloc(1_000, msn));
      mirror.put('s/p/plain.m3u8', Buffer.from(`up to ${msn}`));
    }
    await mirror.idle();
    expect(String(server.objects.get('/video/hls/s/p/plain.m3u8')!.data)).toBe('up to 19');
    expect(server.requests.at(-1)).toBe('PUT /video/hls/s/p/plain.m3u8');
    expect(server.requests.filter((request) => request.endsWith('.m3u8')).length).toBeLessThan(5);
    expect(server.objects.size).toBe(21);
  });

  it('tries again what may go well, and counts what does not', async () => {
    const mirror = openMirror({ attempts: 3 });
    server.failures.push(503, 500);
    mirror.put('s/p/seg-1.m4s', Buffer.from('media'));
    await mirror.idle();
    expect(mirror.counts).toMatchObject({ put: 1, retried: 2, failed: 0 });
    server.failures.push(503, 503, 503);
    mirror.put('s/p/seg-2.m4s', Buffer.from('media'));
    await mirror.idle();
    expect(mirror.counts).toMatchObject({ put: 1, retried: 4, failed: 1 });
    const stranger = openMirror({ secretAccessKey: 'wrong' });
    stranger.put('s/p/seg-3.m4s', Buffer.from('media'));
    await stranger.idle();
    expect(stranger.counts).toMatchObject({ put: 0, retried: 0, failed: 1 });
    expect(server.objects.size).toBe(1);
  });

  it('keeps what waits within its limit, the newest of it', async () => {
    const { url } = server;
    await server.close();
    const mirror = openMirror({ endpoint: url, maxBytes: 10_000, concurrency: 1, backoffMs: 5_000, flushMs: 1 });
    for (let msn = 0; msn < 50; msn++) mirror.put(`s/p/seg-${msn}.m4s`, Buffer.alloc(1_000));
    await until('the first one is tried again', () => mirror.counts.retried > 0);
    expect(mirror.waiting).toEqual({ files: 10, bytes: 10_000 });
    expect(mirror.counts.dropped).toBe(39);
    server = await S3Server.create(credentials);
  });
});

const real = process.env.FRAMELOCK_TEST_S3;
if (!real) console.log('S3Mirror against another S3 server: set FRAMELOCK_TEST_S3=http://key:secret@host:port/bucket');
else {
  it('works with another S3 server', async () => {
    const { protocol, host, username, password, pathname } = new URL(real);
    const region = process.env.FRAMELOCK_TEST_S3_REGION ?? 'us-east-1';
    const bucket = pathname.slice(1);
    const endpoint = `${protocol}//${host}`;
    const options = {
      endpoint,
      bucket,
      region,
      accessKeyId: username,
      secretAccessKey: password,
      prefix: `t${Date.now()}`,
    };
    const mirror = openMirror(options);
    mirror.put('s/p/seg-1.m4s', Buffer.alloc(2_000_000, 5));
    mirror.put('s/p/plain.m3u8', Buffer.from('#EXTM3U\n'));
    await mirror.idle();
    expect(mirror.counts).toMatchObject({ put: 2, failed: 0, retried: 0 });
    mirror.remove(['s/p/seg-1.m4s', 's/p/plain.m3u8']);
    await mirror.idle();
    expect(mirror.counts).toMatchObject({ deleted: 2, failed: 0 });
    const stranger = openMirror({ ...options, secretAccessKey: 'wrong' });
    stranger.put('s/p/seg-1.m4s', Buffer.from('media'));
    await stranger.idle();
    expect(stranger.counts).toMatchObject({ put: 0, failed: 1 });
  });
}
