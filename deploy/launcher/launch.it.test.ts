import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const fakeProduct = fileURLToPath(new URL('./fixtures/fakeProduct.mjs', import.meta.url));

let folder: string;
let launcher: ChildProcess | undefined;
let output: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-launcher-'));
  output = '';
});

afterEach(async () => {
  if (launcher && launcher.exitCode === null && launcher.signalCode === null) {
    launcher.kill('SIGKILL');
    await once(launcher, 'exit');
  }
  for (const pid of lines('pids').map(Number)) if (lives(pid)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(modes: string, port: number, environment: Record<string, string> = {}): ChildProcess {
  launcher = spawn(process.execPath, [fakeProduct], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      FAKE_MODES: modes,
      FAKE_FOLDER: folder,
      PORT: String(port),
      RTC_PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [launcher.stdout!, launcher.stderr!])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  return launcher;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come about; output:\n${output}`);
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function lines(file: string): string[] {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie waits for its new parent to read its exit code; it has ended.
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return !stat.includes(') Z ');
}

const noneLives = () =>
  lines('pids')
    .map(Number)
    .every((pid) => !lives(pid));

test('says when it is ready, exactly once and alone on its line, and SIGTERM stops children and grandchildren', async () => {
  const port = await freePort();
  const child = start('server=ready,sfu=idle,inference=idle', port);
  await until('the ready line', () => output.includes('framelock ready'));
  expect(output.split('\n').filter((line) => line === `framelock ready: http://127.0.0.1:${port}`)).toHaveLength(1);
  expect(output).toMatch(/^sfu {7}\| \d\d:\d\d:\d\d info {2}started mode=idle$/m);
  expect(lines('pids')).toHaveLength(6);

  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
  await until('the end of all', noneLives);
  expect(lines('closed').sort()).toEqual(['inference', 'server', 'sfu']);
});

test('Ctrl-C twice at once, as npm passes it on, still lets children close in order', async () => {
  const child = start('server=ready,sfu=idle', await freePort());
  await until('the ready line', () => output.includes('framelock ready'));
  child.kill('SIGINT');
  child.kill('SIGINT');
  expect(await exitCodeOf(child)).toBe(0);
  expect(lines('closed').sort()).toEqual(['server', 'sfu']);
  await until('the end of all', noneLives);
});

test('a child that does not obey is ended by force with its children', async () => {
  const child = start('server=ready,sfu=stubborn', await freePort());
  await until('the ready line', () => output.includes('framelock ready'));
  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
  await until('the end of all', noneLives);
});

test('a crashed process is started again, its leftovers ended, the others untouched', async () => {
  const child = start('server=ready,inference=crashOnce', await freePort());
  await until('the second start', () => lines('inference.starts').length === 2);
  expect(output).toContain('inference ended with exit code 3; starting it again in 250 ms');
  expect(lines('server.starts')).toHaveLength(1);
  // Of four processes and two more of the second start, only the first inference and its child are gone.
  await until('the end of the leftovers', () => lines('pids').map(Number).filter(lives).length === 4);
  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
});

test('a process that crashes always is started with growing pauses and stops nobody', async () => {
  const child = start('server=ready,inference=crashAlways', await freePort());
  await until('the fourth pause', () => output.includes('again in 2000 ms'));
  expect(output).toContain('again in 500 ms');
  expect(lines('server.starts')).toHaveLength(1);
  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
  await until('the end of all', noneLives);
});

test('a refused configuration (78) is told and ends everything, without a restart', async () => {
  const child = start('server=idle,sfu=badConfiguration', await freePort());
  expect(await exitCodeOf(child)).toBe(78);
  expect(output).toContain("sfu can't run with this configuration");
  expect(output).toContain('sfu       | PORT: is not a port');
  expect(lines('sfu.starts')).toHaveLength(1);
  await until('the end of all', noneLives);
});

test('comes up without inference, and says what is missing', async () => {
  const child = start('server=readyWithoutInference,sfu=idle', await freePort());
  await until('the ready line', () => output.includes('framelock ready'));
  expect(output).toContain('warning: inference does not answer');
  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
});

test('names a port that is taken, and starts nothing', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const child = start('server=ready', port);
  expect(await exitCodeOf(child)).toBe(1);
  expect(output).toContain(`TCP port ${port} on 127.0.0.1 is in use`);
  expect(lines('pids')).toEqual([]);
  const second = start('server=ready', await freePort(), { RTC_PORT: String(port) });
  expect(await exitCodeOf(second)).toBe(1);
  expect(output).toContain(`TCP port ${port} on 127.0.0.1 is in use`);
  expect(output).toContain('set RTC_PORT');
  taken.close();
});

test('children end by themselves when the launcher is killed', async () => {
  const child = start('server=ready,sfu=idle', await freePort());
  await until('the ready line', () => output.includes('framelock ready'));
  child.kill('SIGKILL');
  await until('the orderly end of both', () => lines('closed').length === 2);
  await until('the end of them and of what they started', noneLives);
});

test('gives each process what it needs, secrets to the server only, and absolute paths', async () => {
  const child = start('server=ready,sfu=idle', await freePort(), {
    ADMIN_TOKEN: 'for the server only',
    MODEL: 'models/mine.onnx',
    DATABASE_URL: '',
    INIT_CWD: folder,
  });
  await until('the ready line', () => output.includes('framelock ready'));
  const environmentOf = (name: string) =>
    JSON.parse(readFileSync(join(folder, `${name}.env.json`), 'utf8')) as Record<string, string>;
  const [server, sfu] = [environmentOf('server'), environmentOf('sfu')];
  expect(server.ADMIN_TOKEN).toBe('for the server only');
  expect(sfu.ADMIN_TOKEN).toBeUndefined();
  expect(server.DATABASE_URL).toBeUndefined();
  expect(server.NODE_SECRET).toMatch(/^[0-9a-f]{64}$/);
  expect(sfu.NODE_SECRET).toBe(server.NODE_SECRET);
  expect(sfu.SERVER_URL).toBe(`http://127.0.0.1:${server.PORT}`);
  expect(sfu.MODEL).toBe(join(folder, 'models/mine.onnx'));
  expect(server.DATA_DIR).toBe(join(folder, 'data'));
  child.kill('SIGTERM');
  expect(await exitCodeOf(child)).toBe(0);
});
