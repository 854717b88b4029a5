import { mkdir, readdir, rm, statfs, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hlsFolder, hlsNames, hlsTimescale, type StoredRecording } from '@framelock/server/protocol';
import type { InitSection, Part, Segment } from '../media.ts';
import { AppendFile, writeFileAtomic } from './atomicFile.ts';
import { AwaitedFiles } from './AwaitedFiles.ts';
import { parseFileName, partNames, segmentNames } from './fileNames.ts';
import { readPublicationFile, writePublicationFile, type PublicationFile } from './publicationFile.ts';
import { RecentFiles } from './RecentFiles.ts';
import { recoverFolder } from './recoverFolder.ts';
import {
  formatLine,
  formatSegmentIndex,
  indexFileName,
  type IndexLine,
  type StoredInit,
  type StoredPart,
  type StoredSegment,
} from './segmentIndex.ts';
import { StorageProblem } from './StorageProblem.ts';
import type { StoredFiles } from './StoredFiles.ts';
import { summarise } from './summarise.ts';
import { WriteQueue } from './WriteQueue.ts';

export interface SegmentStoreOptions {
  /** `DATA_DIR/hls`. */
  dir: string;
  streamId: string;
  publicationId: string;
  recording: boolean;
  /** Told once: it writes nothing any more. Close it; create another one when `SegmentStore.hasRoom`. */
  onProblem(problem: StorageProblem): void;
  /** A file is whole and on the disk (init, Segment, sidecar, thumbnail, model; no Parts). */
  onWritten?(name: string, data: Buffer): void;
  /** Files are gone: retention. */
  onRemoved?(names: readonly string[]): void;
  /** Of the newest files, in memory. */
  memoryBytes?: number;
  /** Of what waits for the disk. */
  queueBytes?: number;
  /** Files of Parts stay so long behind the live edge, media seconds; more than playlists list. */
  partKeepS?: number;
  /** Files that retention dropped stay so long for players with an older playlist. */
  removeAfterMs?: number;
  /** Wall clock. */
  now?(): number;
}

export interface RetentionLimits {
  maxAgeS?: number | null;
  maxBytes?: number | null;
}

const megabyte = 1_000_000;
/** Lines that a compaction would save before it is worth one. */
const spareLines = 1_024;

/**
 * One Publication's folder, `<dir>/<streamId>/<publicationId>/`, and its newest files in memory. Every `put` is answered
 * from memory at once and written in order behind it. An existing folder is repaired and continued: the next msn and init
 * index are `nextMsn` and `nextInitIndex`.
 */
export class SegmentStore implements StoredFiles {
  readonly streamId: string;
  readonly publicationId: string;
  readonly folder: string;
  readonly #options: Required<SegmentStoreOptions>;
  readonly #queue: WriteQueue;
  readonly #recent: RecentFiles;
  readonly #awaited = new AwaitedFiles();
  /** Init sections and models: few, and every player asks for them. */
  readonly #lasting = new Map<string, Buffer>();
  #file: PublicationFile;
  #index!: AppendFile;
  #lines = 0;
  #inits: StoredInit[] = [];
  #segments: StoredSegment[] = [];
  /** Of the Segment that grows. */
  #parts: { stored: StoredPart; data: Buffer }[] = [];
  /** Segments whose Parts still have files. `endTicks`: on the sum of all durations, which no jump of the clock bends. */
  readonly #parted: { msn: number; parts: number; endTicks: number; onDisk: boolean }[] = [];
  #endTicks = 0;
  #bytes = 0;
  #ticks = 0;
  /** Dropped Segments whose files are still there. */
  readonly #leaving: { names: string[]; atMs: number }[] = [];
  #nextMsn = 0;
  #nextInitIndex = 0;
  #awaitsSidecars = true;
  #closing: Promise<void> | undefined;
  readonly counts = { written: 0, removed: 0 };

