import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { hostileOffers } from '../../test/hostileOffers.ts';
import { obsOffer } from '../../test/sdpOffers.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';
import { postOffer, speakSdp } from '../../test/whip.ts';
import type { CreatedStream } from '../protocol/index.ts';

/** The machine is shared, and load only adds: a try within the limit shows that the work itself is. */
const tries = 8;
const withinMs = 100;

let server: TestServer;
let sfu: FakeSfu;
let stream: CreatedStream;

beforeAll(async () => {
  [server, sfu] = await Promise.all([TestServer.create({ whipPostsPerMinute: 100_000 }), createFakeSfu(nodeSecret)]);
  speakSdp(sfu);
  await server.attach(sfu);
  stream = await server.createStream();
});

afterAll(async () => {
  await server.close();
  await sfu.close();
});

it('is a table of at least 50', () => {
  expect(new Set(hostileOffers.map(([name]) => name)).size).toBeGreaterThanOrEqual(50);
});

it.each(hostileOffers)('refuses %s', async (_, offer) => {
  let bestMs = Infinity;
  for (let i = 0; i < tries && bestMs >= withinMs; i++) {
    const startedAt = performance.now();
    const { status, body } = await postOffer(server, stream, offer);
    bestMs = Math.min(bestMs, performance.now() - startedAt);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(body).toMatchObject({ error: { code: expect.any(String), message: expect.stringMatching(/.{12}/) } });
  }
  expect(bestMs).toBeLessThan(withinMs);
  expect(sfu.callsOf('produce')).toEqual([]);
});

it.each(['of known length', 'in chunks'])('a body %s that is too long leaves its connection usable', async (how) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = (body: Buffer) =>
    new Promise<[status: number | undefined, reused: boolean]>((resolve, reject) => {
      const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${stream.streamKey}` };
      const length = how === 'in chunks' ? {} : { 'content-length': body.length };
      const options = { agent, method: 'POST', headers: { ...headers, ...length } };
      const sent = request(`${server.url}/whip/${stream.id}`, options, (answer) => {
        answer.resume().on('end', () => resolve([answer.statusCode, sent.reusedSocket]));
      });
      sent.on('error', reject);
      // Without an earlier write, end() would tell the length of its own.
      sent.write(body.subarray(0, 100));
      sent.end(body.subarray(100));
    });
  try {
    expect(await post(Buffer.alloc(1_000_000, 'v'))).toEqual([413, false]);
    expect(await post(Buffer.from('v=0'))).toEqual([400, true]);
  } finally {
    agent.destroy();
  }
});

it('works afterwards, and has kept nothing of them', async () => {
  expect(await server.metric('framelock_whip_sessions')).toBe(0);
  expect(await server.metric('framelock_streams_open')).toBe(0);
  expect((await postOffer(server, stream, obsOffer())).status).toBe(201);
  expect((await server.stream(stream.id)).state).toBe('live');
});
