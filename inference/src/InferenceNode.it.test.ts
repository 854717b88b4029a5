import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {
  inferenceControlContract,
  nodeHeartbeatSchema,
  type NodeHeartbeat,
  RpcCaller,
} from '@framelock/server/protocol';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Config, parseConfig } from './config.ts';
import { DetectorPool } from './detect/DetectorPool.ts';
import { InferenceNode } from './InferenceNode.ts';

const nodeSecret = 'a-secret';
const authorization = `Bearer ${nodeSecret}`;

let config: Config;
let node: InferenceNode;
let server: Server;
let modelsDir: string;
const beats: NodeHeartbeat[] = [];

async function dial(to = node): Promise<{ caller: RpcCaller<typeof inferenceControlContract>; socket: WebSocket }> {
  const socket = new WebSocket(`${to.controlUrl}/control`, { headers: { authorization } });
  await once(socket, 'open');
  const caller = new RpcCaller(inferenceControlContract, { send: (text) => socket.send(text) });
  socket.on('message', (data) => caller.receive((data as Buffer).toString()));
  return { caller, socket };
}

function dumpOf(result: Record<string, unknown>): { publicationId: string }[] {
  return result.analyses as { publicationId: string }[];
}

const tap = {
  remote: { ip: '127.0.0.1', port: 9 },
  rtpParameters: {
    codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 }],
    encodings: [{ ssrc: 1 }],
  },
  type: 'simple',
};
const start = { tap, feedUrl: 'ws://127.0.0.1:9/feed/p1', firstRevision: 1 };

beforeAll(async () => {
  modelsDir = await mkdtemp(path.join(os.tmpdir(), 'framelock-inference-'));
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      beats.push(nodeHeartbeatSchema.parse(JSON.parse(body)));
      response.end('{"serverTimeMs":0}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  config = parseConfig({
    NODE_SECRET: nodeSecret,
    SERVER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    MODELS_DIR: modelsDir,
    EXECUTION_PROVIDER: 'cpu',
    NODE_ID: 'node-1',
  });
  node = await InferenceNode.create(config, pino({ level: 'silent' }));
});

afterAll(async () => {
  await node?.close('test');
  await node?.close('twice');
  server?.close();
  server?.closeAllConnections();
  if (modelsDir) await rm(modelsDir, { recursive: true });
});

