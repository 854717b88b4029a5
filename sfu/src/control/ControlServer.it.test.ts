import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Refusal, sfuControlContract, type MethodOf, type SfuControlContract } from '@framelock/server/protocol';
import { dtlsParameters, vp8 } from '../testing/rtpParameters.ts';
import { startSfu, testSecret, type TestSfu } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { maxControlBytes } from './ControlServer.ts';

let sfu: TestSfu;
let sendTransportId: string;
let recvTransportId: string;
let producerId: string;

const opaque = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
const httpUrl = (path: string): string => sfu.control.url.replace('ws:', 'http:') + path;
const authorization = `Bearer ${testSecret}`;

beforeAll(async () => {
  sfu = await startSfu();
  const make = async (direction: 'send' | 'recv'): Promise<string> => {
    const request = { streamId: 's1', peerId: direction, direction };
    return (await sfu.client.ask('createTransport', request)).transport.id as string;
  };
  [sendTransportId, recvTransportId] = [await make('send'), await make('recv')];
  const request = { transportId: sendTransportId, publicationId: 'pub1', kind: 'video' as const };
  producerId = (await sfu.client.ask('produce', { ...request, rtpParameters: opaque(vp8()) })).producer.id;
});
afterAll(() => sfu?.close());

/** Opens, or answers with the HTTP status of the refusal. */
async function dial(path: string, headers: Record<string, string> = { authorization }): Promise<WebSocket | number> {
  const socket = new WebSocket(sfu.control.url + path, { headers });
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => {});
  });
}

async function opened(path: string): Promise<WebSocket> {
  const socket = await dial(path);
  if (typeof socket === 'number') throw new Error(`${path} answered ${socket}`);
  return socket;
}

async function metric(name: string): Promise<number> {
  const text = await sfu.node.metrics.registry.metrics();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line ? Number(line.split(' ').at(-1)) : 0;
}

describe('the door', () => {
  test("a request target that is no URL is the caller's fault, and counted", async () => {
    const before = await metric('framelock_control_refused_total{code="notFound"}');
    const socket = connect({ port: Number(new URL(httpUrl('/')).port), host: '127.0.0.1' });
    socket.write('GET // HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 404 /);
    expect(await metric('framelock_control_refused_total{code="notFound"}')).toBe(before + 1);
    socket.destroy();
  });

  test('a refused upgrade keeps no socket, even of a caller that never closes its half', async () => {
    const openFds = (): number => readdirSync('/proc/self/fd').length;
    const before = openFds();
    const handshake =
      `GET /nope HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nUpgrade: websocket\r\n` +
      'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const callers: Socket[] = [];
    for (let i = 0; i < 20; i++) {
      const port = Number(new URL(httpUrl('/')).port);
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      callers.push(socket);
      socket.resume();
      socket.write(handshake);
      await once(socket, 'end');
    }
    // The 20 ends of this caller stay; the sfu's do not.
    await until('the sfu has closed its ends', () => openFds() < before + 30);
    for (const socket of callers) socket.destroy();
  });

  test('healthz is open; all else needs the bearer', async () => {
    const health = await fetch(httpUrl('/healthz'));
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok', workers: 1 }]);
    for (const header of [undefined, 'Bearer wrong', `Basic ${testSecret}`, `Bearer ${testSecret}x`, 'Bearer ']) {
      const headers: Record<string, string> = header ? { authorization: header } : {};
      expect((await fetch(httpUrl('/metrics'), { headers })).status).toBe(401);
      expect(await dial('/control', headers)).toBe(401);
      expect(await dial('/feed/pub1', headers)).toBe(401);
    }
    const metrics = await fetch(httpUrl('/metrics'), { headers: { authorization } });
    expect(metrics.status).toBe(200);
    expect(await metrics.text()).toMatch(/framelock_sfu_held\{what="publications"\} 1/);
    expect(await metric('framelock_control_unauthorized_total')).toBe(15);
  });

  test('unknown paths and methods are refused as JSON', async () => {
    const missing = await fetch(httpUrl('/nothing'), { headers: { authorization } });
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'notFound' } }]);
    expect((await fetch(httpUrl('/healthz'), { method: 'POST' })).status).toBe(405);
    expect(await dial('/nothing')).toBe(404);
    for (const path of ['/feed/none', '/feed/', '/feed/a/b', '/feed/..%2f', '/feed/%00']) {
      expect(await dial(path)).toBe(404);
    }
  });
});

