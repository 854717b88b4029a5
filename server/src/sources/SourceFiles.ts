import { lstat, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadableStreamDefaultReader, ReadableStream as WebStream } from 'node:stream/web';
import type { z } from 'zod';
import { newId } from '../newId.ts';
import { Refusal, type sourceFileSchema } from '../protocol/index.ts';
import { isMediaFile, mediaExtensions, sniffBytes } from './isMediaFile.ts';

export type SourceFile = z.output<typeof sourceFileSchema>;
type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** Left free on the disk, for database and logs. */
const keepFreeBytes = 256 * 1024 ** 2;
/** How often the free room is looked at while an upload comes in whose length nobody said. */
const spaceEveryBytes = 64 * 1024 ** 2;
const maxUploadsAtOnce = 4;
/** A caller that sends nothing for this long has gone. */
const idleTimeoutMs = 30_000;
/** Of a body that is refused, this much is still read. */
const dropBytes = 64 * 1024 ** 2;
const dropWithinMs = 3_000;
const maxListed = 1_000;
const uploadPrefix = '.upload-';

export interface SourceFilesOptions {
  folder: string;
  maxBytes: number;
  idleTimeoutMs?: number;
  /** Bytes free on the disk of the folder; tests say less. */
  freeBytes?(folder: string): Promise<number>;
}

/** The folder of files that Sources may play: names without folders, nothing hidden, no links. */
export class SourceFiles {
  readonly #options: SourceFilesOptions;
  /** Names being uploaded. */
  readonly #coming = new Set<string>();

  private constructor(options: SourceFilesOptions) {
    this.#options = options;
  }

  /** Removes what uploads left that a dead server did not finish. */
  static async create(options: SourceFilesOptions): Promise<SourceFiles> {
    const files = new SourceFiles(options);
    const names = await readdir(options.folder).catch(() => []);
    for (const name of names) if (name.startsWith(uploadPrefix)) await rm(join(options.folder, name), { force: true });
    return files;
  }

