import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import type { SignalingClient } from '../../test/SignalingClient.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { maxLabelBytes, maxSignalingBytes, signalingContract } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create({ maxPeers: 40 });
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
  streamId = (await server.createStream()).id;
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});
beforeEach(() => until(async () => (await server.metric('framelock_signaling_peers')) < 10, 'earlier peers have gone'));

const closedBy = (cause: string) => server.metric(`framelock_signaling_peers_closed_total{cause="${cause}"}`);

describe('a peer that sends', () => {
  it('ten messages that are none is told and closed, and all are counted', async () => {
    const client = await server.client();
    const texts = [
      '',
      'x',
      '{',
      '[]',
      'null',
      '1',
      '{"id":-1,"method":"join"}',
      '{"id":"1"}',
      '{"method":"join"}',
      '"a"',
    ];
    for (const text of texts) client.socket.send(text);
    expect(await client.event('closing')).toMatchObject({ code: 'badRequest' });
    expect(await client.closed).toBe(1008);
    expect(await closedBy('malformed')).toBe(1);
    expect(await server.metric('framelock_malformed_messages_total{door="signaling",reason="notJson"}')).toBe(3);
  });

  it('binary messages is closed as well', async () => {
    const client = await server.client();
    for (let i = 0; i < 10; i++) client.socket.send(randomBytes(20));
    expect(await client.closed).toBe(1008);
  });

  it('a message over the limit is closed at once', async () => {
    const client = await server.client();
    client.socket.send('x'.repeat(maxSignalingBytes + 1));
    expect(await client.closed).toBe(1009);
    expect(await closedBy('tooLarge')).toBe(1);
  });

  it('too many messages is closed', async () => {
    const client = await server.client();
    await client.request('join', { streamId, role: 'watch' });
    for (let i = 0; i < 300; i++) client.socket.send(`{"id":${i},"method":"ping"}`);
    expect(await client.event('closing')).toMatchObject({ code: 'rateLimited' });
    expect(await client.closed).toBe(1008);
  });

  it('names of prototypes, and requests that do not exist, is refused', async () => {
    const client = await server.client();
    for (const method of ['__proto__', 'constructor', 'toString', 'nothing']) {
      await expect(client.request(method as 'ping', {})).rejects.toMatchObject({ code: 'badRequest' });
    }
    await expect(client.request('join', { streamId: '__proto__', role: 'watch' })).rejects.toMatchObject({
      code: 'notFound',
    });
    await expect(client.request('join', { streamId: '../x', role: 'watch' })).rejects.toMatchObject({
      code: 'badRequest',
    });
    expect(
      await server.metric('framelock_refused_messages_total{door="signaling",code="badRequest"}'),
    ).toBeGreaterThanOrEqual(5);
  });
});

/** Reads nothing any more, as behind a cut network; the server's own writes still succeed for a while. */
function stopReading(client: SignalingClient): void {
  client.socket.pause();
}

describe('a peer that', () => {
  it('does not read is closed before its messages fill our memory', async () => {
    const inference = await createFakeInference(nodeSecret);
    await server.attach(inference);
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    await publisher.event('analysis', ({ analysis }) => analysis.state === 'running');
    const { description } = await publisher.event('modelDescription');
    const slow = await server.client();
    await slow.request('join', { streamId, role: 'watch' });
    stopReading(slow);
    const labels = Array.from({ length: Math.floor(maxLabelBytes / 100) }, () => 'x'.repeat(100));
    // One at a time, as who reads takes them; as many as the kernel's own buffers (36 MB here) swallow and more.
    const told = publisher.events('modelDescription');
    for (let revision = 2; revision < 500; revision++) {
      const before = told.length;
      inference.emit('modelDescription', { publicationId, description: { ...description, labels, revision } });
      await until(() => told.length > before, `revision ${revision} is told`);
      if (revision % 20 > 0) continue;
      if ((await closedBy('backpressure')) > 0) break;
      // Who says nothing for long is closed, too.
      await publisher.request('ping', {});
    }
    expect(await closedBy('backpressure')).toBe(1);
    await publisher.request('ping', {});
    publisher.close();
    await inference.close();
  });

  it('answers no ping, or says nothing, or never joins is closed', async () => {
    const [cut, silent] = [await server.client(), await server.client()];
    await cut.request('join', { streamId, role: 'watch' });
    await silent.request('join', { streamId, role: 'watch' });
    const stranger = await server.client();
    stopReading(cut);
    await until(async () => (await closedBy('halfOpen')) === 1, 'the cut one is closed');
    expect(await stranger.event('closing')).toEqual({ code: 'timeout', message: 'join comes first' });
    expect(await silent.event('closing')).toMatchObject({ code: 'timeout' });
    expect(await silent.closed).toBe(1008);
    await until(async () => (await closedBy('idle')) === 1, 'the silent one is counted');
  });
});

it('a refused upgrade keeps no socket, even of a caller that never closes its half', async () => {
  const sockets: Socket[] = [];
  const openFds = () => readdirSync('/proc/self/fd').length;
  const before = openFds();
  const handshake =
    'GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  for (let i = 0; i < 20; i++) {
    const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    socket.resume();
    socket.write(handshake);
    await once(socket, 'end');
  }
  // The 20 ends of this caller stay; the server's do not.
  await until(() => openFds() < before + 30, 'the server has closed its ends');
  for (const socket of sockets) socket.destroy();
});