describe('hostile control messages', () => {
  test('malformed ones are counted, and the tenth closes the connection', async () => {
    const socket = await opened('/control');
    const hostile = ['', '{', 'null', '[]', '{"id":-1,"method":"clock"}', '{"id":1}', '"x"', '{"method":"clock"}', '1'];
    for (const message of hostile) socket.send(message);
    await until(
      '9 counted',
      async () => (await metric('framelock_control_malformed_total{reason="notAMessage"}')) === 7,
    );
    expect(await metric('framelock_control_malformed_total{reason="notJson"}')).toBe(2);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.send(Buffer.from([1, 2, 3]));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1008);
  });

  test('unknown and inherited methods are refused', async () => {
    for (const method of ['nothing', '__proto__', 'constructor', 'toString']) {
      await expect(sfu.client.ask(method as 'clock', {})).rejects.toMatchObject({ code: 'badRequest' });
    }
  });

  test('a message over the limit closes the connection that sent it, and no other', async () => {
    const socket = await opened('/control');
    socket.send('x'.repeat(maxControlBytes + 1));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1009);
    expect((await sfu.client.ask('clock', {})).timeMs).toBeGreaterThan(0);
  });

  test('any parameters at all: answers or Refusals that are no faults, and the Worker lives', async () => {
    const { rtpCapabilities } = await sfu.client.ask('routerRtpCapabilities', {});
    const ids = fc.constantFrom(sendTransportId, recvTransportId, producerId, 'pub1', 's1', 'nobody');
    // Valid, broken at one place, or of no shape at all.
    const spoiled = (valid: object): fc.Arbitrary<unknown> =>
      fc.oneof(
        { weight: 3, arbitrary: fc.constant(valid) },
        fc.object({ maxDepth: 2 }),
        fc
          .tuple(fc.constantFrom(...Object.keys(valid)), fc.jsonValue())
          .map(([key, value]) => ({ ...valid, [key]: value })),
        fc.tuple(fc.nat(200), fc.constantFrom('null', '-1', '1e99', '"x"', '[]', '{}')).map(([at, replacement]) => {
          // The at-th number or string anywhere inside.
          let index = 0;
          const text = JSON.stringify(valid).replace(/(?<=:)("[^"]*"|\d+)/g, (one) =>
            index++ === at ? replacement : one,
          );
          return JSON.parse(text) as unknown;
        }),
      );
    const params = fc.record({
      transportId: fc.constantFrom(sendTransportId, recvTransportId, 'nobody'),
      producerId: fc.constantFrom(producerId, 'nobody'),
      consumerId: ids,
      publicationId: ids,
      streamId: ids,
      peerId: ids,
      kind: fc.constantFrom('audio', 'video'),
      direction: fc.constantFrom('send', 'recv'),
      paused: fc.boolean(),
      spatialLayer: fc.integer({ min: -1, max: 9 }),
      rtpParameters: spoiled(vp8(987_654)),
      rtpCapabilities: spoiled(rtpCapabilities),
      dtlsParameters: spoiled(dtlsParameters),
      remote: fc.record({
        ip: fc.constantFrom('127.0.0.1', '0.0.0.0', '::1', 'x'),
        port: fc.integer({ min: -1, max: 65536 }),
      }),
      reason: fc.string(),
    });
    const methods = Object.keys(sfuControlContract.requests) as MethodOf<SfuControlContract>[];
    // Those that would take away what the others need come last.
    const isClosing = (method: string): boolean => method.startsWith('close');
    const ordered = [methods.filter((one) => !isClosing(one)), methods] as const;
    const answered = new Set<string>();
    const pids = sfu.node.workers.map(({ pid }) => pid);
    const sweep = (these: readonly MethodOf<SfuControlContract>[]) =>
      fc.asyncProperty(fc.constantFrom(...these), params, async (method, given) => {
        try {
          await sfu.client.ask(method, given as never);
          answered.add(method);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          expect((error as Refusal).code).not.toBe('internal');
          expect((error as Refusal).code).not.toBe('timeout');
        }
      });
    // As many for each request, however many there are.
    await fc.assert(sweep(ordered[0]), { seed: 4711, numRuns: 60 * methods.length });
    await fc.assert(sweep(ordered[1]), { seed: 4712, numRuns: 300 });
    expect([...answered]).toEqual(
      expect.arrayContaining(['createTransport', 'consume', 'connectTransport', 'openTap']),
    );
    expect(sfu.node.workers.map(({ pid }) => pid)).toEqual(pids);
    for (const peerId of [sendTransportId, recvTransportId, producerId, 'pub1', 's1', 'nobody', 'send', 'recv']) {
      await sfu.client.ask('closePeer', { peerId });
    }
    expect(sfu.node.counts()).toMatchObject({
      routers: 0,
      transports: 0,
      producers: 0,
      consumers: 0,
      publications: 0,
      taps: 0,
    });
  });
});

