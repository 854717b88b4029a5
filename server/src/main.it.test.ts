import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const children: ChildProcess[] = [];
let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'framelock-main-'));
});
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

function start(environment: Record<string, string>, ipc = false) {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  children.push(child);
  const output = { text: '' };
  child.stdout!.on('data', (data: Buffer) => (output.text += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (output.text += data.toString()));
  // `close` comes after the last output; with IPC it does not come at all once we have disconnected.
  const exited = once(child, ipc ? 'exit' : 'close').then(([code]) => code as number);
  const listening = new Promise<void>((resolve) =>
    child.stdout!.on('data', () => output.text.includes('"listening"') && resolve()),
  );
  return { child, output, exited, listening };
}

const good = () => ({ NODE_SECRET: 'sixteen-or-more-characters', PORT: '0', DATA_DIR: dataDir });

it('exits with 78 and every problem when its configuration is not valid', async () => {
  const { exited, output } = start({ PORT: 'x', ICE_SERVERS: '{' });
  expect(await exited).toBe(78);
  for (const name of ['PORT', 'ICE_SERVERS', 'NODE_SECRET']) expect(output.text).toContain(`  ${name}: `);
  expect(output.text).not.toMatch(/\bat .*\.ts:\d+/);
});

it('stops cleanly on SIGTERM, and keeps a second one out of its folder until then', async () => {
  const first = start(good());
  await first.listening;
  const second = start(good());
  expect(await second.exited).toBe(78);
  expect(second.output.text).toMatch(
    new RegExp(
      `^the server can't start: DATA_DIR .* is in use by process ${first.child.pid} on .*: stop that one`,
      'm',
    ),
  );
  first.child.kill('SIGTERM');
  expect(await first.exited).toBe(0);
});

it.each([
  {
    what: 'a taken port',
    environment: (port: number) => ({ PORT: String(port) }),
    words: /port \d+ on 127.0.0.1 is in use/,
  },
  {
    what: 'a database that refuses us',
    environment: () => ({ DATABASE_URL: 'not a url' }),
    words: /DATABASE_URL is no URL/,
  },
  { what: 'a folder that is a file', environment: () => ({ DATA_DIR: main }), words: /DATA_DIR .* can't be written/ },
])('exits with 78 and one sentence on $what', async ({ environment, words }) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { exited, output } = start({ ...good(), ...environment((taken.address() as AddressInfo).port) });
  expect(await exited).toBe(78);
  expect(output.text).toMatch(words);
  expect(output.text).not.toMatch(/\bat .*\.ts:\d+|not a url/);
  taken.close();
});

it('stops when the launcher that started it is gone', async () => {
  const { child, listening, exited } = start(good(), true);
  await listening;
  child.disconnect();
  expect(await exited).toBe(0);
});
