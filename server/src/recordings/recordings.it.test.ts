import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeOrigin } from '../../test/FakeOrigin.ts';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { recordingListSchema, recordingViewSchema, Refusal, type StoredRecording } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let origin: FakeOrigin;
let streamId: string;
/** What the node has. */
const stored = new Map<string, StoredRecording>();

/** Knows what a real one does: deletes what it has, refuses what grows. */
async function createNode(nodeId = 'sfu-1'): Promise<FakeSfu> {
  const node = await createFakeSfu(nodeSecret, nodeId);
  node.hlsUrl = origin.url;
  node.handlers = {
    ...node.handlers,
    listRecordings: () => ({ recordings: [...stored.values()] }),
    deleteRecording: ({ publicationId }) => {
      if (stored.get(publicationId)?.state === 'recording') throw new Refusal('conflict', 'it grows');
      stored.delete(publicationId);
      return {};
    },
  };
  return node;
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const recording = (publicationId: string, hours: number, rest: Partial<StoredRecording> = {}): StoredRecording => ({
  ...{ publicationId, streamId, startedAt: hoursAgo(hours + 0.1), endedAt: hoursAgo(hours), durationS: 360 },
  ...{ bytes: 1_000_000, width: 1280, height: 720, hasAudio: true, segments: 180, state: 'complete' as const },
  ...rest,
});
/** The node makes it, and says so. */
function tell(one: StoredRecording): void {
  stored.set(one.publicationId, one);
  sfu.emit('recording', { recording: one });
}
const list = async (query = '') =>
  recordingListSchema.parse((await server.request(`/api/v1/recordings${query}`)).body).recordings.map(({ id }) => id);
const patch = (json: unknown) => server.request(`/api/v1/streams/${streamId}`, { method: 'PATCH', json });
const remove = async (id: string) => (await server.request(`/api/v1/recordings/${id}`, { method: 'DELETE' })).status;
const deleted = (why: string) => server.metric(`framelock_recordings_deleted_total{why="${why}"}`);

beforeAll(async () => {
  server = await TestServer.create();
  origin = await FakeOrigin.create(nodeSecret);
});
afterAll(async () => {
  await server.close();
  await origin.close();
});
beforeEach(async () => {
  stored.clear();
  sfu = await createNode();
  await server.attach(sfu);
  streamId = (await server.createStream('Front door')).id;
});
afterEach(async () => {
  stored.clear();
  for (const id of await list()) await remove(id);
  server.stopBeats();
  await sfu.close();
});

it('are shown as their node tells of them, newest first, in pages', async () => {
  for (let i = 0; i < 5; i++) tell(recording(`r${i}`, i + 1));
  await until(async () => (await list()).length === 5, 'all are stored');
  expect(await list()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
  expect(await list(`?streamId=${streamId}&limit=5`)).toHaveLength(5);
  expect(await list('?streamId=none')).toEqual([]);
  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body } = await server.request(`/api/v1/recordings?limit=2${cursor && `&cursor=${cursor}`}`);
    const page = recordingListSchema.parse(body);
    pages.push(page.recordings.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  expect(pages).toEqual([['r0', 'r1'], ['r2', 'r3'], ['r4']]);
  const { body } = await server.request('/api/v1/recordings/r1');
  expect(recordingViewSchema.parse(body)).toEqual({
    ...stored.get('r1'),
    ...{ id: 'r1', streamName: 'Front door', streamExists: true, available: true },
    hlsUrl: `/hls/${streamId}/r1/index.m3u8`,
    downloadUrl: '/api/v1/recordings/r1/download.mp4',
    thumbnailUrl: `/hls/${streamId}/r1/thumb-0.jpg`,
    watchUrl: '/recordings/r1',
  });
});

it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'cursor=MSB4IHg', 'streamId=a/b'])(
  'refuse ?%s',
  async (query) => {
    expect((await server.request(`/api/v1/recordings?${query}`)).status).toBe(400);
  },
);

it('are deleted on their node, and refused while they grow', async () => {
  tell(recording('grows', 0, { state: 'recording' }));
  tell(recording('done', 1));
  await until(async () => (await list()).length === 2, 'both are stored');
  const before = await deleted('request');
  expect(await remove('grows')).toBe(409);
  expect(await remove('done')).toBe(204);
  expect(await remove('done')).toBe(404);
  expect(await remove('none')).toBe(404);
  expect([...stored.keys()]).toEqual(['grows']);
  expect(await list()).toEqual(['grows']);
  expect((await deleted('request')) - before).toBe(1);
});

