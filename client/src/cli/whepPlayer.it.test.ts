import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '@msgpack/msgpack';
import { type CreatedStream, createdStreamSchema, detectionMessageSchema } from '@framelock/server/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HeadlessPublisher } from './HeadlessPublisher.ts';
import { installWrtc } from './installWrtc.ts';

/** libwebrtc without a browser, mediasoup-client or any player of ours, against real server, sfu and inference processes. */
const root = new URL('../../../', import.meta.url).pathname;

let dataDir: string;
let serverUrl: string;
let children: ChildProcess[];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'framelock-whep-'));
  const port = String(await freePort());
  serverUrl = `http://127.0.0.1:${port}`;
  const environment = {
    ...process.env,
    ...{ PORT: port, DATA_DIR: dataDir, SERVER_URL: serverUrl, NODE_SECRET: 'secret-of-the-headless-test' },
    ...{ HOST: '127.0.0.1', DATABASE_URL: '', RTC_PORT: '0', LOG_LEVEL: 'warn', MODEL: 'marker' },
  };
  children = ['server', 'sfu', 'inference'].map((name) =>
    spawn(process.execPath, [join(root, name, 'src/main.ts')], { env: environment, stdio: 'inherit' }),
  );
  let missing = '';
  const isReady = async (): Promise<boolean> => {
    const answer = await fetch(`${serverUrl}/readyz`).catch(() => undefined);
    missing = answer ? await answer.text() : 'the server does not answer';
    return answer?.status === 200;
  };
  await until('all are up', isReady, 110_000).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${missing}`);
  });
});

afterAll(async () => {
  for (const child of [...children].reverse()) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
  await rm(dataDir, { recursive: true, force: true });
});

interface Player {
  peer: RTCPeerConnection;
  frames(): number;
  timestamps: number[];
  session: URL;
  answer: string;
  close(): void;
}

async function play(stream: CreatedStream, wants: { video?: boolean; audio?: boolean }): Promise<Player> {
  const { RTCVideoSink } = installWrtc();
  const peer = new RTCPeerConnection();
  let frames = 0;
  if (wants.video) {
    const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
    new RTCVideoSink(receiver.track).onframe = () => frames++;
  }
  if (wants.audio) peer.addTransceiver('audio', { direction: 'recvonly' });
  const channel = peer.createDataChannel('detections', { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
  channel.binaryType = 'arraybuffer';
  const timestamps: number[] = [];
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) =>
    timestamps.push(detectionMessageSchema.parse(decode(new Uint8Array(data))).rtp);
  await peer.setLocalDescription(await peer.createOffer());
  const response = await fetch(stream.whepUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', authorization: `Bearer ${stream.streamKey}` },
    body: peer.localDescription!.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  await peer.setRemoteDescription({ type: 'answer', sdp: answer });
  const session = new URL(response.headers.get('location')!, serverUrl);
  return { peer, frames: () => frames, timestamps, session, answer, close: () => peer.close() };
}

const viewersOf = async ({ id }: CreatedStream): Promise<number> =>
  ((await (await fetch(`${serverUrl}/api/v1/streams/${id}`)).json()) as { viewers: number }).viewers;

describe('a plain RTCPeerConnection plays by WHEP', () => {
  it.each(['vp8', 'vp9', 'av1'] as const)('%s: pictures and detections; DELETE ends it', async (codec) => {
    const stream = await createStream();
    const publisher = await HeadlessPublisher.create({
      serverUrl,
      streamId: stream.id,
      codec,
      width: 320,
      height: 180,
    });
    let player: Player | undefined;
    try {
      await publisher.live();
      player = await play(stream, { video: true, audio: true });
      // Sound is not published.
      expect(player.answer).toMatch(/m=audio 9 [^]*?a=inactive/);
      await until('pictures', () => player!.frames() >= 15);
      await until('detections', () => player!.timestamps.length >= 5);
      expect(await viewersOf(stream)).toBe(1);
      const { status } = await fetch(player.session, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${stream.streamKey}` },
      });
      expect(status).toBe(200);
      await until('the viewer is gone', async () => (await viewersOf(stream)) === 0);
    } finally {
      player?.close();
      publisher.close('the test ends');
    }
  });

  it('the data channel alone; and the end of the Publication is the end of the session', async () => {
    const stream = await createStream();
    const publisher = await HeadlessPublisher.create({ serverUrl, streamId: stream.id, codec: 'vp8' });
    let player: Player | undefined;
    try {
      await publisher.live();
      player = await play(stream, {});
      await until('detections', () => player!.timestamps.length >= 5);
      publisher.close('the test ends');
      await until('the session is gone', async () => (await viewersOf(stream)) === 0);
      await until('the player sees it', () => /^(disconnected|failed|closed)$/.test(player!.peer.connectionState));
      await expect(play(stream, { video: true })).rejects.toThrow(/409 .*nothing is published/);
    } finally {
      player?.close();
      publisher.close('the test ends');
    }
  });
});

async function createStream(): Promise<CreatedStream> {
  const response = await fetch(`${serverUrl}/api/v1/streams`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'whep' }),
  });
  return createdStreamSchema.parse(await response.json());
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
