import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { type ProducerView, Refusal } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());
beforeEach(async () => {
  const name = Math.random().toString(36).slice(2);
  sfu = await createFakeSfu(nodeSecret, `sfu-${name}`);
  inference = await createFakeInference(nodeSecret, `inference-${name}`);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
  streamId = (await server.createStream()).id;
});
afterEach(async () => {
  await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' });
  server.stopBeats();
  await Promise.all([sfu.close(), inference.close()]);
  await until(() => server.connectedNodes().length === 0, 'no node is connected');
});

const set = (json: unknown, id = streamId) =>
  server.request(`/api/v1/streams/${id}/source`, { method: 'POST', json: json as object });
const remove = (id = streamId) => server.request(`/api/v1/streams/${id}/source`, { method: 'DELETE' });
const message = ({ body }: { body: unknown }) => (body as { error: { message: string } }).error.message;
const view = async () => (await server.stream(streamId)).source;

const video: ProducerView = { id: 'video-1', kind: 'video', mimeType: 'video/H264', paused: false };
const audio: ProducerView = { id: 'audio-1', kind: 'audio', mimeType: 'audio/opus', paused: false };
const attempts = () => sfu.callsOf('openSource') as { publicationId: string; streamKey: string }[];
const attempt = () => attempts().at(-1)!.publicationId;
function start(publicationId = attempt()) {
  sfu.emit('sourceProgress', { publicationId, streamId, progress: { state: 'running' } });
  sfu.emit('sourceStarted', { publicationId, streamId, producers: [video, audio] });
}
const end = (reason: 'finished' | 'failed', words = 'it ended', publicationId = attempt()) =>
  sfu.emit('sourceEnded', { publicationId, streamId, reason, message: words });