test('a peer and a Source that were refused are nobody to end with their server, once they are closed', async () => {
  const server = await sfu.dial({ 'x-framelock-server': 'refused' });
  const owned = () => (sfu.control.dump().owners as Record<string, { peers: string[] }>).refused?.peers;
  const codec = { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000, parameters: {}, rtcpFeedback: [] };
  const codecs = [{ ...codec, preferredPayloadType: 72 }]; // can't be told from RTCP
  const transport = { streamId: 's9', peerId: 'player', direction: 'recv' as const, codecs };
  await expect(server.ask('createTransport', transport)).rejects.toThrow(/collides with RTCP/);
  const spec = { type: 'file' as const, url: 'none.mp4', loop: false };
  const attempt = { streamId: 's9', publicationId: 'attempt', spec, streamKey: 'k', allowPrivateAddresses: false };
  await expect(server.ask('openSource', attempt)).rejects.toThrow();
  await server.ask('closePeer', { peerId: 'player' });
  await server.ask('closeSource', { publicationId: 'attempt' });
  expect(owned()).toEqual([]);
});

describe('the feed', () => {
  beforeAll(async () => {
    const request = { streamId: 's2', peerId: 'feeder', direction: 'send' as const };
    const transportId = (await sfu.client.ask('createTransport', request)).transport.id as string;
    const publication = { transportId, publicationId: 'pub2', kind: 'video' as const, rtpParameters: opaque(vp8()) };
    await sfu.client.ask('produce', publication);
  });

  test('takes binary maps, refuses and counts the rest, and closes who keeps at it', async () => {
    const writer = await opened('/feed/pub2');
    writer.send(Buffer.from([0x81, 0x01, 0x02]));
    await until('the message', async () => (await metric('framelock_feed_messages_total')) === 1);
    writer.send('text');
    writer.send(Buffer.from([0x93, 1, 2, 3]));
    writer.send(Buffer.alloc(0));
    for (const reason of ['notBinary', 'notAMap', 'empty']) {
      await until(reason, async () => (await metric(`framelock_feed_refused_total{reason="${reason}"}`)) === 1);
    }
    expect(writer.readyState).toBe(WebSocket.OPEN);
    for (let index = 0; index < 7; index++) writer.send('text');
    const [code] = (await once(writer, 'close')) as [number];
    expect(code).toBe(1008);
    expect(sfu.node.counts().feedWriters).toBe(0);
  });

  test('a message over 64 KiB is refused with its connection', async () => {
    const writer = await opened('/feed/pub2');
    writer.send(Buffer.alloc(64 * 1024 + 1, 0x80));
    const [code] = (await once(writer, 'close')) as [number];
    expect(code).toBe(1009);
    expect(await metric('framelock_feed_refused_total{reason="oversized"}')).toBe(1);
  });

  test('a second writer takes over; the end of the Publication ends it', async () => {
    const first = await opened('/feed/pub2');
    const second = await opened('/feed/pub2');
    const [code] = (await once(first, 'close')) as [number];
    expect(code).toBe(1000);
    expect(sfu.node.counts().feedWriters).toBe(1);
    await sfu.client.ask('closePublication', { publicationId: 'pub2', reason: 'test over' });
    const [, reason] = (await once(second, 'close')) as [number, Buffer];
    expect(reason.toString()).toBe('test over');
    expect(await dial('/feed/pub2')).toBe(404);
  });
});
