import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { WebhookReceiver } from '../../test/WebhookReceiver.ts';
import { testBatch, testTrack, testZoneEvent } from '../history/testBatches.ts';
import {
  type CreateRule,
  deliveryListSchema,
  type EventDelivery,
  type EventTarget,
  ruleListSchema,
  ruleSchema,
  targetAnswerSchema,
  targetListSchema,
  targetTestSchema,
} from '../protocol/index.ts';

describe('rules and webhooks', () => {
  let server: TestServer;
  let sfu: FakeSfu;
  let inference: FakeInference;
  let receiver: WebhookReceiver;
  let streamId: string;
  let target: EventTarget;

  beforeAll(async () => {
    server = await TestServer.create({ eventRetryFirstMs: 1 });
    sfu = await createFakeSfu(nodeSecret);
    inference = await createFakeInference(nodeSecret);
    await server.attach(sfu);
    await server.attach(inference);
  });
  afterAll(async () => {
    server.stopBeats();
    await Promise.all([sfu.close(), inference.close()]);
    await server.close();
  });
  beforeEach(async () => {
    receiver = await WebhookReceiver.create();
    streamId = (await server.createStream('Front door')).id;
    target = await addTarget({
      kind: 'webhook',
      name: 'Hook',
      url: receiver.url,
      headers: { 'X-Room': 'secret room' },
    });
  });
  afterEach(async () => {
    await receiver.close();
    for (const { id } of await rules()) await call('DELETE', `rules/${id}`);
    for (const { id } of await targets()) await call('DELETE', `targets/${id}`);
  });

  const call = (method: string, path: string, json?: unknown) =>
    server.request(`/api/v1/${path}`, { method, ...(json === undefined ? {} : { json }) });
  const rules = async () => ruleListSchema.parse((await call('GET', 'rules')).body).rules;
  const targets = async () => targetListSchema.parse((await call('GET', 'targets')).body).targets;
  const deliveries = async (query = ''): Promise<EventDelivery[]> =>
    deliveryListSchema.parse((await call('GET', `deliveries?targetId=${target.id}${query}`)).body).deliveries;
  async function addTarget(json: unknown): Promise<EventTarget> {
    const { status, body } = await call('POST', 'targets', json);
    expect(status).toBe(201);
    const answer = targetAnswerSchema.parse(body);
    receiver.secret = answer.secret ?? '';
    return answer.target;
  }
  async function addRule(rule: Partial<CreateRule> & Pick<CreateRule, 'condition'>) {
    const json = { name: 'Rule', streamId, targetIds: [target.id], ...rule };
    const { status, body } = await call('POST', 'rules', json);
    expect([status, body]).toEqual([201, expect.anything()]);
    return ruleSchema.parse(body);
  }
  async function goLive(): Promise<{ publicationId: string; stop(): void }> {
    const publisher = await server.client();
    const { publicationId } = await publisher.publish(streamId);
    return { publicationId, stop: () => publisher.close() };
  }
  const received = (count: number) => until(() => receiver.received.length >= count, `${count} webhooks have come`);
  const dead = async () => {
    await until(async () => (await deliveries('&state=dead')).length > 0, 'a delivery is dead');
    return (await deliveries('&state=dead'))[0]!;
  };

  it('arrive signed, when a Stream goes up and down', async () => {
    const up = await addRule({ condition: { kind: 'streamUp' } });
    const down = await addRule({ condition: { kind: 'streamDown' } });
    const { publicationId, stop } = await goLive();
    await received(1);
    stop();
    await received(2);
    const [first, second] = receiver.received;
    expect([first!.isSigned, second!.isSigned]).toEqual([true, true]);
    expect(first!.headers).toMatchObject({ 'content-type': 'application/json', 'x-room': 'secret room' });
    expect(first!.headers['webhook-id']).toBe(first!.body.id);
    expect(first!.body).toMatchObject({
      ...{ version: 1, type: 'ruleFired', rule: { id: up.id, name: 'Rule' } },
      event: { kind: 'ruleFired', streamId, streamName: 'Front door', publicationId },
      cause: { kind: 'streamUp', streamId, publicationId },
    });
    expect(second!.body).toMatchObject({
      ...{ rule: { id: down.id }, cause: { kind: 'streamDown', data: { reason: 'publisherLeft' } } },
    });
    await until(async () => (await deliveries('&state=delivered')).length === 2, 'both are delivered');
    expect(await rules()).toMatchObject([
      { id: up.id, fired: 1, suppressed: 0, firedAt: expect.any(String) },
      { fired: 1 },
    ]);
    expect(await targets()).toMatchObject([
      { waiting: 0, dead: 0, headerNames: ['X-Room'], lastDeliveredAt: expect.any(String) },
    ]);
    expect((await call('GET', 'targets')).text).not.toMatch(/secret room|whsec_/);
  });

  it('come of what an analysis tells: zones, dwelling, labels; once, though it is told twice', async () => {
    const zone = await addRule({ name: 'Zone', condition: { kind: 'zone', on: ['entered'], zoneId: 'door' } });
    await addRule({ name: 'Dwell', condition: { kind: 'dwell', seconds: 0.5 }, streamId: null });
    await addRule({ name: 'Label', condition: { kind: 'labelSeen', labels: ['car'] } });
    await addRule({ name: 'Never', condition: { kind: 'zone', on: ['entered'] }, streamId: 'another' });
    await addRule({ name: 'Off', condition: { kind: 'zone', on: ['entered'] }, enabled: false });
    const { publicationId } = await goLive();
    const fromMs = Date.now() - 2_000;
    const run = `run-${publicationId}`;
    const batch = testBatch(run, 0, {
      ...{ streamId, publicationId, fromMs, toMs: fromMs + 990 },
      events: [testZoneEvent({ atMs: fromMs }), testZoneEvent({ atMs: fromMs, trackId: 2, label: 'dog' })],
      tracks: [testTrack(1, 30, { fromMs, toMs: fromMs + 900 })],
    });
    inference.emit('history', batch);
    inference.emit('history', batch);
    await received(4);
    const told = receiver.received.map(({ body }) => `${body.rule!.name} ${body.event.trackId} ${body.cause?.kind}`);
    expect(told.sort()).toEqual(['Dwell 1 entered', 'Label 1 undefined', 'Zone 1 entered', 'Zone 2 entered']);
    expect((await rules()).find(({ id }) => id === zone.id)).toMatchObject({ fired: 2 });
    expect(new Set(receiver.received.map(({ body }) => body.id)).size).toBe(4);
  });

  it('come when a brand is seen, once for each Appearance', async () => {
    await addRule({ condition: { kind: 'brandSeen' }, cooldownSeconds: 3_600 });
    const { publicationId } = await goLive();
    const fromMs = Date.now() - 5_000;
    const appearance = (id: string) => ({
      ...{ id, brandId: 'acme', name: 'Acme', fromMs, toMs: fromMs + 1_000, seconds: 1, shareSeconds: 0.1 },
      ...{ scoreSeconds: 0.9, largestShare: 0.1, frames: 30, heatmap: new Array<number>(144).fill(0), ended: false },
    });
    const coverage = { runId: `run-${publicationId}`, fromMs, toMs: fromMs + 1_000, seconds: 1, frames: 30 };
    const tell = (sequence: number, ...ids: string[]) =>
      inference.emit('exposure', { publicationId, streamId, sequence, coverage, appearances: ids.map(appearance) });
    tell(0, `one-${publicationId}`);
    tell(1, `one-${publicationId}`, `two-${publicationId}`);
    await received(1);
    expect(receiver.received[0]!.body.cause).toMatchObject({
      kind: 'brandSeen',
      label: 'Acme',
      data: { brandId: 'acme' },
    });
    await until(async () => (await rules())[0]!.suppressed === 1, 'the cooldown is counted');
    expect(receiver.received).toHaveLength(1);
    expect(await rules()).toMatchObject([{ fired: 1, suppressed: 1 }]);
  });

  it('are tried again until the receiver takes them, and then no more', async () => {
    receiver.answer = (response, count) =>
      count < 4 ? response.writeHead(503).end('not\nnow') : response.writeHead(200).end('{}');
    await addRule({ condition: { kind: 'streamUp' } });
    await goLive();
    await received(4);
    await until(async () => (await deliveries('&state=delivered')).length === 1, 'it is delivered');
    expect(await deliveries()).toMatchObject([
      { state: 'delivered', attempts: 4, lastError: null, nextAttemptAt: null },
    ]);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true);
    expect(receiver.received).toHaveLength(4);
  });

  it('are dead after eight attempts; by hand they are sent again', async () => {
    receiver.answer = (response) => response.writeHead(500).end();
    await addRule({ condition: { kind: 'streamUp' } });
    await goLive();
    const { id, ...rest } = await dead();
    expect(rest).toMatchObject({
      attempts: 8,
      lastError: 'it answered 500',
      nextAttemptAt: null,
      endedAt: expect.any(String),
    });
    expect(receiver.received).toHaveLength(8);
    expect((await targets())[0]).toMatchObject({ dead: 1, waiting: 0, enabled: true });
    receiver.answer = (response) => response.writeHead(204).end();
    expect((await call('POST', `deliveries/${id}/retry`)).body).toMatchObject({ id, state: 'waiting', attempts: 0 });
    await received(9);
    await until(async () => (await deliveries('&state=delivered')).length === 1, 'it is delivered');
    expect(receiver.received[8]!.body.id).toBe(id);
  });

  it('switch their target off where the receiver says 410, and go out again when it is switched on', async () => {
    receiver.answer = (response) => response.writeHead(410).end('no more');
    await addRule({ condition: { kind: 'streamUp' } });
    await goLive();
    expect(await dead()).toMatchObject({ attempts: 1, lastError: '410 Gone: no more' });
    await until(async () => !(await targets())[0]!.enabled, 'the target is off');
    expect((await targets())[0]).toMatchObject({ dead: 1, problem: expect.stringContaining('410') });
    receiver.answer = (response) => response.writeHead(204).end();
    const { body } = await call('PATCH', `targets/${target.id}`, { enabled: true });
    expect(targetAnswerSchema.parse(body)).toMatchObject({ target: { enabled: true, problem: null }, secret: null });
    const { id } = await dead();
    expect((await call('POST', `deliveries/${id}/retry`)).status).toBe(200);
    await received(2);
    await until(async () => (await deliveries('&state=delivered')).length === 1, 'it is delivered');
    expect((await call('POST', `deliveries/${id}/retry`)).status).toBe(409);
    expect((await call('DELETE', `deliveries/${id}`)).status).toBe(204);
    expect((await call('DELETE', `deliveries/${id}`)).status).toBe(404);
    expect((await call('POST', `deliveries/${id}/retry`)).status).toBe(404);
  });

  it('do not follow redirects, and wait as long as they are asked to', async () => {
    let stolen = 0;
    const elsewhere = await WebhookReceiver.create();
    elsewhere.answer = (response) => response.writeHead(200).end(String(++stolen));
    receiver.answer = (response, count) =>
      count === 1
        ? response.writeHead(307, { location: elsewhere.url }).end()
        : response.writeHead(429, { 'retry-after': '600' }).end();
    await addRule({ condition: { kind: 'streamUp' } });
    await goLive();
    await received(2);
    await until(async () => (await deliveries())[0]!.attempts === 2, 'the second attempt is noted');
    const [delivery] = await deliveries();
    expect(delivery!.lastError).toContain('429');
    expect(Date.parse(delivery!.nextAttemptAt!) - Date.now()).toBeGreaterThan(590_000);
    expect(stolen).toBe(0);
    await elsewhere.close();
  });

  it('are tried by a button, which says what came of it', async () => {
    const test = async () => targetTestSchema.parse((await call('POST', `targets/${target.id}/test`)).body);
    expect(await test()).toMatchObject({ ok: true, status: 204, error: null });
    expect(receiver.received[0]).toMatchObject({ isSigned: true, body: { type: 'test', rule: null, cause: null } });
    receiver.answer = (response) => response.writeHead(500).end('<h1>oh\u0000</h1>');
    expect(await test()).toMatchObject({ ok: false, status: 500, error: 'it answered 500: <h1>oh </h1>' });
    receiver.answer = (response) => response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
    expect(await test()).toMatchObject({ ok: false, status: 302, error: expect.stringContaining('redirects') });
    // Endless words: no more of them is read than a few KB.
    receiver.answer = (response) => {
      response.writeHead(500);
      const timer = setInterval(() => response.write('x'.repeat(4_096)), 1);
      response.on('close', () => clearInterval(timer));
    };
    expect((await test()).error!.length).toBeLessThan(300);
    await receiver.close();
    expect(await test()).toMatchObject({ ok: false, status: null, error: expect.stringContaining('ECONNREFUSED') });
  });

  it('refuse what can not be, and say why', async () => {
    const words = async (method: string, path: string, json: unknown) => {
      const { status, body } = await call(method, path, json);
      return [status, (body as { error?: { message: string } }).error?.message ?? ''] as const;
    };
    const rule = { name: 'x', condition: { kind: 'streamUp' } };
    expect(await words('POST', 'rules', { ...rule, targetIds: ['none'] })).toEqual([
      400,
      'targetIds: there is no target none',
    ]);
    expect((await words('POST', 'rules', { ...rule, condition: { kind: 'count' } }))[0]).toBe(400);
    expect((await words('POST', 'rules', { ...rule, condition: { kind: 'zone', on: [] } }))[1]).toContain(
      'say what is to happen',
    );
    expect((await words('PATCH', 'rules/none', { name: 'y' }))[0]).toBe(404);
    const hook = { kind: 'webhook', name: 'x' };
    expect((await words('POST', 'targets', { ...hook, url: 'http://user:pw@a.example/' }))[1]).toContain('password');
    expect((await words('POST', 'targets', { ...hook, url: 'https://a.example/', headers: { Host: 'b' } }))[0]).toBe(
      400,
    );
    expect((await words('PATCH', `targets/${target.id}`, { topicPrefix: 'x' }))[1]).toContain(
      'of kind webhook has none',
    );
    expect((await words('POST', 'targets/none/test', undefined))[0]).toBe(404);
    // Headers are secret: whoever changes the URL would get them.
    const elsewhere = { url: 'https://elsewhere.example/' };
    expect((await words('PATCH', `targets/${target.id}`, elsewhere))[1]).toContain('another host');
    expect((await words('PATCH', `targets/${target.id}`, { url: `${receiver.url}/other` }))[0]).toBe(200);
    expect((await words('PATCH', `targets/${target.id}`, { ...elsewhere, headers: {} }))[0]).toBe(200);
    expect((await words('GET', 'deliveries?cursor=x', undefined))[0]).toBe(400);
  });

  it('gives a webhook another secret, and forgets with a target its deliveries and what rules know of it', async () => {
    const before = receiver.secret;
    const { body } = await call('PATCH', `targets/${target.id}`, { newSecret: true, name: 'Other' });
    const { secret } = targetAnswerSchema.parse(body);
    expect(secret).toMatch(/^whsec_/);
    expect(secret).not.toBe(before);
    receiver.secret = secret!;
    await addRule({ condition: { kind: 'streamUp' } });
    await goLive();
    await received(1);
    expect(receiver.received[0]!.isSigned).toBe(true);
    await call('DELETE', `targets/${target.id}`);
    expect(await rules()).toMatchObject([{ targetIds: [] }]);
    expect(await deliveries()).toEqual([]);
    const { text } = await call('GET', 'audit');
    expect(text).toContain('PATCH /api/v1/targets/{id}');
    expect(text).not.toContain('whsec_');
  });
});

describe('off loopback', () => {
  it('no target leads into the private network, whatever it is called', async () => {
    const receiver = await WebhookReceiver.create();
    const server = await TestServer.create({ targetAllowPrivate: false });
    const add = (url: string) =>
      server.request('/api/v1/targets', { method: 'POST', json: { kind: 'webhook', name: 'x', url } });
    for (const url of [receiver.url, 'http://2130706433/', 'http://[::ffff:127.0.0.1]/', 'http://169.254.169.254/']) {
      expect((await add(url)).status).toBe(400);
    }
    await server.close();
    await receiver.close();
  });
});
