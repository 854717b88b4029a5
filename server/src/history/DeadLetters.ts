import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HistoryItem } from './HistoryItem.ts';

const defaultMaxBytes = 64 * 1024 * 1024;

/** What the database refuses for what it is (and not for how the database is), put aside as JSON for a person to look at. */
export class DeadLetters {
  readonly #folder: string;
  readonly #maxBytes: number;
  #bytes: number | undefined;

  constructor(options: { folder: string; maxBytes?: number }) {
    this.#folder = options.folder;
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
  }

  /** Resolves when it is on the disk. Rejects where there is no room for it. */
  async put(item: unknown, reason: string): Promise<string> {
    this.#bytes ??= await this.#measure();
    const bytes = Buffer.from(JSON.stringify({ reason, item }));
    if (this.#bytes + bytes.length > this.#maxBytes) throw new Error(`${this.#folder} has its ${this.#maxBytes} bytes`);
    const path = join(this.#folder, `${nameOf(item)}.json`);
    const file = await open(`${path}.part`, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await rm(`${path}.part`, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(`${path}.part`, path);
    this.#bytes += bytes.length;
    return path;
  }

  async #measure(): Promise<number> {
    await mkdir(this.#folder, { recursive: true });
    const sizes = (await readdir(this.#folder)).map(async (name) => (await stat(join(this.#folder, name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }
}

/** The same for the same: what is put aside twice is there once. */
function nameOf(item: unknown): string {
  const batch = (item as HistoryItem | undefined)?.batch;
  if (batch && /^[\w-]{1,64}$/.test(batch.runId)) return `${batch.runId}-${Number(batch.sequence)}`;
  return createHash('sha256').update(JSON.stringify(item)).digest('hex').slice(0, 32);
}
