import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirLock, UnusableDatabase } from '@framelock/db';
import { segmentName, segmentPath } from './HistorySpool.ts';

/** Servers that share a DATA_DIR. */
const maxFolders = 16;

/**
 * The folder of one server's spool, locked: `DATA_DIR/spool/history`, or where a living server has that one (several on
 * one Postgres may share a DATA_DIR) `history-2` and so on. What dead servers left in the others moves to it.
 */
export class SpoolFolder {
  readonly path: string;
  readonly #lock: DataDirLock;

  private constructor(path: string, lock: DataDirLock) {
    this.path = path;
    this.#lock = lock;
  }

  static async create(dataDir: string): Promise<SpoolFolder> {
    const parent = join(dataDir, 'spool');
    const pathOf = (number: number): string => join(parent, number === 1 ? 'history' : `history-${number}`);
    for (let number = 1; number <= maxFolders; number++) {
      const lock = await tryLock(pathOf(number));
      if (!lock) continue;
      const folder = new SpoolFolder(pathOf(number), lock);
      for (const name of await readdir(parent)) {
        const other = join(parent, name);
        if (/^history(-\d+)?$/.test(name) && other !== folder.path) await folder.#adopt(other);
      }
      return folder;
    }
    throw new Error(`${maxFolders} servers have a spool in ${parent}`);
  }

  async #adopt(other: string): Promise<void> {
    if ((await segmentsIn(other)).length === 0) return;
    const lock = await tryLock(other);
    if (!lock) return;
    try {
      // Read under the lock: another server that starts now may have moved them.
      const left = await segmentsIn(other);
      const ours = (await readdir(this.path)).map((name) => Number(segmentName.exec(name)?.[1] ?? 0));
      let number = Math.max(0, ...ours);
      for (const name of left) await rename(join(other, name), segmentPath(this.path, ++number));
    } finally {
      await lock.close();
    }
  }

  close(): Promise<void> {
    return this.#lock.close();
  }
}

async function segmentsIn(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => segmentName.test(name)).sort();
}

/** Undefined: a living process has it. */
async function tryLock(path: string): Promise<DataDirLock | undefined> {
  await mkdir(path, { recursive: true });
  try {
    return await DataDirLock.create({ dataDir: path });
  } catch (error) {
    if (error instanceof UnusableDatabase) return undefined;
    throw error;
  }
}
