import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createdStreamSchema } from '@framelock/server/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Transport } from 'mediasoup-client/types';
import { ViewerLink } from '../rtc/ViewerLink.ts';
import { restartIce } from '../rtc/watchTransport.ts';
import { installWrtc } from './installWrtc.ts';
import { signalingUrlOf } from './signalingUrlOf.ts';
import { HeadlessPublisher } from './HeadlessPublisher.ts';
import { HeadlessViewer } from './HeadlessViewer.ts';

const root = new URL('../../../', import.meta.url).pathname;

let dataDir: string;
let serverUrl: string;
let server: ChildProcess;
let sfu: ChildProcess;
let start: (main: string) => ChildProcess;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'framelock-headless-'));
  const port = String(await freePort());
  serverUrl = `http://127.0.0.1:${port}`;
  const environment = {
    ...process.env,
    ...{ PORT: port, DATA_DIR: dataDir, SERVER_URL: serverUrl, NODE_SECRET: 'secret-of-the-headless-test' },
    ...{ HOST: '127.0.0.1', DATABASE_URL: '', RTC_PORT: '0', LOG_LEVEL: 'warn' },
  };
  start = (main) => spawn(process.execPath, [join(root, main)], { env: environment, stdio: 'inherit' });
  server = start('server/src/main.ts');
  sfu = start('sfu/src/main.ts');
  await until('server and sfu are up', async () => {
    const answer = await fetch(`${serverUrl}/readyz`).catch(() => undefined);
    return ((await answer?.json()) as { sfu?: boolean } | undefined)?.sfu === true;
  });
});

afterAll(async () => {
  for (const child of [sfu, server]) await stop(child, 'SIGTERM');
  await rm(dataDir, { recursive: true, force: true });
});

it('a viewer waits for an idle Stream and both sides recover from a lost sfu and a lost server', async () => {
  const streamId = await createStream();
  const viewer = await HeadlessViewer.create({ serverUrl, streamId });
  expect(viewer.publicationId).toBeUndefined();
  const headless = await HeadlessPublisher.create({ serverUrl, streamId, codec: 'vp8' });
  try {
    await headless.live();
    await until('it plays', () => viewer.frames >= 10);
    expect([viewer.width, viewer.height]).toEqual([640, 360]);
    await until('the publisher measures itself', () => headless.publisher.stats().bitrateBps > 0);

    await stop(sfu, 'SIGKILL');
    sfu = start('sfu/src/main.ts');
    await playsAgain(viewer, viewer.publicationId);

    await stop(server, 'SIGKILL');
    server = start('server/src/main.ts');
    await playsAgain(viewer, viewer.publicationId);
    expect(headless.publisher.state).toBe('live');
  } finally {
    headless.close('the test ends');
    await until('the viewer is told', () => viewer.publicationId === undefined);
    viewer.close('the test ends');
  }
});

it('goes on in the same Publication through an ICE restart, and when sound joins and leaves', async () => {
  const streamId = await createStream();
  const headless = await HeadlessPublisher.create({ serverUrl, streamId, codec: 'vp8' });
  const kinds: string[] = [];
  let link: ViewerLink | undefined;
  try {
    await headless.live();
    const { publicationId } = headless.publisher;
    link = await ViewerLink.create({
      streamId,
      signalingUrl: signalingUrlOf(serverUrl),
      onPublication: () => undefined,
      onVideo: () => void kinds.push('video'),
      onAudio: () => kinds.push('audio'),
      onDetections: () => undefined,
    });
    const transport = (await link.transport)!;
    await until('it is connected', () => transport.connectionState === 'connected');
    const before = await bytesReceived(transport);
    await restartIce(transport, link.signaling);
    await until('bytes arrive on the new path', async () => (await bytesReceived(transport)) > before + 50_000);
    expect([link.closed, transport.connectionState]).toEqual([false, 'connected']);

    const { RTCAudioSource } = installWrtc();
    const sound = new RTCAudioSource().createTrack();
    await headless.publisher.replaceSource(new MediaStream([headless.track, sound]));
    await until('the viewer hears it', () => kinds.includes('audio'));
    await headless.publisher.replaceSource(new MediaStream([headless.track]));
    expect(headless.publisher.publicationId).toBe(publicationId);
    sound.stop();
  } finally {
    link?.close('the test ends');
    headless.close('the test ends');
  }
});

it('says which Stream does not exist, instead of trying for ever', async () => {
  await expect(HeadlessViewer.create({ serverUrl, streamId: 'nosuchstream' })).rejects.toThrow();
});

async function bytesReceived(transport: Transport): Promise<number> {
  const report = (await transport.getStats()) as unknown as Map<string, { type: string; bytesReceived?: number }>;
  return [...report.values()].find(({ type }) => type === 'transport')?.bytesReceived ?? 0;
}

async function playsAgain(viewer: HeadlessViewer, before: string | undefined): Promise<void> {
  await until('a new Publication', () => viewer.publicationId !== undefined && viewer.publicationId !== before);
  const { frames } = viewer;
  await until('it plays again', () => viewer.frames >= frames + 10);
}

async function createStream(): Promise<string> {
  const response = await fetch(`${serverUrl}/api/v1/streams`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'headless' }),
  });
  return createdStreamSchema.parse(await response.json()).id;
}

async function stop(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function until(what: string, done: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await done())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
