import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { obsOffer } from '../../test/sdpOffers.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { speakSdp } from '../../test/whip.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { type DoctorReport, doctorReportSchema } from '../protocol/index.ts';
import { DoctorSessions } from './DoctorSessions.ts';

/** Answers binding requests by UDP and TCP on one port, as a TURN server does. */
async function stunServer() {
  const answerTo = (request: Buffer) => {
    const answer = Buffer.from(request);
    answer.writeUInt16BE(0x0101, 0);
    return answer;
  };
  const tcp = createServer((socket) => socket.on('data', (request) => socket.end(answerTo(request))));
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (request, from) => udp.send(answerTo(request), from.port, from.address));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return { port, close: () => (udp.close(), tcp.close()) };
}

let stun: Awaited<ReturnType<typeof stunServer>>;
let server: TestServer;
/** Bound to every address, with no node and a TURN server that is not there. */
let lonely: TestServer;
const token = 'the-admin-token';
let sfu: FakeSfu;
let inference: FakeInference;

beforeAll(async () => {
  stun = await stunServer();
  server = await TestServer.create({
    turn: {
      urls: [`turn:127.0.0.1:${stun.port}`, `turn:127.0.0.1:${stun.port}?transport=tcp`],
      secret: 'north',
    },
  });
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
// A hook of its own: a database is made in each.
beforeAll(async () => {
  const turn = { urls: ['turn:127.0.0.1:1?transport=tcp'], secret: 'north' };
  lonely = await TestServer.create({ host: '0.0.0.0', adminToken: token, turn });
});
afterAll(async () => {
  await Promise.all([server.close(), lonely.close()]);
  await Promise.all([sfu.close(), inference.close()]);
  stun.close();
});

const examine = async (query = ''): Promise<DoctorReport> =>
  doctorReportSchema.parse((await server.request(`/api/v1/doctor${query}`)).body);
const find = (report: DoctorReport, id: string) => report.findings.find((finding) => finding.id === id);

it('tells of the server, and asks TURN servers itself', async () => {
  const report = await examine();
  expect(find(report, 'sfu')).toMatchObject({ level: 'ok' });
  expect(find(report, 'turn')).toMatchObject({ level: 'ok' });
  expect(find(report, 'reach')).toMatchObject({ level: 'info' });
  expect(find(report, 'secure')).toMatchObject({ level: 'ok' });
  expect(find(report, 'inference')).toMatchObject({ level: 'ok' });
  expect(find(report, 'ffmpeg')).toMatchObject({ level: 'warning' });
  expect(find(report, 'publishing')).toBeUndefined();
  expect(JSON.stringify(report)).not.toContain('north');
});

it('tells how a live Stream arrives', async () => {
  const { id } = await server.createStream();
  expect(find(await examine(`?streamId=${id}`), 'publishing')).toMatchObject({ level: 'info' });
  const publisher = await server.client();
  const { publicationId, producerId } = await publisher.publish(id);
  await publisher.request('reportPublisher', {
    ...{ captureToSendMs: 5, rttMs: 20, bitrateBps: 2_000_000, fps: 30, width: 1280, height: 720 },
    ...{ codec: 'VP8', limitedBy: 'cpu' as const },
  });
  const stats = { producerId, bitrateBps: 2_500_000, lossFraction: 0.08, jitterMs: 5 };
  sfu.emit('ingestStats', { publicationId, streamId: id, ingest: { producers: [stats] } });
  await publisher.event('ingestStats');
  const report = await examine(`?streamId=${id}`);
  expect(find(report, 'publishing')?.detail).toContain('a browser');
  expect(find(report, 'bitrate')?.detail).toContain('1280×720');
  expect(find(report, 'loss')).toMatchObject({ level: 'problem' });
  expect(find(report, 'limited')).toMatchObject({ level: 'warning' });
  expect((await server.request('/api/v1/doctor?streamId=none')).status).toBe(404);
  expect((await server.request('/api/v1/doctor?streamId=a%2Fb')).status).toBe(400);
});

it('says what is missing where nothing answers, off loopback to who has a token or the key of the Stream', async () => {
  const report = doctorReportSchema.parse((await lonely.request('/api/v1/doctor', { token })).body);
  expect(find(report, 'sfu')).toMatchObject({ level: 'problem' });
  expect(find(report, 'inference')).toMatchObject({ level: 'problem' });
  expect(find(report, 'turn')?.detail).toContain('nothing listens there');
  for (const { level, advice } of report.findings) {
    if (level === 'warning' || level === 'problem') expect(advice).toBeTruthy();
  }
  const { id, streamKey } = await lonely.createStream('mine', token);
  const status = async (query: string, bearer?: string) =>
    (await lonely.request(`/api/v1/doctor${query}`, bearer === undefined ? {} : { token: bearer })).status;
  expect(await status('')).toBe(401);
  expect(await status('', streamKey)).toBe(401);
  expect(await status('?streamId=none', streamKey)).toBe(401);
  expect(await status(`?streamId=${id}`, streamKey)).toBe(200);
  const session = async (bearer?: string) =>
    (
      await lonely.request('/api/v1/doctor/session', {
        ...{ method: 'POST', headers: { 'content-type': 'application/sdp' }, body: obsOffer() },
        ...(bearer === undefined ? {} : { token: bearer }),
      })
    ).status;
  // 503: it may, and there is no sfu.
  expect([await session(), await session('wrong'), await session(streamKey)]).toEqual([401, 401, 503]);
  // Nobody tries keys by the hundred.
  const guesses = await Promise.all(Array.from({ length: 62 }, (_, index) => session(`guess-${index}`)));
  expect([...new Set(guesses)].sort()).toEqual([401, 429]);
});

it('opens test connections for no Stream, tells the TURN servers, and leaves nothing on the sfu', async () => {
  speakSdp(sfu);
  const post = (body: string, type = 'application/sdp') =>
    server.request('/api/v1/doctor/session', { method: 'POST', headers: { 'content-type': type }, body });
  const opened = await post(obsOffer({ audio: false }));
  expect(opened.status).toBe(201);
  expect(opened.text).toContain('a=recvonly');
  expect(opened.text).toContain('a=candidate:');
  expect(opened.headers.get('link')).toContain(`turn:127.0.0.1:${stun.port}`);
  const [{ peerId, streamId }] = sfu.callsOf('createTransport').slice(-1) as [{ peerId: string; streamId: string }];
  expect(streamId).toMatch(/^doctor-/);
  const closed = () => sfu.callsOf('closePeer').some((call) => call.peerId === peerId);
  const location = opened.headers.get('location')!;
  expect((await server.request(location, { method: 'DELETE' })).status).toBe(204);
  expect((await server.request(location, { method: 'DELETE' })).status).toBe(204);
  await until(closed, 'its transport is closed');
  expect((await post('nonsense')).status).toBe(400);
  expect((await post(obsOffer(), 'text/plain')).status).toBe(415);
  expect((await post('x'.repeat(70_000))).status).toBe(413);
  const many = await Promise.all(Array.from({ length: 10 }, () => post(obsOffer({ audio: false }))));
  expect(many.filter(({ status }) => status === 201)).toHaveLength(8);
  expect(many.filter(({ status }) => status === 429)).toHaveLength(2);
  for (const { headers } of many) {
    const url = headers.get('location');
    if (url) await server.request(url, { method: 'DELETE' });
  }
});

it('ends a test connection by itself', async () => {
  const logger = pino({ level: 'silent' });
  const asked: string[] = [];
  const node = {
    fullness: 0,
    request: (method: string, params: never) => Promise.resolve(sfu.handlers[method as 'createTransport'](params)),
    requestIfOpen: (method: string) => Promise.resolve(void asked.push(method)),
  } as unknown as SfuNode;
  const sessions = new DoctorSessions({ sfuNodes: () => [node], logger, lifetimeMs: 50 });
  await sessions.open(obsOffer({ audio: false }), new AbortController().signal);
  expect(sessions.size).toBe(1);
  await until(() => sessions.size === 0, 'it ended');
  expect(asked).toEqual(['closePeer']);
  await expect(sessions.open(obsOffer(), AbortSignal.abort())).rejects.toMatchObject({ code: 'gone' });
  expect(asked).toEqual(['closePeer', 'closePeer']);
});