it('of a node that is away are not available, and go when it is back where they were deleted meanwhile', async () => {
  tell(recording('kept', 1));
  tell(recording('unwanted', 2));
  await until(async () => (await list()).length === 2, 'both are stored');
  server.stopBeats();
  await sfu.close();
  await until(() => server.connectedNodes().length === 0, 'the node is away');
  expect((await server.request('/api/v1/recordings/kept')).body).toMatchObject({ available: false });
  expect(await remove('unwanted')).toBe(202);
  expect(await list()).toEqual(['kept']);
  expect((await server.request('/api/v1/recordings/unwanted')).status).toBe(404);
  expect(stored.has('unwanted')).toBe(true);
  // As after a restart: the same folder, another name.
  sfu = await createNode('sfu-2');
  await server.attach(sfu);
  await until(() => !stored.has('unwanted'), 'its files are gone');
  expect(await list()).toEqual(['kept']);
  expect((await server.request('/api/v1/recordings/kept')).body).toMatchObject({ available: true });
});

it('that a node no longer has are forgotten, and those that it has and nobody knew are taken in', async () => {
  tell(recording('lost', 1));
  tell(recording('crashed', 2, { state: 'recording' }));
  await until(async () => (await list()).length === 2, 'both are stored');
  stored.delete('lost');
  stored.set('crashed', recording('crashed', 2, { state: 'recovered', bytes: 900_000 }));
  stored.set('found', recording('found', 3, { streamId: 'of-another-database' }));
  sfu.cut();
  await until(async () => (await list()).join() === 'crashed,found', 'the node is asked again');
  expect((await server.request('/api/v1/recordings/crashed')).body).toMatchObject({
    state: 'recovered',
    bytes: 900_000,
  });
  expect((await server.request('/api/v1/recordings/found')).body).toMatchObject({
    ...{ streamName: null, streamExists: false, streamId: 'of-another-database' },
  });
});