describe('InferenceNode', () => {
  it('announces itself', async () => {
    await expect.poll(() => beats[0]).toMatchObject({ nodeId: 'node-1', kind: 'inference', load: 0 });
    expect(beats[0]!.controlUrl).toBe(node.controlUrl);
  });

  it('loads its default model again when the Detector of it gave up', async () => {
    const acquire = vi.spyOn(DetectorPool.prototype, 'acquire');
    const own = await InferenceNode.create({ ...config, NODE_ID: 'node-2' }, pino({ level: 'silent' }));
    try {
      const { detector } = await acquire.mock.results[0]!.value;
      await detector.close('given up');
      const { caller, socket } = await dial(own);
      await caller.request('addModel', { modelId: 'marker' });
      expect(acquire).toHaveBeenCalledTimes(2);
      expect((await acquire.mock.results[1]!.value).detector.closed).toBe(false);
      await caller.request('addModel', { modelId: 'marker' });
      expect(acquire).toHaveBeenCalledTimes(2);
      socket.close();
    } finally {
      acquire.mockRestore();
      await own.close('test');
    }
  });

  it('keeps no socket of a refused upgrade, even when the caller never closes its half', async () => {
    const openFds = () => readdirSync('/proc/self/fd').length;
    const before = openFds();
    const handshake =
      'GET /nope HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const callers: Socket[] = [];
    for (let i = 0; i < 20; i++) {
      const socket = connect({ port: Number(new URL(node.controlUrl).port), host: '127.0.0.1', allowHalfOpen: true });
      callers.push(socket);
      socket.resume();
      socket.write(handshake);
      await once(socket, 'end');
    }
    // The 20 ends of this caller stay; the node's do not.
    await expect.poll(openFds).toBeLessThan(before + 30);
    for (const socket of callers) socket.destroy();
  });

  it('opens only health without its secret', async () => {
    const base = node.controlUrl.replace('ws:', 'http:');
    expect(await (await fetch(`${base}/healthz`)).json()).toMatchObject({ status: 'ok' });
    expect((await fetch(`${base}/metrics`)).status).toBe(401);
    expect((await fetch(`${base}/metrics`, { headers: { authorization: 'Bearer nope' } })).status).toBe(401);
    expect((await fetch(`${base}/nothing`)).status).toBe(404);
    expect((await fetch(`${base}/healthz`, { method: 'POST' })).status).toBe(405);
    for (const url of [`${node.controlUrl}/control`, `${node.controlUrl}/other`]) {
      const socket = new WebSocket(url, { headers: { authorization: 'Bearer nope' } });
      await expect(once(socket, 'open')).rejects.toThrow(/40[14]/);
    }
    const metrics = await (await fetch(`${base}/metrics`, { headers: { authorization } })).text();
    expect(metrics).toMatch(/framelock_frames_dropped_total/);
    expect(metrics).toMatch(/framelock_control_refused_total\{reason="unauthorized"\} [3-9]/);
  });

  it('refuses what it can not do, and keeps the conversation', async () => {
    const { caller, socket } = await dial();
    await expect(caller.request('startAnalysis', { publicationId: 'p1', ...start })).rejects.toMatchObject({
      code: 'notFound',
    });
    await caller.request('openTap', { publicationId: 'p1', streamId: 's1' });
    const simulcast = { ...start, tap: { ...tap, type: 'simulcast' } };
    await expect(caller.request('startAnalysis', { publicationId: 'p1', ...simulcast })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('simulcast'),
    });
    await caller.request('openTap', { publicationId: 'p1', streamId: 's1' });
    const h265 = {
      ...start,
      tap: {
        ...tap,
        rtpParameters: {
          ...tap.rtpParameters,
          codecs: [{ mimeType: 'video/H265', payloadType: 1, clockRate: 90_000 }],
        },
      },
    };
    await expect(caller.request('startAnalysis', { publicationId: 'p1', ...h265 })).rejects.toThrow(/H265/);
    await caller.request('openTap', { publicationId: 'p1', streamId: 's1' });
    await expect(
      caller.request('startAnalysis', { publicationId: 'p1', ...start, modelId: 'no-such-model' }),
    ).rejects.toMatchObject({ code: 'notFound' });
    for (let i = 0; i < 30; i++) socket.send('{');
    const [code] = await once(socket, 'close');
    expect(code).toBe(1008);
  });

  it('runs an analysis, replaces its tap, and ends it when no server is left', async () => {
    const { caller, socket } = await dial();
    const first = await caller.request('openTap', { publicationId: 'p2', streamId: 's1' });
    const second = await caller.request('openTap', { publicationId: 'p2', streamId: 's1' });
    expect(second.local.port).not.toBe(first.local.port);
    const { defaultModelProblem } = await caller.request('models', {});
    if (defaultModelProblem === undefined) {
      const event = once(socket, 'message');
      const { description } = await caller.request('startAnalysis', { publicationId: 'p2', ...start });
      expect(description).toMatchObject({ revision: 1, executionProvider: 'cpu' });
      await event;
      expect(await caller.request('setModel', { publicationId: 'p2' })).toMatchObject({ description: { revision: 2 } });
    } else {
      console.log(`the analysis was not started: ${defaultModelProblem}`);
    }
    expect(dumpOf(await caller.request('dump', {}))).toHaveLength(1);
    socket.close();
    await once(socket, 'close');
    const again = await dial();
    // A server that is back within its time finds its analyses running.
    expect(dumpOf(await again.caller.request('dump', {}))).toHaveLength(1);
    again.socket.close();
    await expect.poll(() => dumpOf(node.dump()), { timeout: 15_000 }).toHaveLength(0);
  });
});