  private constructor(options: SegmentStoreOptions, folder: string, file: PublicationFile) {
    this.#options = {
      onWritten: () => undefined,
      onRemoved: () => undefined,
      memoryBytes: 32 * megabyte,
      queueBytes: 64 * megabyte,
      partKeepS: 30,
      removeAfterMs: 30_000,
      now: Date.now,
      ...options,
    };
    this.streamId = options.streamId;
    this.publicationId = options.publicationId;
    this.folder = folder;
    this.#file = file;
    this.#recent = new RecentFiles(this.#options.memoryBytes);
    this.#queue = new WriteQueue({ maxBytes: this.#options.queueBytes, onProblem: (problem) => this.#fail(problem) });
  }

  /** @throws StorageProblem */
  static async create(options: SegmentStoreOptions): Promise<SegmentStore> {
    const { dir, streamId, publicationId, recording, now = Date.now } = options;
    const folder = join(dir, hlsFolder(streamId, publicationId));
    try {
      await mkdir(folder, { recursive: true });
      const before = await readPublicationFile(folder);
      const createdAtMs = before?.createdAtMs ?? now();
      // One that is continued as a Recording stays one: nobody asked for its past to be deleted.
      const kept = recording || (before?.recording ?? false);
      const file = { v: 1, streamId, publicationId, createdAtMs, recording: kept, state: 'live' } as const;
      const store = new SegmentStore(options, folder, file);
      const index = await recoverFolder(folder);
      await writePublicationFile(folder, file);
      store.#adopt(index);
      store.#index = await AppendFile.create(join(folder, indexFileName));
      return store;
    } catch (error) {
      throw StorageProblem.of(error);
    }
  }

  /** Whether a store can be created again after a problem. Writes a little, since quotas show nowhere else. */
  static async hasRoom(dir: string, bytes = 16 * megabyte): Promise<boolean> {
    const probe = join(dir, `.room-${process.pid}.tmp`);
    try {
      await mkdir(dir, { recursive: true });
      const { bavail, bsize } = await statfs(dir);
      if (bavail * bsize < bytes) return false;
      await writeFile(probe, Buffer.alloc(megabyte, 1));
      return true;
    } catch {
      return false;
    } finally {
      await rm(probe, { force: true }).catch(() => undefined);
    }
  }

  get inits(): readonly StoredInit[] {
    return this.#inits;
  }

  /** All that are kept, the oldest first. */
  get segments(): readonly StoredSegment[] {
    return this.#segments;
  }

  get nextMsn(): number {
    return this.#nextMsn;
  }

  get nextInitIndex(): number {
    return this.#nextInitIndex;
  }

  get recording(): boolean {
    return this.#file.recording;
  }

  /** On their way to the disk. */
  get waitingBytes(): number {
    return this.#queue.bytes;
  }

  get problem(): StorageProblem | undefined {
    return this.#queue.problem;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** As a Recording, also when it is none. */
  summary(): StoredRecording {
    return summarise(this.#file, this.#inits, this.#segments, { ticks: this.#ticks, bytes: this.#bytes });
  }

  #adopt(index: Awaited<ReturnType<typeof recoverFolder>>): void {
    this.#inits = index.inits;
    this.#segments = index.segments;
    this.#nextMsn = index.nextMsn;
    this.#nextInitIndex = index.nextInitIndex;
    this.#lines = index.inits.length + index.segments.length;
    for (const { duration, bytes, extraBytes } of index.segments) {
      this.#ticks += duration;
      this.#bytes += bytes + extraBytes;
    }
    this.#endTicks = this.#ticks;
  }

  putInit(init: InitSection): void {
    const { index, data, codecs, width, height, hasAudio } = init;
    const stored = { index, codecs, width, height, hasAudio, bytes: data.length };
    this.#inits.push(stored);
    this.#nextInitIndex = Math.max(this.#nextInitIndex, index + 1);
    this.#putLasting(hlsNames.init(index), data);
    this.#append({ k: 'init', ...stored });
  }

  /** JSON of a model's description. */
  putModel(revision: number, data: Buffer): void {
    this.#putLasting(hlsNames.model(revision), data);
  }

  /**
   * `segment`: what is known of its Segment already; with it a crash can make one of its Parts. Only a Recording has to
   * survive that: without one a Part is in memory only, until its Segment is written, since six writes a second for each
   * Stream cost more than packaging it.
   */
  putPart(part: Part, segment: Pick<Segment, 'initIndex' | 'discontinuity' | 'unixMs'>): void {
    const { msn, index, start, duration, data } = part;
    if (index === 0) this.#parts = [];
    const { initIndex, discontinuity, unixMs } = segment;
    const stored: StoredPart = { msn, index, start, duration, initIndex, discontinuity, unixMs, bytes: data.length };
    this.#parts.push({ stored, data });
    this.#nextMsn = Math.max(this.#nextMsn, msn + 1);
    const name = hlsNames.part(msn, index);
    this.#putPiece(name, data);
    if (this.#file.recording) this.#append({ k: 'part', ...stored });
    this.#awaited.settle(name, data);
  }

  /** Makes the Segment's file of the Parts that were put. */
  endSegment(segment: Segment): void {
    const { msn, initIndex, start, duration, discontinuity, unixMs } = segment;
    const data = Buffer.concat(this.#parts.map((part) => part.data));
    const name = hlsNames.segment(msn);
    this.#put(name, data, true);
    let from = 0;
    for (const { stored } of this.#parts) {
      this.#recent.share(hlsNames.part(msn, stored.index), data.subarray(from, from + stored.bytes));
      from += stored.bytes;
    }
    const stored = { msn, initIndex, start, duration, discontinuity, unixMs, bytes: data.length, extraBytes: 0 };
    this.#segments.push(stored);
    this.#append({ k: 'segment', ...stored });
    this.#bytes += data.length;
    this.#ticks += duration;
    this.#endTicks += duration;
    this.#parted.push({
      msn,
      parts: this.#parts.length,
      endTicks: this.#endTicks,
      onDisk: this.#file.recording,
    });
    const lastPart = this.#parts.length - 1;
    this.#parts = [];
    this.#nextMsn = Math.max(this.#nextMsn, msn + 1);
    this.#awaited.settle(name, data);
    // A hint that did not come true.
    this.#awaited.giveUp((awaited) => {
      const file = parseFileName(awaited)!;
      const isPart = file.kind === 'part' || file.kind === 'partSidecar';
      return isPart && file.number <= msn && (file.number < msn || file.part > lastPart);
    });
    this.#removeOldParts();
    this.#compactWhenWorth();
  }

  /** `name` as `hlsNames.sidecarOf` makes it. */
  putSidecar(name: string, data: Buffer): void {
    const file = parseFileName(name)!;
    const ofSegment = file.kind === 'segmentSidecar';
    // Its media went before it came.
    if (ofSegment && this.#addExtra(file.number, data.length) === undefined) return;
    if (ofSegment) this.#put(name, data, true);
    else this.#putPiece(name, data);
    this.#awaited.settle(name, data);
  }

  putThumbnail(msn: number, data: Buffer): void {
    if (this.#addExtra(msn, data.length) !== undefined) this.#put(hlsNames.thumbnail(msn), data, true);
  }

  /** No sidecar comes any more: nobody waits for one. */
  sidecarsOver(): void {
    this.#awaitsSidecars = false;
    this.#awaited.giveUp((name) => name.endsWith('.det'));
  }

  setRecording(recording: boolean): void {
    if (recording === this.#file.recording) return;
    this.#setFile({ ...this.#file, recording });
  }

  /** The Publication ended in order: what was put is all. */
  complete(): void {
    this.#awaited.giveUp(() => true);
    this.sidecarsOver();
    this.#file = { ...this.#file, state: 'complete' };
    this.#setFile({ ...this.#file, summary: this.summary() });
  }

  /**
   * Drops the oldest Segments until the rest fits; the newest stays. Their files go a little later, at the next call.
   * @returns the first msn that is there now: the playlist's too.
   */
  retain({ maxAgeS, maxBytes }: RetentionLimits): { firstMsn: number; dropped: number } {
    const maxTicks = maxAgeS == null ? Infinity : maxAgeS * hlsTimescale;
    let drop = 0;
    while (drop < this.#segments.length - 1) {
      const segment = this.#segments[drop]!;
      const tooOld = this.#ticks - segment.duration >= maxTicks;
      if (!tooOld && this.#bytes <= (maxBytes ?? Infinity)) break;
      this.#ticks -= segment.duration;
      this.#bytes -= segment.bytes + segment.extraBytes;
      drop++;
    }
    const nowMs = this.#options.now();
    if (drop > 0) {
      const dropped = this.#segments.splice(0, drop);
      this.#append({ k: 'drop', before: this.#segments[0]!.msn });
      this.#leaving.push({ names: dropped.flatMap(({ msn }) => segmentNames(msn)), atMs: nowMs });
    }
    while (this.#leaving[0] && nowMs - this.#leaving[0].atMs >= this.#options.removeAfterMs) {
      this.#remove(this.#leaving.shift()!.names);
    }
    return { firstMsn: this.#segments[0]?.msn ?? this.#nextMsn, dropped: drop };
  }

  held(name: string): Buffer | undefined {
    return this.#recent.get(name) ?? this.#lasting.get(name);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  wait(name: string): Promise<Buffer | undefined> | undefined {
    if (this.closed || this.#file.state !== 'live') return undefined;
    const file = parseFileName(name);
    if (!file) return undefined;
    const { kind, number: msn, part } = file;
    if (kind === 'part' && this.#isNextPart(msn, part)) return this.#awaited.wait(name);
    if (!this.#awaitsSidecars) return undefined;
    const media = name.replace(/\.det$/, '.m4s');
    const isOpen =
      (kind === 'partSidecar' && (this.#isNextPart(msn, part) || this.#recent.get(media) !== undefined)) ||
      (kind === 'segmentSidecar' && (this.#recent.get(media) !== undefined || this.#parts[0]?.stored.msn === msn));
    return isOpen ? this.#awaited.wait(name) : undefined;
  }

  /** What is on its way to the disk is there, or a problem was told. */
  async written(): Promise<void> {
    await this.#queue.idle();
  }

  /** Writes what waits. `keep` false: its whole folder goes. Idempotent. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    this.#closing ??= this.#close(keep);
    await this.#closing;
  }

  async #close(keep: boolean): Promise<void> {
    this.#awaited.giveUp(() => true);
    // Of a Segment that could not be written the Parts are all there is: whoever continues this makes it of them.
    const isWhole = this.#parts.length === 0 && !this.#queue.problem;
    if (isWhole) for (const one of this.#parted.splice(0)) this.#removeParts(one);
    for (const { names } of this.#leaving.splice(0)) this.#remove(names);
    await this.#queue.idle();
    await this.#index.close();
    this.#recent.clear();
    this.#lasting.clear();
    if (keep) return;
    const names = await readdir(this.folder).catch(() => []);
    await rm(this.folder, { recursive: true, force: true });
    this.#options.onRemoved(names);
  }

  #isNextPart(msn: number, part: number): boolean {
    const last = this.#parts.at(-1)?.stored;
    return last ? msn === last.msn && part === last.index + 1 : msn === this.#nextMsn && part === 0;
  }

  #putLasting(name: string, data: Buffer): void {
    if (this.#lasting.size >= 64) this.#lasting.delete(this.#lasting.keys().next().value!);
    this.#lasting.set(name, data);
    this.#write(name, data, true);
  }

  /** A Part or its sidecar. */
  #putPiece(name: string, data: Buffer): void {
    if (this.#file.recording) this.#put(name, data, false);
    else this.#recent.put(name, data);
  }

  #put(name: string, data: Buffer, lasts: boolean): void {
    this.#recent.put(name, data);
    this.#write(name, data, lasts);
  }

  #write(name: string, data: Buffer, lasts: boolean): void {
    this.#queue.add(data.length, async () => {
      await writeFileAtomic(this.folder, name, data);
      this.#recent.written(name);
      this.counts.written++;
      if (lasts) this.#options.onWritten(name, data);
    });
  }

  #append(line: IndexLine): void {
    this.#lines++;
    const text = formatLine(line);
    this.#queue.add(text.length, () => this.#index.append(text));
  }

  #setFile(file: PublicationFile): void {
    this.#file = file;
    this.#queue.add(0, () => writePublicationFile(this.folder, file));
  }

  #addExtra(msn: number, bytes: number): StoredSegment | undefined {
    const segment = this.#segments[msn - (this.#segments[0]?.msn ?? 0)];
    if (!segment) return undefined;
    segment.extraBytes += bytes;
    this.#bytes += bytes;
    this.#append({ k: 'extra', msn, bytes });
    return segment;
  }

  #removeOldParts(): void {
    const keepTicks = this.#options.partKeepS * hlsTimescale;
    while (this.#parted[0] && this.#endTicks - this.#parted[0].endTicks > keepTicks) {
      this.#removeParts(this.#parted.shift()!);
    }
  }

  #removeParts({ msn, parts, onDisk }: { msn: number; parts: number; onDisk: boolean }): void {
    const names: string[] = [];
    for (let part = 0; part < parts; part++) names.push(...partNames(msn, part));
    if (onDisk) this.#unlink(names);
    else for (const name of names) this.#recent.delete(name);
  }

  #remove(names: readonly string[]): void {
    this.#unlink(names);
    this.#queue.add(0, () => Promise.resolve(this.#options.onRemoved(names)));
  }

  /** Also after a problem: it is what makes room. */
  #unlink(names: readonly string[]): void {
    for (const name of names) this.#recent.delete(name);
    const run = async (): Promise<void> => {
      for (const name of names) await unlink(join(this.folder, name)).catch(ignoreAbsent);
      this.counts.removed += names.length;
    };
    if (this.#queue.problem) void run().catch(() => undefined);
    else this.#queue.add(0, run);
  }

  /** Rewrites the index when most of it says what no longer is. */
  #compactWhenWorth(): void {
    const needed = this.#inits.length + this.#segments.length;
    if (this.#lines - needed < needed + spareLines) return;
    this.#lines = needed;
    const text = formatSegmentIndex({ inits: this.#inits, segments: this.#segments, parts: [] });
    this.#queue.add(text.length, async () => {
      await writeFileAtomic(this.folder, indexFileName, text);
      await this.#index.close();
      this.#index = await AppendFile.create(join(this.folder, indexFileName));
    });
  }

  #fail(problem: StorageProblem): void {
    this.#awaited.giveUp(() => true);
    this.#options.onProblem(problem);
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
