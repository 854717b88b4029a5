import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from './testing/until.ts';
import { testWorkerBin } from './testing/workerBin.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Running {
  child: ChildProcess;
  lines: Record<string, unknown>[];
  stderr(): string;
  exited: Promise<number | null>;
}

function run(environment: Record<string, string>): Running {
  const env = { PATH: process.env.PATH ?? '', NODE_SECRET: 'a-secret-of-tests-only', RTC_PORT: '0', ...environment };
  const worker = testWorkerBin();
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: { SERVER_URL: 'http://127.0.0.1:9', ...(worker ? { MEDIASOUP_WORKER_BIN: worker } : {}), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  let text = '';
  let stderr = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (text + chunk.toString()).split('\n');
    text = parts.pop()!;
    lines.push(...parts.map((part) => JSON.parse(part) as Record<string, unknown>));
  });
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return { child, lines, stderr: () => stderr, exited };
}

const listening = (running: Running): Promise<unknown> =>
  until('listening', () => running.lines.some(({ msg }) => msg === 'sfu listening'));

function workerPid(running: Running): number {
  return running.lines.find(({ msg }) => msg === 'mediasoup Worker started')!.pid as number;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with code 0 and leaves no Worker', async (signal) => {
    const running = run({});
    await listening(running);
    running.child.kill(signal);
    expect(await running.exited).toBe(0);
    expect(isAlive(workerPid(running))).toBe(false);
  });

  test('a launcher that vanishes ends it, and a killed sfu takes its Worker along', async () => {
    const [orphan, killed] = [run({}), run({})];
    await Promise.all([listening(orphan), listening(killed)]);
    orphan.child.disconnect();
    expect(await orphan.exited).toBe(0);
    expect(isAlive(workerPid(orphan))).toBe(false);
    killed.child.kill('SIGKILL');
    await killed.exited;
    await until('the Worker is gone', () => !isAlive(workerPid(killed)));
  });

  test('a wrong environment and a taken port: one clear sentence and code 78', async () => {
    const wrong = run({ WORKERS: 'none', NODE_SECRET: '' });
    expect(await wrong.exited).toBe(78);
    expect(wrong.stderr()).toMatch(/^the environment of the sfu is not valid: .*NODE_SECRET.*WORKERS.*\n$/);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address() as AddressInfo;
    const taken = run({ RTC_PORT: String(port) });
    expect(await taken.exited).toBe(78);
    expect(taken.stderr()).toMatch(new RegExp(`^port ${port} .* is in use: set RTC_PORT .*\n$`));
    socket.close();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const hls = run({ HLS_PORT: String((server.address() as AddressInfo).port) });
    expect(await hls.exited).toBe(78);
    expect(hls.stderr()).toMatch(/^cannot listen on HLS_HOST 127\.0\.0\.1 HLS_PORT \d+: EADDRINUSE\n$/);
    server.close();
  });
});