describe('retention', () => {
  it('goes by the age that the Stream says, as soon as it says so', async () => {
    tell(recording('new', 1));
    tell(recording('old', 100));
    await until(async () => (await list()).length === 2, 'both are stored');
    const before = await deleted('age');
    expect((await patch({ recordingMaxAgeHours: 24 })).body).toMatchObject({ settings: { recordingMaxAgeHours: 24 } });
    await until(async () => (await list()).join() === 'new', 'the old one is deleted');
    expect([...stored.keys()]).toEqual(['new']);
    expect((await deleted('age')) - before).toBe(1);
  });

  it('lets the oldest go when another one is complete', async () => {
    await patch({ recordingMaxBytes: 2_500_000 });
    for (const [id, hours] of Object.entries({ a: 3, b: 2 })) tell(recording(id, hours));
    tell(recording('c', 1, { state: 'recording' }));
    await until(async () => (await list()).join() === 'c,b', 'the oldest is deleted to make room');
    tell(recording('d', 0.5));
    await until(async () => (await list()).join() === 'd,c', 'the next oldest as well');
    expect(stored.has('b')).toBe(false);
    expect(await deleted('bytes')).toBeGreaterThanOrEqual(2);
  });

  it('is retried where the node did not answer, and the Recording is shown until then', async () => {
    const { deleteRecording } = sfu.handlers;
    let refused = 0;
    sfu.handlers = {
      ...sfu.handlers,
      deleteRecording: () => {
        refused++;
        throw new Refusal('unavailable', 'the disk is busy');
      },
    };
    tell(recording('old', 200));
    await until(() => refused > 0, 'it was tried');
    expect(await list()).toEqual(['old']);
    sfu.handlers = { ...sfu.handlers, deleteRecording };
    await patch({ name: 'anything' });
    await until(() => !stored.has('old'), 'it is tried again');
    await until(async () => (await list()).length === 0, 'it is gone');
  });

  it('of a deleted Stream stays as it was, and its Recordings keep their name', async () => {
    await patch({ name: 'Back door', recordingMaxAgeHours: null });
    tell(recording('ancient', 20_000));
    await until(async () => (await list()).length === 1, 'it is stored');
    expect((await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' })).status).toBe(204);
    tell(recording('later', 1, { streamId: 'another' })); // sweeps
    await until(async () => (await list()).length === 2, 'the other is stored');
    expect((await server.request('/api/v1/recordings/ancient')).body).toMatchObject({
      ...{ streamName: 'Back door', streamExists: false, streamId },
    });
  });
});

describe('download', () => {
  it('comes through from the node, under a name that every system takes', async () => {
    const { id } = await server.createStream(`Tür "1"/..%2f ☃;x`);
    tell(recording('r', 1, { streamId: id, startedAt: '2026-11-20T10:05:00.000Z' }));
    await until(async () => (await list()).length === 1, 'it is stored');
    origin.handler = (request, response) => {
      response.writeHead(request.headers.range ? 206 : 200, {
        ...{ 'content-type': 'video/mp4', 'content-length': 5, 'accept-ranges': 'bytes' },
        ...{ 'content-disposition': 'attachment; filename="of-the-origin"', 'cache-control': 'public' },
      });
      response.end('movie');
    };
    const whole = await fetch(`${server.url}/api/v1/recordings/r/download.mp4`);
    expect([whole.status, await whole.text()]).toEqual([200, 'movie']);
    expect(origin.asked.at(-1)).toBe(`GET /hls/${id}/r/download.mp4`);
    expect(whole.headers.get('content-disposition')).toBe(
      `attachment; filename="Tur _1_.._2f _;x 2026-11-20 10.05.mp4"; ` +
        `filename*=UTF-8''T%C3%BCr%20_1_.._2f%20%E2%98%83%3Bx%202026-11-20%2010.05.mp4`,
    );
    expect(whole.headers.get('cache-control')).toBe('no-store');
    const range = await fetch(`${server.url}/api/v1/recordings/r/download.mp4`, { headers: { range: 'bytes=1-5' } });
    expect([range.status, origin.requests.at(-1)?.headers.range]).toEqual([206, 'bytes=1-5']);
    const head = await fetch(`${server.url}/api/v1/recordings/r/download.mp4`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', '']);
    expect((await fetch(`${server.url}/api/v1/recordings/none/download.mp4`)).status).toBe(404);
    const posted = await server.request('/api/v1/recordings/r/download.mp4', { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const foreign = await fetch(`${server.url}/api/v1/recordings/r/download.mp4`, {
      headers: { origin: 'http://evil.example' },
    });
    expect(foreign.status).toBe(403);
  });

  it('and playback are 503 while the node is away', async () => {
    tell(recording('r', 1));
    await until(async () => (await list()).length === 1, 'it is stored');
    server.stopBeats();
    await sfu.close();
    await until(() => (server.server.dump() as { nodes: unknown[] }).nodes.length === 0, 'the node is forgotten');
    for (const path of ['/api/v1/recordings/r/download.mp4', `/hls/${streamId}/r/index.m3u8`]) {
      const { status, headers, body } = await server.request(path);
      expect([path, status, headers.get('retry-after')]).toEqual([path, 503, '2']);
      expect(body).toMatchObject({ error: { code: 'unavailable' } });
    }
    expect((await server.request(`/hls/none/r/index.m3u8`)).status).toBe(404);
  });
});

it('off loopback need the admin token, which a download takes from its link', async () => {
  const guarded = await TestServer.create({ host: '0.0.0.0', adminToken: 'the-admin-token' });
  const status = async (path: string, token?: string, method = 'GET') =>
    (await guarded.request(path, { method, ...(token ? { token } : {}) })).status;
  const download = '/api/v1/recordings/none/download.mp4';
  for (const path of ['/api/v1/recordings', '/api/v1/recordings/none', download]) {
    expect([path, await status(path), await status(path, 'wrong')]).toEqual([path, 401, 401]);
  }
  expect(await status('/api/v1/recordings/none', undefined, 'DELETE')).toBe(401);
  expect(await status('/api/v1/streams/none', undefined, 'PATCH')).toBe(401);
  expect(await status('/api/v1/recordings', 'the-admin-token')).toBe(200);
  expect([await status(`${download}?token=wrong`), await status(`${download}?token=the-admin-token`)]).toEqual([
    401, 404,
  ]);
  await guarded.close();
});
