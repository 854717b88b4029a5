import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { BatchKey, HistoryItem } from './HistoryItem.ts';
import { decodeRecord, encodeRecord, findRecords } from './spoolRecords.ts';

const defaultSegmentBytes = 8 * 1024 * 1024;
/** Free space of the disk that is left to others. */
const defaultMinFreeBytes = 256 * 1024 * 1024;
const freeKnownForMs = 1_000;
export const segmentName = /^(\d{12})\.spool$/;
export const segmentPath = (folder: string, number: number): string =>
  join(folder, `${String(number).padStart(12, '0')}.spool`);

/** What a disk does; tests have a full one. */
export interface SpoolDisk {
  write(file: FileHandle, bytes: Buffer, position: number): Promise<void>;
  sync(file: FileHandle): Promise<void>;
  freeBytes(folder: string): Promise<number>;
}

const realDisk: SpoolDisk = {
  async write(file, bytes, position) {
    for (let at = 0; at < bytes.length;) {
      at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
  },
  sync: (file) => file.datasync(),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

export interface HistorySpoolOptions {
  /** Nobody else's. */
  folder: string;
  /** Of all segments together. */
  maxBytes: number;
  logger: Logger;
  /** Records that were acknowledged and can't be read any more. */
  onSpoiled(records: number): void;
  segmentBytes?: number;
  minFreeBytes?: number;
  disk?: SpoolDisk;
}

/** The spool takes nothing more: its own bound, or the disk's. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull';
}

interface SpooledRecord {
  offset: number;
  bytes: number;
  items: number;
}

interface Segment {
  number: number;
  path: string;
  /** Of the file. */
  bytes: number;
  /** Not drained yet, oldest first. */
  records: SpooledRecord[];
  /** Open while it is written or read. */
  file: FileHandle | undefined;
  sealed: boolean;
}

/** A record that is read and not drained yet. */
export interface SpooledItems {
  items: HistoryItem[];
  /** No items by our schemas (any more). */
  unread: unknown[];
}

/**
 * What was acknowledged before it was in the database: append-only segment files, drained oldest first. A record counts
 * as taken when it is synced to the disk; one that was not written to its end is recognised by its checksum.
 */
export class HistorySpool {
  readonly #options: HistorySpoolOptions;
  readonly #disk: SpoolDisk;
  /** Oldest first; the last one is written where it is not sealed. */
  readonly #segments: Segment[] = [];
  #nextNumber = 1;
  #last: Promise<unknown> = Promise.resolve();
  #free = { bytes: Infinity, knownAtMs: -Infinity };
  #closed = false;

  private constructor(options: HistorySpoolOptions) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
  }

  /** Opens what an earlier server left. `known`: the batches in it. */
  static async create(options: HistorySpoolOptions): Promise<{ spool: HistorySpool; known: BatchKey[] }> {
    const spool = new HistorySpool(options);
    await mkdir(options.folder, { recursive: true });
    return { spool, known: await spool.#recover() };
  }

  /** On disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Batches (and lots of events) that wait. */
  get items(): number {
    return this.#segments.reduce((sum, { records }) => sum + records.reduce((some, one) => some + one.items, 0), 0);
  }

  get empty(): boolean {
    return this.#segments.every(({ records }) => records.length === 0);
  }

  async #recover(): Promise<BatchKey[]> {
    const { folder, logger, onSpoiled } = this.#options;
    const known: BatchKey[] = [];
    for (const name of (await readdir(folder)).filter((one) => segmentName.test(one)).sort()) {
      const path = join(folder, name);
      const content = await readFile(path);
      const { records, spoiled, tornBytes } = findRecords(content);
      if (tornBytes > 0)
        logger.info({ path, tornBytes }, 'a spool segment ends in the middle of a record, as after a kill');
      if (spoiled > 0) {
        logger.error({ path, spoiled }, 'records of the history spool are spoiled: what was in them is lost');
        onSpoiled(spoiled);
      }
      const number = Number(segmentName.exec(name)![1]);
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      if (records.length === 0) {
        await rm(path);
        continue;
      }
      for (const { keys } of records) known.push(...keys);
      const kept = records.map(({ offset, bytes, items }) => ({ offset, bytes, items }));
      this.#segments.push({ number, path, bytes: content.length, records: kept, file: undefined, sealed: true });
    }
    if (!this.empty) logger.info({ bytes: this.bytes, batches: this.items }, 'the history spool has something left');
    return known;
  }

  /**
   * Resolves when all of them are on the disk.
   * @throws SpoolFull, or the disk's own error; then none of them was taken.
   */
  append(items: readonly HistoryItem[]): Promise<void> {
    return this.#one(async () => {
      const record = await encodeRecord(items);
      await this.#refuseWhereFull(record.length);
      const segment = await this.#writable();
      const offset = segment.bytes;
      try {
        await this.#disk.write(segment.file!, record, offset);
        await this.#disk.sync(segment.file!);
      } catch (error) {
        await this.#cut(segment, offset);
        if (isNoSpace(error)) throw new SpoolFull('the disk is full');
        throw error;
      }
      segment.bytes = offset + record.length;
      segment.records.push({ offset, bytes: record.length, items: items.length });
      if (segment.bytes >= (this.#options.segmentBytes ?? defaultSegmentBytes)) await this.#seal(segment);
    });
  }

  /** The oldest record, which stays until `drained`. Undefined: there is none. Skips (and counts) what can't be read. */
  async oldest(): Promise<SpooledItems | undefined> {
    for (;;) {
      const segment = this.#segments[0];
      const record = segment?.records[0];
      if (!segment || !record) return undefined;
      try {
        return await this.#one(() => this.#read(segment, record));
      } catch (error) {
        // Of a disk that fails for a while it is tried again; what is read and wrong will not become right.
        if ((error as NodeJS.ErrnoException).code !== undefined && !isUnreadable(error)) throw error;
        this.#options.logger.error(
          { path: segment.path, reason: (error as Error).message, items: record.items },
          'a record of the history spool can not be read: what was in it is lost',
        );
        this.#options.onSpoiled(1);
        await this.drained();
      }
    }
  }

  async #read(segment: Segment, { offset, bytes }: SpooledRecord): Promise<SpooledItems> {
    // From here on it is read: what comes next has a segment of its own.
    if (!segment.sealed) await this.#seal(segment);
    segment.file ??= await open(segment.path, 'r');
    const record = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await segment.file.read(record, 0, bytes, offset);
    return decodeRecord(record.subarray(0, bytesRead));
  }

  /** The oldest record is in the database (or put aside). */
  drained(): Promise<void> {
    return this.#one(async () => {
      const segment = this.#segments[0];
      if (!segment) return;
      segment.records.shift();
      if (segment.records.length > 0) return;
      if (!segment.sealed) await this.#seal(segment);
      this.#segments.shift();
      await segment.file?.close();
      segment.file = undefined;
      await rm(segment.path, { force: true });
    });
  }

  async #refuseWhereFull(bytes: number): Promise<void> {
    if (this.#closed) throw new SpoolFull('the spool is closed');
    const { folder, maxBytes, minFreeBytes = defaultMinFreeBytes } = this.#options;
    if (this.bytes + bytes > maxBytes) throw new SpoolFull(`the spool has its ${maxBytes} bytes`);
    const now = performance.now();
    if (now - this.#free.knownAtMs > freeKnownForMs) {
      this.#free = { bytes: await this.#disk.freeBytes(folder), knownAtMs: now };
    }
    if (this.#free.bytes < minFreeBytes + bytes) throw new SpoolFull('the disk is nearly full');
    this.#free.bytes -= bytes;
  }

  async #writable(): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last && !last.sealed) return last;
    const number = this.#nextNumber++;
    const path = segmentPath(this.#options.folder, number);
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL, 0o600).catch((error: unknown) => {
      throw isNoSpace(error) ? new SpoolFull('the disk is full') : error;
    });
    try {
      await syncFolder(this.#options.folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    const segment: Segment = { number, path, bytes: 0, records: [], file, sealed: false };
    this.#segments.push(segment);
    return segment;
  }

  /** Nothing of a record that was not taken may be read; after an error of the disk nothing more goes to that file. */
  async #cut(segment: Segment, offset: number): Promise<void> {
    await segment.file?.truncate(offset).catch(() => undefined);
    await this.#seal(segment);
    if (segment.records.length > 0) return;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await rm(segment.path, { force: true }).catch(() => undefined);
  }

  async #seal(segment: Segment): Promise<void> {
    segment.sealed = true;
    const { file } = segment;
    segment.file = undefined;
    await file?.close().catch(() => undefined); // all that counts is synced
  }

  /** One after another. */
  #one<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** What is in it stays for the next server. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    for (const segment of this.#segments) await this.#seal(segment);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
const isNoSpace = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
/** Gone, or not what Zstandard made. */
const isUnreadable = (error: unknown): boolean =>
  codeOf(error) === 'ENOENT' || codeOf(error).startsWith('ZSTD_') || codeOf(error).startsWith('ERR_');

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