describe('a Source', () => {
  it('makes its Stream live, analysed as for a browser, until it is removed', async () => {
    const watcher = await server.client();
    await watcher.request('join', { streamId, role: 'watch' });
    const answer = await set({ type: 'test' });
    expect([answer.status, answer.body]).toEqual([201, { type: 'test', state: 'connecting', restarts: 0 }]);
    expect(attempts()).toMatchObject([{ streamId, spec: { type: 'test' }, allowPrivateAddresses: true }]);
    expect((await server.stream(streamId)).state).toBe('idle');

    start();
    const { publication } = await watcher.event('publicationStarted');
    expect(publication).toMatchObject({ id: attempt(), publishedBy: 'test', producers: [video, audio] });
    await watcher.event('analysis', ({ analysis }) => analysis.state === 'running');
    expect(await server.stream(streamId)).toMatchObject({ state: 'live', source: { type: 'test', state: 'running' } });

    expect((await remove()).status).toBe(204);
    expect(sfu.callsOf('closeSource')).toEqual([{ publicationId: attempt() }]);
    await watcher.event('publicationEnded', ({ publicationId }) => publicationId === attempt());
    expect(await server.stream(streamId)).toMatchObject({ state: 'idle', source: null });
    expect((await remove()).status).toBe(404);
  });

  it('that fails is tried again with another Publication, and says why', async () => {
    await set({ type: 'rtsp', url: 'rtsp://me:secret@127.0.0.1:8554/cam' });
    start();
    await until(async () => (await server.stream(streamId)).state === 'live', 'live');
    const first = attempt();
    end('failed', 'the camera hung up');
    await until(async () => (await view())?.state === 'retrying', 'retrying');
    expect(await view()).toMatchObject({
      lastError: 'the camera hung up',
      restarts: 1,
      url: 'rtsp://127.0.0.1:8554/cam',
    });
    expect((await server.stream(streamId)).state).toBe('idle');
    await until(() => attempts().length === 2, 'a second attempt');
    expect(attempt()).not.toBe(first);
    start(first); // of a world that is past
    end('failed', 'late', first);
    start();
    await until(async () => (await server.stream(streamId)).publication?.id === attempt(), 'live again');
    expect(sfu.callsOf('closeSource')).toEqual([]);
  });

  it('goes on when its sfu node was lost', async () => {
    await set({ type: 'test' });
    start();
    await until(async () => (await server.stream(streamId)).state === 'live', 'live');
    sfu.cut();
    await until(() => attempts().length === 2, 'a second attempt');
    expect(sfu.callsOf('closeSource')).toEqual([{ publicationId: attempts()[0]!.publicationId }]);
  });

  it('is replaced by another, which answers 200; one that is refused leaves the first', async () => {
    await set({ type: 'test' });
    expect((await set({ type: 'rtmp' })).status).toBe(200);
    expect(sfu.callsOf('closeSource')).toHaveLength(1);
    expect(await view()).toMatchObject({ type: 'rtmp' });
    const { streamKey } = await server.stream(streamId);
    expect(attempts().at(-1)).toMatchObject({ streamKey });
    sfu.handlers = {
      ...sfu.handlers,
      openSource: ({ spec }) => {
        if (spec.type === 'srt') throw new Refusal('unsupported', 'this FFmpeg has no SRT');
        return { state: 'waiting', listenUrl: 'rtmp://127.0.0.1:1935/live' };
      },
    };
    const refused = await set({ type: 'srt', url: 'srt://127.0.0.1:9000' });
    expect([refused.status, message(refused)]).toEqual([422, 'this FFmpeg has no SRT']);
    await until(async () => (await view())?.state === 'waiting', 'the first waits again');
    expect(await view()).toMatchObject({ type: 'rtmp', listenUrl: 'rtmp://127.0.0.1:1935/live' });
  });

  it('ends with its Stream', async () => {
    await set({ type: 'test' });
    await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' });
    await until(() => sfu.callsOf('closeSource').length === 1, 'closed on the sfu');
    expect((await set({ type: 'test' })).status).toBe(404);
    expect((await remove()).status).toBe(404);
  });

  it('set and removed by many at once is one in the end, and every other one is closed', async () => {
    const answers = await Promise.all([set({ type: 'test' }), set({ type: 'rtmp' }), remove(), set({ type: 'test' })]);
    for (const { status } of answers) expect([200, 201, 204, 404]).toContain(status);
    const left = (await view()) === null ? 0 : 1;
    await until(() => sfu.callsOf('closeSource').length === attempts().length - left, 'all but the last are closed');
  });
});

