import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { createFakeSfu } from '../../test/fakeNodes.ts';
import { SignalingClient } from '../../test/SignalingClient.ts';
import { nodeSecret, until } from '../../test/TestServer.ts';
import { WebhookReceiver } from '../../test/WebhookReceiver.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'framelock-killed-'));
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, NODE_SECRET: nodeSecret, PORT: '0', DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  const url = new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (data: Buffer) => {
      text += data.toString();
      const found = /"url":"([^"]+)"[^\n]*"listening"/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the server ended: ${text}`)));
  });
  return { child, url: await url };
}

it('a server killed between event and delivery delivers after its restart, and says that the Stream went down', async () => {
  const receiver = await WebhookReceiver.create();
  // The first one is never answered: whether it arrived is not known when the server dies.
  receiver.answer = (response, count) => void (count > 1 && response.writeHead(204).end());
  const sfu = await createFakeSfu(nodeSecret);
  const first = await start();
  const post = async (path: string, json: unknown, headers: Record<string, string> = {}) => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(json),
    };
    return (await (await fetch(first.url + path, init)).json()) as Record<string, never>;
  };
  await post('/internal/nodes/heartbeat', sfu.heartbeat, { authorization: `Bearer ${nodeSecret}` });
  await until(() => sfu.connections > 0, 'the server is connected to the sfu');
  const { id: streamId } = (await post('/api/v1/streams', { name: 'Front door' })) as never as { id: string };
  const { target, secret } = (await post('/api/v1/targets', {
    kind: 'webhook',
    name: 'Hook',
    url: receiver.url,
  })) as never as {
    target: { id: string };
    secret: string;
  };
  receiver.secret = secret;
  for (const kind of ['streamUp', 'streamDown']) {
    await post('/api/v1/rules', { name: kind, condition: { kind }, targetIds: [target.id] });
  }
  const publisher = await SignalingClient.create(first.url);
  await publisher.publish(streamId);
  await until(() => receiver.received.length === 1, 'the delivery is under way');
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  publisher.close();
  const second = await start();
  await until(() => receiver.received.length >= 3, 'both are delivered');
  const [lost, ...arrived] = receiver.received;
  expect(arrived.map(({ body }) => body.cause?.kind)).toEqual(['streamUp', 'streamDown']);
  expect(arrived[0]!.body.id).toBe(lost!.body.id);
  expect(arrived[1]!.body.cause).toMatchObject({ streamName: 'Front door', data: { reason: 'serverRestarted' } });
  expect(arrived.every(({ isSigned }) => isSigned)).toBe(true);
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
  await sfu.close();
  await receiver.close();
}, 100_000);