  /** By name. */
  async list(): Promise<SourceFile[]> {
    const names = await readdir(this.#options.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const files: SourceFile[] = [];
    for (const name of names.filter(isFileName).sort((a, b) => a.localeCompare(b))) {
      const file = await this.#find(name);
      if (file && files.push(file) >= maxListed) break;
    }
    return files;
  }

  /** Refuses what is not there. */
  async require(name: string): Promise<SourceFile> {
    if (!isFileName(name)) {
      throw new Refusal('badRequest', 'url: a Source of type file takes the name of a file, without folders');
    }
    const file = await this.#find(name);
    if (!file) throw new Refusal('unsupported', `there is no file ${name}: upload it first, or put it into the folder`);
    return file;
  }

  async #find(name: string): Promise<SourceFile | undefined> {
    // lstat: a link would lead out of the folder.
    const stats = await lstat(join(this.#options.folder, name)).catch(() => undefined);
    if (!stats?.isFile()) return undefined;
    return { name, sizeBytes: stats.size, modifiedAt: stats.mtime.toISOString() };
  }

  async delete(name: string): Promise<void> {
    if (!isFileName(name) || !(await this.#find(name))) throw new Refusal('notFound', 'there is no such file');
    await rm(join(this.#options.folder, name), { force: true });
  }

  /** Takes a whole body, or nothing of it: it has its name only when all of it is there. */
  async upload(wish: {
    name: string;
    body: WebStream<Uint8Array> | null;
    lengthBytes: number | undefined;
  }): Promise<SourceFile> {
    if (!wish.body || wish.lengthBytes === 0) throw new Refusal('badRequest', 'the body is the file, and it is empty');
    const reader = wish.body.getReader();
    try {
      return await this.#take(fileNameOf(wish.name), reader, wish.lengthBytes ?? 0);
    } catch (error) {
      // Browsers show no answer that comes before they have sent all: what is left of a small file is read and dropped.
      await dropRest(reader);
      throw asRefusal(error);
    }
  }

  async #take(name: string, reader: BodyReader, lengthBytes: number): Promise<SourceFile> {
    const { folder, maxBytes } = this.#options;
    if (lengthBytes > maxBytes) throw tooLarge(maxBytes);
    if (this.#coming.size >= maxUploadsAtOnce) {
      throw new Refusal('rateLimited', `${maxUploadsAtOnce} uploads are coming in already: wait for one to end`);
    }
    if (this.#coming.has(name)) throw nameTaken(name);
    this.#coming.add(name);
    const partial = join(folder, `${uploadPrefix}${newId()}`);
    try {
      await mkdir(folder, { recursive: true });
      if (await this.#find(name)) throw nameTaken(name);
      await this.#requireRoom(lengthBytes);
      await this.#write(reader, partial);
      await rename(partial, join(folder, name));
      return (await this.#find(name))!;
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    } finally {
      this.#coming.delete(name);
    }
  }

  /** Bytes go to the disk while they are few enough, begin like a video file, and the disk has room. */
  async #write(reader: BodyReader, path: string): Promise<void> {
    const file = await open(path, 'wx', 0o644);
    let total = 0;
    let nextLookAt = spaceEveryBytes;
    let start: Buffer | undefined = Buffer.alloc(0);
    try {
      for (;;) {
        const { done, value } = await this.#read(reader);
        total += value?.length ?? 0;
        if (total > this.#options.maxBytes) throw tooLarge(this.#options.maxBytes);
        if (total >= nextLookAt) {
          nextLookAt += spaceEveryBytes;
          await this.#requireRoom(0);
        }
        let bytes: Uint8Array | undefined = value;
        if (start) {
          start = Buffer.concat([start, value ?? new Uint8Array()]);
          if (!done && start.length < sniffBytes) continue;
          if (!isMediaFile(start)) throw new Refusal('unsupported', `this is no video file of a known kind (${kinds})`);
          bytes = start;
          start = undefined;
        }
        if (bytes) await file.writeFile(bytes);
        if (done) return;
      }
    } finally {
      await file.close();
    }
  }

  /** One piece; refuses when none comes for too long. */
  async #read(reader: BodyReader) {
    const idleMs = this.#options.idleTimeoutMs ?? idleTimeoutMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silent = new Promise<never>((_, reject) => {
      const words = `nothing more of the file came for ${Math.round(idleMs / 1000)} s`;
      timer = setTimeout(() => reject(new Refusal('badRequest', words)), idleMs);
    });
    try {
      return await Promise.race([reader.read(), silent]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #requireRoom(bytes: number): Promise<void> {
    const free = await (this.#options.freeBytes ?? freeBytesOf)(this.#options.folder);
    if (free - bytes >= keepFreeBytes) return;
    throw new Refusal(
      'tooLarge',
      `the server's disk has ${Math.floor(free / 1024 ** 2)} MiB free, too few for this file`,
    );
  }
}

export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

const kinds = mediaExtensions.slice(0, 8).join(', ');

function nameTaken(name: string): Refusal {
  return new Refusal('conflict', `there is a file ${name} already: delete it first, or give this one another name`);
}

/** Reads on for a moment, for whoever sends before it listens. */
export async function dropRest(reader: BodyReader): Promise<void> {
  const deadline = AbortSignal.timeout(dropWithinMs);
  const late = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve(), { once: true }));
  const drop = async () => {
    for (let dropped = 0; dropped < dropBytes && !deadline.aborted;) {
      const { done, value } = await reader.read();
      if (done) return;
      dropped += value.length;
    }
  };
  await Promise.race([drop().catch(() => undefined), late]);
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('tooLarge', `a file has at most ${Math.floor(maxBytes / 1024 ** 2)} MiB here (MAX_UPLOAD_BYTES)`);
}

/** A body that stops in the middle is its sender's doing; what the disk does is ours. */
function asRefusal(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof Refusal) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Refusal('tooLarge', "the server's disk is full");
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || (error as Error).name === 'AbortError') {
    return new Refusal('badRequest', 'the body ended before its end');
  }
  return error;
}

/** What this server would call a file itself: one component, nothing hidden, nothing that a shell or a page trips over. */
export function isFileName(name: string): boolean {
  return name.length <= 200 && /^[^\p{C}/\\.][^\p{C}/\\]*$/u.test(name);
}

/** The name that an upload gets: its last component, odd characters replaced. Refuses what leaves no name. */
export function fileNameOf(wished: string): string {
  const last = wished.normalize('NFC').split(/[/\\]/).at(-1)!;
  const clean = last
    .replace(/[^\p{L}\p{N}\p{M} ._()+-]/gu, '_')
    .trim()
    .replace(/^[. -]+/, '');
  const extension = /\.([a-z0-9]{1,5})$/i.exec(clean)?.[1]?.toLowerCase();
  const stem = extension === undefined ? clean : clean.slice(0, -extension.length - 1).trim();
  if (stem === '' || !/[\p{L}\p{N}]/u.test(stem)) {
    throw new Refusal('badRequest', 'name: give the file a name, for example ?name=entrance.mp4');
  }
  if (extension === undefined || !mediaExtensions.includes(extension)) {
    throw new Refusal('unsupported', `name: it ends in none of ${mediaExtensions.map((one) => `.${one}`).join(' ')}`);
  }
  return `${[...stem].slice(0, 120).join('')}.${extension}`;
}
