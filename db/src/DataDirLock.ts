import { readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { UnusableDatabase } from './UnusableDatabase.ts';

/** A lock not refreshed for this long is dead even where its owner cannot be looked up (another host). */
const staleMs = 10_000;

interface Owner {
  pid: number;
  host: string;
  /** Start time of the process in clock ticks, since pids are used again (in a container they nearly always are). */
  startTicks: string | null;
}

/** One process at a time may open DATA_DIR: two PGlite instances on one folder lose writes without an error. */
export class DataDirLock {
  readonly #release: () => Promise<void>;
  readonly #ownerPath: string;
  #closed = false;

  private constructor(release: () => Promise<void>, ownerPath: string) {
    this.#release = release;
    this.#ownerPath = ownerPath;
  }

  /** Takes over from a dead process. @throws UnusableDatabase when a living one holds the folder. */
  static async create(options: { dataDir: string }): Promise<DataDirLock> {
    const { dataDir } = options;
    const lockPath = join(dataDir, 'framelock.lock');
    const ownerPath = join(dataDir, 'framelock.owner.json');
    const giveUpAtMs = Date.now() + staleMs + 2_000;
    for (;;) {
      try {
        const release = await lockfile.lock(dataDir, { lockfilePath: lockPath, stale: staleMs, update: 2_000 });
        const owner: Owner = { pid: process.pid, host: hostname(), startTicks: startTicksOf(process.pid) };
        await writeFile(ownerPath, JSON.stringify(owner));
        return new DataDirLock(release, ownerPath);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
      }
      const owner = await readOwner(ownerPath);
      const local = owner !== undefined && owner.host === hostname();
      if (local && !isAlive(owner)) {
        await rm(lockPath, { recursive: true, force: true }); // its owner is dead: no need to wait until it is stale
        continue;
      }
      if (local || Date.now() > giveUpAtMs) {
        const who = owner ? `process ${owner.pid} on ${owner.host}` : 'another process';
        throw new UnusableDatabase(
          `DATA_DIR ${dataDir} is in use by ${who}: stop that one, or give this one another DATA_DIR or a DATABASE_URL`,
        );
      }
      await sleep(500);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await rm(this.#ownerPath, { force: true });
    await this.#release();
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as Partial<Owner>;
    if (typeof owner.pid !== 'number' || typeof owner.host !== 'string') return undefined;
    return { pid: owner.pid, host: owner.host, startTicks: owner.startTicks ?? null };
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return owner.startTicks === null || owner.startTicks === startTicksOf(owner.pid);
}

/** Field 22 of /proc/PID/stat (proc(5)); null where there is no /proc. */
function startTicksOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
