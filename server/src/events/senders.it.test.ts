import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { EventTargetRow } from '@framelock/db';
import { Aedes } from 'aedes';
import { afterEach, describe, expect, it } from 'vitest';
import { WebhookReceiver } from '../../test/WebhookReceiver.ts';
import { type CertificatePair, makeSelfSigned } from '../access/selfSigned.ts';
import type { ResolvedAddress } from './checkedAddress.ts';
import { testBody } from './eventViews.ts';
import { MqttSender } from './MqttSender.ts';
import { WebhookSender } from './WebhookSender.ts';

const row = (kind: EventTargetRow['kind'], settings: object, secret: string | null): EventTargetRow => ({
  ...{ id: 't1', name: 'Target', kind, enabled: true, settings, secret, problem: null, createdAt: new Date() },
  ...{ leasedBy: null, leasedUntil: null },
});
const messageOf = (id: string) => ({
  id,
  body: new TextEncoder().encode(JSON.stringify(testBody(id, { id: 't1', name: 'Target' }))),
});
/** A name server whose answers change, as that of a rebinding attack does. */
const resolver = (...answers: string[]) => {
  let asked = 0;
  const resolve = async (): Promise<ResolvedAddress[]> => [
    { address: answers[Math.min(asked++, answers.length - 1)]!, family: 4 },
  ];
  return Object.assign(resolve, { asked: () => asked });
};

describe('WebhookSender', () => {
  it('connects to the address that was checked, under the name of the URL', async () => {
    const receiver = await WebhookReceiver.create();
    const resolve = resolver('127.0.0.1', '203.0.113.9');
    const sender = new WebhookSender({ allowPrivate: true, resolve });
    const target = row('webhook', { url: `http://hook.example:${receiver.port}/x` }, 'whsec_AAAA');
    expect(await sender.send(target, messageOf('m1'))).toEqual({ ok: true, status: 204 });
    expect(resolve.asked()).toBe(1);
    expect(receiver.received[0]!.headers.host).toBe(`hook.example:${receiver.port}`);
    await receiver.close();
  });

  it('reaches nothing private by a name, however it resolves', async () => {
    const receiver = await WebhookReceiver.create();
    const target = row('webhook', { url: `http://hook.example:${receiver.port}/x` }, 'whsec_AAAA');
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254']) {
      const sender = new WebhookSender({ allowPrivate: false, resolve: resolver(address) });
      const outcome = await sender.send(target, messageOf('m1'));
      expect(outcome).toMatchObject({
        ok: false,
        status: null,
        error: expect.stringContaining('TARGET_ALLOW_PRIVATE'),
      });
    }
    expect(receiver.received).toEqual([]);
    await receiver.close();
  });

  it('gives up on who does not answer, and when it is closed', async () => {
    const receiver = await WebhookReceiver.create();
    receiver.answer = () => undefined;
    const target = row('webhook', { url: receiver.url }, 'whsec_AAAA');
    const impatient = new WebhookSender({ allowPrivate: true, timeoutMs: 100 });
    expect(await impatient.send(target, messageOf('m1'))).toMatchObject({ ok: false, error: 'no answer within 0.1 s' });
    const sender = new WebhookSender({ allowPrivate: true });
    const sent = sender.send(target, messageOf('m2'));
    await sender.close();
    expect((await sent).ok).toBe(false);
    await receiver.close();
  });
});

