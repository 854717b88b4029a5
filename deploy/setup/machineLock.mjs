import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process of this machine runs under the same lock folder. A holder that died is noticed
 * by its process id; `onWait` is told once when there is something to wait for.
 */
export async function withMachineLock(folder, onWait, work) {
  mkdirSync(dirname(folder), { recursive: true });
  for (let waited = false; !taken(folder); waited = true) {
    if (!waited) onWait();
    await sleep(500);
  }
  const release = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function taken(folder) {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!holderLives(folder)) rmSync(folder, { recursive: true, force: true });
    return false;
  }
}

function holderLives(folder) {
  let pid;
  try {
    pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  } catch {
    // Between mkdir and the writing of the pid, unless the holder died right there.
    return Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 10_000;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