describe('order', () => {
  it('join comes first', async () => {
    const client = await server.client();
    const params = {
      createTransport: { direction: 'recv' },
      connectTransport: { transportId: 'x', dtlsParameters: {} },
      restartIce: { transportId: 'x' },
      produce: { transportId: 'x', kind: 'video', rtpParameters: {} },
      setProducerPaused: { producerId: 'x', paused: true },
      closeProducer: { producerId: 'x' },
      consume: { transportId: 'x', producerId: 'x', rtpCapabilities: {} },
      resumeConsumer: { consumerId: 'x' },
      closeConsumer: { consumerId: 'x' },
      setPreferredLayers: { consumerId: 'x', spatialLayer: 0 },
      requestKeyFrame: { consumerId: 'x' },
      consumeDetections: { transportId: 'x' },
      ping: {},
    } as const;
    for (const [method, value] of Object.entries(params)) {
      await expect(client.request(method as 'ping', value as never), method).rejects.toMatchObject({
        code: 'badRequest',
      });
    }
  });

  it('and once, also when two come together', async () => {
    const client = await server.client();
    const joins = await Promise.allSettled([
      client.request('join', { streamId, role: 'watch' }),
      client.request('join', { streamId, role: 'watch' }),
    ]);
    expect(joins.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(client.request('join', { streamId, role: 'watch' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('a failed join may be tried again', async () => {
    const client = await server.client();
    await expect(client.request('join', { streamId: 'none', role: 'watch' })).rejects.toMatchObject({
      code: 'notFound',
    });
    await client.request('join', { streamId, role: 'watch' });
  });
});

describe('what belongs to another', () => {
  it('transport, Producer and Consumer cannot be used, nor those of another Stream', async () => {
    const publisher = await server.client();
    const { producerId, transportId } = await publisher.publish(streamId);
    const viewer = await server.client();
    await viewer.request('join', { streamId, role: 'watch' });
    const own = (await viewer.request('createTransport', { direction: 'recv' })).transport.id as string;
    const consumer = (await viewer.request('consume', { transportId: own, producerId, rtpCapabilities: {} })).consumer
      .id as string;

    const thief = await server.client();
    const elsewhere = await server.createStream();
    await thief.request('join', { streamId: elsewhere.id, role: 'watch' });
    const thiefs = (await thief.request('createTransport', { direction: 'recv' })).transport.id as string;
    const attempts = [
      thief.request('consume', { transportId: thiefs, producerId, rtpCapabilities: {} }),
      thief.request('consume', { transportId: own, producerId, rtpCapabilities: {} }),
      thief.request('consumeDetections', { transportId: thiefs }),
      thief.request('connectTransport', { transportId: own, dtlsParameters: {} }),
      thief.request('restartIce', { transportId }),
      thief.request('resumeConsumer', { consumerId: consumer }),
      thief.request('closeConsumer', { consumerId: consumer }),
      thief.request('requestKeyFrame', { consumerId: consumer }),
      thief.request('setPreferredLayers', { consumerId: consumer, spatialLayer: 0 }),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject({ code: 'notFound' });
    const forbidden = [
      thief.request('createTransport', { direction: 'send' }),
      thief.request('produce', { transportId, kind: 'video', rtpParameters: {} }),
      thief.request('closeProducer', { producerId }),
      publisher.request('consume', { transportId, producerId, rtpCapabilities: {} }),
      publisher.request('createTransport', { direction: 'recv' }),
    ];
    for (const attempt of forbidden) await expect(attempt).rejects.toMatchObject({ code: 'forbidden' });
    publisher.close();
  });

  it('a burst of consumes does not get past the limit of Consumers', async () => {
    const publisher = await server.client();
    const { producerId } = await publisher.publish(streamId);
    const viewer = await server.client();
    await viewer.request('join', { streamId, role: 'watch' });
    const transportId = (await viewer.request('createTransport', { direction: 'recv' })).transport.id as string;
    const consume = () => viewer.request('consume', { transportId, producerId, rtpCapabilities: {} });
    const made = await Promise.allSettled(Array.from({ length: 30 }, consume));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
    await expect(consume()).rejects.toMatchObject({ code: 'rateLimited' });
    publisher.close();
    viewer.close();
  });

  it('limits hold: transports of a peer, peers of the server', async () => {
    const client = await server.client();
    await client.request('join', { streamId, role: 'watch' });
    const made = await Promise.allSettled(
      Array.from({ length: 6 }, () => client.request('createTransport', { direction: 'recv' })),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    const crowd = await Promise.allSettled(Array.from({ length: 45 }, () => server.client()));
    const refused = crowd.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(5);
    for (const one of crowd) if (one.status === 'fulfilled') one.value.close();
  });

  it('a peer that leaves leaves nothing on the sfu', async () => {
    const client = await server.client();
    const { peerId } = await client.request('join', { streamId, role: 'watch' });
    await client.request('createTransport', { direction: 'recv' });
    client.close();
    await until(() => sfu.callsOf('closePeer').some((params) => params.peerId === peerId), 'the sfu was told');
  });
});

it('whatever a joined peer sends, the server neither falls nor tells of a fault', async () => {
  const methods = Object.keys(signalingContract.requests).filter((method) => method !== 'join');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...methods), fc.jsonValue({ maxDepth: 3 })), { maxLength: 20 }),
      async (messages) => {
        const client = await server.client();
        await client.request('join', { streamId, role: 'publish' });
        for (const [method, params] of messages) {
          await client.request(method as 'ping', params as never).catch((error: { code: string }) => {
            expect(error.code).not.toBe('internal');
          });
        }
        client.close();
      },
    ),
    { seed: 20_261_120, numRuns: 25 },
  );
  expect((await server.request('/healthz')).status).toBe(200);
});