describe('MqttSender', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function broker(options: { tls?: CertificatePair; port?: number; password?: string } = {}) {
    const aedes = await Aedes.createBroker();
    const got: { topic: string; qos: number; retain: boolean; id: string }[] = [];
    aedes.on('publish', ({ topic, qos, retain, payload }, client) => {
      if (client) got.push({ topic, qos, retain, id: (JSON.parse(payload.toString()) as { id: string }).id });
    });
    if (options.password !== undefined) {
      aedes.authenticate = (_client, username, password, done) =>
        done(null, username === 'ada' && password?.toString() === options.password);
    }
    const sockets = new Set<Socket>();
    const accept = (socket: Socket): void => {
      sockets.add(socket);
      aedes.handle(socket);
    };
    const server: Server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
    const close = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    };
    closing.push(close);
    return { got, port: (server.address() as AddressInfo).port, close, sockets };
  }
  function senderOf(options: Partial<ConstructorParameters<typeof MqttSender>[0]> = {}): MqttSender {
    const sender = new MqttSender({ allowPrivate: true, timeoutMs: 2_000, ...options });
    closing.push(() => sender.close());
    return sender;
  }
  const settings = (url: string, rest: object = {}) => ({
    url,
    topicPrefix: 'house/video',
    username: null,
    caPem: null,
    ...rest,
  });

  it('publishes at QoS 1 to prefix/stream/kind, over one connection', async () => {
    const { got, port, sockets } = await broker();
    const sender = senderOf();
    const target = row('mqtt', settings(`mqtt://127.0.0.1:${port}`), null);
    for (const id of ['m1', 'm2', 'm3'])
      expect(await sender.send(target, messageOf(id))).toEqual({ ok: true, status: null });
    expect(got).toEqual(
      ['m1', 'm2', 'm3'].map((id) => ({ topic: 'house/video/test/test', qos: 1, retain: false, id })),
    );
    expect([sockets.size, sender.connections]).toEqual([1, 1]);
  });

  it('says that a broker is away, and comes again when it is back', async () => {
    const first = await broker();
    const sender = senderOf();
    const target = row('mqtt', settings(`mqtt://127.0.0.1:${first.port}`), null);
    expect((await sender.send(target, messageOf('m1'))).ok).toBe(true);
    await first.close();
    const failed = await sender.send(target, messageOf('m2'));
    expect(failed.ok).toBe(false);
    expect(await sender.send(target, messageOf('m2'))).toMatchObject({
      ok: false,
      error: expect.stringContaining('ECONNREFUSED'),
    });
    const second = await broker({ port: first.port });
    expect((await sender.send(target, messageOf('m2'))).ok).toBe(true);
    expect(second.got.map(({ id }) => id)).toEqual(['m2']);
  });

  it('signs in by name and password, and says that they are wrong', async () => {
    const { got, port } = await broker({ password: 'right' });
    const sender = senderOf();
    const target = (secret: string | null) =>
      row('mqtt', settings(`mqtt://127.0.0.1:${port}`, { username: 'ada' }), secret);
    expect(await sender.send(target('wrong'), messageOf('m1'))).toMatchObject({
      ...{ ok: false, error: expect.stringMatching(/not authorized|bad user name/i) },
    });
    expect((await sender.send(target('right'), messageOf('m2'))).ok).toBe(true);
    expect(got.map(({ id }) => id)).toEqual(['m2']);
  });

  it('speaks TLS to who proves the name, and to nobody else', async () => {
    const tls = await makeSelfSigned(['broker.example']);
    const { got, port } = await broker({ tls });
    const sender = senderOf({ resolve: resolver('127.0.0.1') });
    const target = (host: string, caPem: string | null) =>
      row('mqtt', settings(`mqtts://${host}:${port}`, { caPem }), null);
    expect(await sender.send(target('broker.example', null), messageOf('m1'))).toMatchObject({
      ...{ ok: false, error: expect.stringMatching(/self.signed/i) },
    });
    expect((await sender.send(target('another.example', tls.cert), messageOf('m2'))).ok).toBe(false);
    expect((await sender.send(target('broker.example', tls.cert), messageOf('m3'))).ok).toBe(true);
    expect(got.map(({ id }) => id)).toEqual(['m3']);
  });

  it('gives up on who accepts and says nothing, and reaches nothing private', async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => silent.close(resolve)));
    const { port } = silent.address() as AddressInfo;
    const target = row('mqtt', settings(`mqtt://broker.example:${port}`), null);
    const resolve = resolver('127.0.0.1');
    const patient = senderOf({ timeoutMs: 200, resolve });
    expect((await patient.send(target, messageOf('m1'))).ok).toBe(false);
    const outside = senderOf({ allowPrivate: false, resolve });
    expect(await outside.send(target, messageOf('m1'))).toMatchObject({
      error: expect.stringContaining('TARGET_ALLOW_PRIVATE'),
    });
  });

  it('closes a connection that is idle', async () => {
    const { port } = await broker();
    const sender = senderOf({ idleMs: 50 });
    await sender.send(row('mqtt', settings(`mqtt://127.0.0.1:${port}`), null), messageOf('m1'));
    expect(sender.connections).toBe(1);
    await expect.poll(() => sender.connections).toBe(0);
  });
});
