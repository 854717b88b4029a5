import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from './Database.ts';
import { DataDirLock } from './DataDirLock.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'framelock-lock-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** Another process that takes the lock, says so, and then waits to be killed. */
async function holdElsewhere() {
  const script = `import { DataDirLock } from ${JSON.stringify(new URL('./DataDirLock.ts', import.meta.url).href)};
    await DataDirLock.create({ dataDir: ${JSON.stringify(dataDir)} });
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

it('refuses a second process with a sentence that names the first, and takes over when that one is dead', async () => {
  const child = await holdElsewhere();
  await expect(Database.create({ dataDir })).rejects.toThrow(`is in use by process ${child.pid}`);
  child.kill('SIGKILL'); // leaves lock and owner file behind
  await once(child, 'exit');
  expect(existsSync(join(dataDir, 'framelock.lock'))).toBe(true);
  const lock = await DataDirLock.create({ dataDir });
  await lock.close();
});

it('refuses a second opening in the same process, until the first is closed', async () => {
  const first = await DataDirLock.create({ dataDir });
  await expect(DataDirLock.create({ dataDir })).rejects.toThrow('is in use by');
  await first.close();
  await first.close();
  const second = await DataDirLock.create({ dataDir });
  await second.close();
});
