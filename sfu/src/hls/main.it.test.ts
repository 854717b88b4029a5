import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { testSecret } from '../testing/startSfu.ts';

test.each([0, 100, 200, 300, 400])('an hls process whose sfu dies %i ms after its start ends, too', async (afterMs) => {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-hls-orphan-'));
  const child = fork(new URL('./main.ts', import.meta.url), [], {
    serialization: 'advanced',
    env: { ...process.env, NODE_SECRET: testSecret, DATA_DIR: folder, LOG_LEVEL: 'silent' },
  });
  try {
    const exited = once(child, 'exit');
    await sleep(afterMs);
    child.disconnect();
    expect(await Promise.race([exited, sleep(20_000, ['it still runs'], { ref: false })])).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
