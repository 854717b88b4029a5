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

it('works afterwards, and has kept nothing of them', async () => {
  expect(await server.metric('framelock_whip_sessions')).toBe(0);
  expect(await server.metric('framelock_streams_open')).toBe(0);
  expect((await postOffer(server, stream, obsOffer())).status).toBe(201);
  expect((await server.stream(stream.id)).state).toBe('live');
});