describe('one Stream, one publisher', () => {
  it('refuses a Source while a browser publishes, and a browser while a Source does', async () => {
    const publisher = await server.client();
    await publisher.publish(streamId);
    const refused = await set({ type: 'test' });
    expect([refused.status, message(refused)]).toEqual([
      409,
      'this Stream is being published by a browser just now: stop that publisher first',
    ]);
    publisher.close();
    await until(async () => (await server.stream(streamId)).state === 'idle', 'idle');
    expect((await set({ type: 'test' })).status).toBe(201);
    start();
    await until(async () => (await server.stream(streamId)).state === 'live', 'live');
    const late = await server.client();
    await expect(late.request('join', { streamId, role: 'publish' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('an armed Source lets a browser publish, refuses its own publisher meanwhile, and says so', async () => {
    await set({ type: 'rtmp' });
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    start();
    await until(() => sfu.callsOf('closeSource').length === 1, 'its publisher was sent away');
    await until(async () => (await view())?.lastError !== undefined, 'it says why');
    expect((await view())?.lastError).toContain('somebody else publishes this Stream');
    expect((await server.stream(streamId)).publication?.id).toBe(publicationId);
    await until(() => attempts().length === 2, 'it waits again');
    publisher.close();
    await until(async () => (await server.stream(streamId)).state === 'idle', 'idle');
    start();
    await until(async () => (await server.stream(streamId)).publication?.publishedBy === 'rtmp', 'its turn');
  });
});

describe('POST source', () => {
  it.each([
    [{ type: 'rtsp', url: 'http://camera.example/' }, 400, 'rtsp, rtsps'],
    [{ type: 'rtsp', url: 'file:///etc/passwd' }, 400, 'looks like rtsp://'],
    [{ type: 'rtsp', url: 'rtsp://a/\nx' }, 400, 'control characters'],
    [{ type: 'rtsp' }, 400, 'url'],
    [{ type: 'rtsp', url: `rtsp://a/${'x'.repeat(1_000)}` }, 400, 'url'],
    [{ type: 'srt', url: 'srt://a' }, 400, 'names no port'],
    [{ type: 'file', url: '../../etc/passwd' }, 400, 'without folders'],
    [{ type: 'file', url: 'none.mp4' }, 422, 'no file none.mp4'],
    [{ type: 'hls', url: 'https://a/b.m3u8' }, 400, 'type'],
    [{}, 400, 'type'],
  ])('%j is %i in words', async (json, status, words) => {
    const answer = await set(json);
    expect(answer.status).toBe(status);
    expect(message(answer)).toContain(words);
    expect(attempts()).toEqual([]);
    expect(await view()).toBeNull();
  });

  it('is 404, 415 and 413 like every route', async () => {
    expect((await set({ type: 'test' }, 'none')).status).toBe(404);
    const text = await server.request(`/api/v1/streams/${streamId}/source`, {
      method: 'POST',
      body: '{"type":"test"}',
    });
    expect(text.status).toBe(415);
    expect((await set({ type: 'test', padding: 'x'.repeat(70_000) })).status).toBe(413);
  });

  it('is 503 while no sfu node answers, and nothing stays', async () => {
    server.stopBeats();
    await sfu.close();
    await until(() => !server.connectedNodes().some((id) => id.startsWith('sfu')), 'the sfu is gone');
    const answer = await set({ type: 'test' });
    expect([answer.status, message(answer)]).toEqual([503, 'no sfu node answers: try again shortly']);
    expect(await view()).toBeNull();
  });
});

it('runs again after a restart of the server, unless it was removed or has finished', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'framelock-sources-'));
  mkdirSync(join(dataDir, 'files'));
  writeFileSync(join(dataDir, 'files/once.mp4'), 'x');
  const sourceFilesDir = join(dataDir, 'files');
  const first = await TestServer.create({ dataDir, sourceFilesDir });
  const node = await createFakeSfu(nodeSecret, 'sfu-restart');
  await first.attach(node);
  const ids: string[] = [];
  for (const json of [{ type: 'test' }, { type: 'rtmp' }, { type: 'file', url: 'once.mp4', loop: false }]) {
    const { id } = await first.createStream();
    ids.push(id);
    expect((await first.request(`/api/v1/streams/${id}/source`, { method: 'POST', json })).status).toBe(201);
  }
  expect((await first.request(`/api/v1/streams/${ids[1]}/source`, { method: 'DELETE' })).status).toBe(204);
  const [, , file] = node.callsOf('openSource') as { publicationId: string }[];
  node.emit('sourceEnded', { publicationId: file!.publicationId, streamId: ids[2]!, reason: 'finished', message: '' });
  await until(async () => (await first.stream(ids[2]!)).source?.state === 'finished', 'finished');
  await first.close();
  expect(node.callsOf('closeSource')).toHaveLength(2);

  const second = await TestServer.create({ dataDir, sourceFilesDir });
  expect((await second.stream(ids[0]!)).source).toMatchObject({ type: 'test', restarts: 0 });
  await second.attach(node);
  await until(() => node.callsOf('openSource').length === 4, 'it runs again');
  expect(node.callsOf('openSource').at(-1)).toMatchObject({ streamId: ids[0], spec: { type: 'test' } });
  const sources = await Promise.all(ids.map(async (id) => (await second.stream(id)).source?.type));
  expect(sources).toEqual(['test', undefined, undefined]);
  await second.close();
  await node.close();
  rmSync(dataDir, { recursive: true });
});
