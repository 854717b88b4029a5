import { open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const temporary = /^\..*\.tmp$/;
export const isTemporary = (name: string): boolean => temporary.test(name);

/**
 * Nobody ever sees a part of it. It is in the page cache when this resolves: it survives every crash of a process, not
 * one of the machine (an fsync per Part would cost more than the last seconds of a Recording are worth).
 */
export async function writeFileAtomic(dir: string, name: string, data: Uint8Array | string): Promise<void> {
  const temporaryPath = join(dir, `.${name}.tmp`);
  try {
    await writeFile(temporaryPath, data);
    await rename(temporaryPath, join(dir, name));
  } catch (error) {
    await rm(temporaryPath, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** A file that only grows; what a failed append left is cut off. */
export class AppendFile {
  readonly #handle: FileHandle;
  #bytes: number;

  private constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle;
    this.#bytes = bytes;
  }

  static async create(path: string): Promise<AppendFile> {
    const handle = await open(path, 'a');
    const { size } = await handle.stat();
    return new AppendFile(handle, size);
  }

  async append(text: string): Promise<void> {
    const data = Buffer.from(text);
    try {
      await this.#handle.appendFile(data);
      this.#bytes += data.length;
    } catch (error) {
      await this.#handle.truncate(this.#bytes).catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
