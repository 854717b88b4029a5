import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { hlsFolder, idSchema, Refusal, type StoredRecording } from '@framelock/server/protocol';
import type { Mp4Download, PackagedPublication } from '../origin/PackagedPublications.ts';
import { publicationFileName, readPublicationFile, writePublicationFile } from '../store/publicationFile.ts';
import { recoverFolder } from '../store/recoverFolder.ts';
import type { SegmentStore } from '../store/SegmentStore.ts';
import { summarise, sumSegments } from '../store/summarise.ts';
import { Mp4Remux } from './Mp4Remux.ts';
import { StoredPlaylists } from './StoredPlaylists.ts';

export interface RecordingLibraryOptions {
  /** `DATA_DIR/hls`. */
  dir: string;
  ffmpegBin: string;
  log: Logger;
  /** One began, grew (at most every `tellEveryMs`), or ended. */
  onRecording(recording: StoredRecording): void;
  /** A Recording and all its files are gone: the names, for whoever has copies. */
  onDeleted?(streamId: string, publicationId: string, names: readonly string[]): void;
  tellEveryMs?: number;
  /** What a crash left of a Publication that is not recorded stays so long for it to be continued. */
  orphansAfterMs?: number;
  maxDownloads?: number;
}

interface Entry {
  recording: StoredRecording;
  /** While it may grow. */
  store: SegmentStore | undefined;
  toldAtMs: number;
}

/** Playlists of so many Recordings stay in memory. */
const maxOpen = 32;

/** The Recordings on this node: those that its stores make, and those that lie in its folder. */
export class RecordingLibrary {
  readonly #options: Required<RecordingLibraryOptions>;
  readonly #entries = new Map<string, Entry>();
  readonly #open = new Map<string, StoredPlaylists | Promise<StoredPlaylists | undefined>>();
  readonly #timer: NodeJS.Timeout;
  #orphanTimer: NodeJS.Timeout | undefined;
  readonly #downloads = new Set<Mp4Remux>();
  #closed = false;

  private constructor(options: RecordingLibraryOptions) {
    this.#options = {
      onDeleted: () => undefined,
      tellEveryMs: 10_000,
      orphansAfterMs: 60_000,
      maxDownloads: 4,
      ...options,
    };
    this.#timer = setInterval(() => this.#tellAll(), this.#options.tellEveryMs);
    this.#timer.unref();
  }

  /** Repairs what a crash left. A folder that the disk does not let it repair is left alone, and told in the log. */
  static async create(options: RecordingLibraryOptions): Promise<RecordingLibrary> {
    const library = new RecordingLibrary(options);
    const orphans: string[] = [];
    const startedAtMs = Date.now();
    for (const folder of await foldersOf(options.dir)) {
      try {
        if (!(await library.#adopt(folder))) orphans.push(folder);
      } catch (error) {
        options.log.error({ err: error, folder }, 'a Recording could not be repaired');
      }
    }
    const remove = (): void => void library.#removeOrphans(orphans, startedAtMs);
    library.#orphanTimer = setTimeout(remove, library.#options.orphansAfterMs);
    library.#orphanTimer.unref();
    return library;
  }

  get downloads(): number {
    return this.#downloads.size;
  }

  /** A store that is, or was, a Recording; called when it begins, with each Segment and at its end. */
  follow(store: SegmentStore): void {
    const { publicationId } = store;
    const known = this.#entries.get(publicationId);
    if (!store.recording) {
      this.#forget(publicationId);
      return;
    }
    const entry = known ?? { recording: store.summary(), store, toldAtMs: -Infinity };
    if (entry.store !== store) this.#open.delete(publicationId);
    const before = known?.recording.state;
    entry.store = store;
    entry.recording = store.summary();
    this.#entries.set(publicationId, entry);
    if (before !== entry.recording.state) this.#tell(entry);
    else this.#tellWhenDue(entry);
  }

  async list(): Promise<StoredRecording[]> {
    await Promise.resolve();
    for (const entry of this.#entries.values()) this.#refresh(entry);
    return [...this.#entries.values()].map(({ recording }) => recording);
  }

  /** Of one that does not grow; one that does is its Publication's. */
  find(
    streamId: string,
    publicationId: string,
  ): PackagedPublication | undefined | Promise<PackagedPublication | undefined> {
    return this.#playlistsOf(streamId, publicationId);
  }

  /** @throws Refusal `notFound`, `unavailable` */
  async download(streamId: string, publicationId: string): Promise<Mp4Download> {
    const { ffmpegBin, maxDownloads } = this.#options;
    if (this.#downloads.size >= maxDownloads) {
      throw new Refusal('unavailable', `${maxDownloads} downloads are under way: ask again`, { retryAfterS: 10 });
    }
    const entry = this.#entryOf(streamId, publicationId);
    const growing = entry?.store && !entry.store.closed ? entry.store : undefined;
    const segments = growing?.segments ?? (await this.#playlistsOf(streamId, publicationId))?.segments;
    if (!entry || !segments || segments.length === 0) throw new Refusal('notFound', 'there is no such Recording');
    await growing?.written();
    // Others may have come in while this one was looked up.
    if (this.#downloads.size >= maxDownloads || this.#closed) {
      throw new Refusal('unavailable', 'too many downloads are under way: ask again', { retryAfterS: 10 });
    }
    const remux = new Mp4Remux({ folder: this.#folderOf(streamId, publicationId), segments: [...segments], ffmpegBin });
    this.#downloads.add(remux);
    remux.stream.once('close', () => this.#downloads.delete(remux));
    const date = entry.recording.startedAt.slice(0, 19).replaceAll(/[:T]/g, '-');
    return { fileName: `${streamId}-${date}.mp4`, stream: remux.stream, stop: () => remux.stop() };
  }

  /** One that is gone is no error; who reads one of its files reads on. @throws Refusal `conflict` for one that grows. */
  async delete(streamId: string, publicationId: string): Promise<void> {
    const entry = this.#entryOf(streamId, publicationId);
    if (!entry) return;
    this.#refresh(entry);
    if (entry.recording.state === 'recording') throw new Refusal('conflict', 'this Recording is being made');
    this.#forget(publicationId);
    const folder = this.#folderOf(streamId, publicationId);
    const names = await readdir(folder).catch(() => []);
    await rm(folder, { recursive: true, force: true });
    await rmdir(join(this.#options.dir, streamId)).catch(() => undefined);
    this.#options.onDeleted(streamId, publicationId, names);
    this.#options.log.info({ streamId, publicationId }, 'Recording deleted');
  }

  /** Ends downloads. What stores write is theirs. Idempotent. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#orphanTimer);
    for (const download of this.#downloads) download.stop();
    this.#options.log.info({ reason, recordings: this.#entries.size }, 'Recordings closed');
  }

  #folderOf(streamId: string, publicationId: string): string {
    return join(this.#options.dir, hlsFolder(streamId, publicationId));
  }

  #entryOf(streamId: string, publicationId: string): Entry | undefined {
    const entry = this.#entries.get(publicationId);
    return entry?.recording.streamId === streamId ? entry : undefined;
  }

  #playlistsOf(
    streamId: string,
    publicationId: string,
  ): StoredPlaylists | undefined | Promise<StoredPlaylists | undefined> {
    if (!this.#entryOf(streamId, publicationId)) return undefined;
    const open = this.#open.get(publicationId);
    if (open) return open;
    const opening = StoredPlaylists.create({
      streamId,
      publicationId,
      folder: this.#folderOf(streamId, publicationId),
    });
    this.#open.set(publicationId, opening);
    const settle = (playlists?: StoredPlaylists): void => {
      // It may have been deleted, or be written again, since.
      if (this.#open.get(publicationId) !== opening) return;
      const isWritten = this.#entries.get(publicationId)?.store?.closed === false;
      if (playlists && !isWritten) this.#open.set(publicationId, playlists);
      else this.#open.delete(publicationId);
    };
    opening.then(settle, () => settle());
    if (this.#open.size > maxOpen) this.#open.delete(this.#open.keys().next().value!);
    return opening;
  }

  #forget(publicationId: string): void {
    this.#entries.delete(publicationId);
    this.#open.delete(publicationId);
  }

  /** What its store says; one whose store went without an end was ended by a fault. */
  #refresh(entry: Entry): void {
    const { store } = entry;
    if (!store) return;
    entry.recording = store.summary();
    if (!store.closed) return;
    entry.store = undefined;
    if (entry.recording.state === 'recording') entry.recording = { ...entry.recording, state: 'recovered' };
  }

  #tellAll(): void {
    for (const entry of this.#entries.values()) {
      const { state, segments } = entry.recording;
      this.#refresh(entry);
      if (entry.recording.state !== state) this.#tell(entry);
      else if (entry.recording.segments !== segments) this.#tellWhenDue(entry);
    }
  }

  #tellWhenDue(entry: Entry): void {
    if (performance.now() - entry.toldAtMs >= this.#options.tellEveryMs) this.#tell(entry);
  }

  #tell(entry: Entry): void {
    entry.toldAtMs = performance.now();
    this.#options.onRecording(entry.recording);
  }

  /** false: it is no Recording. */
  async #adopt(folder: string): Promise<boolean> {
    const file = await readPublicationFile(folder);
    if (!file?.recording || folder !== this.#folderOf(file.streamId, file.publicationId)) return false;
    let recording = file.state === 'live' ? undefined : file.summary;
    if (!recording) {
      const { inits, segments } = await recoverFolder(folder);
      if (segments.length === 0) return false;
      const state = file.state === 'complete' ? 'complete' : 'recovered';
      recording = summarise({ ...file, state }, inits, segments, sumSegments(segments));
      await writePublicationFile(folder, { ...file, state, summary: recording });
      this.#options.log.info({ publicationId: file.publicationId, segments: segments.length }, 'Recording recovered');
    }
    this.#entries.set(file.publicationId, { recording, store: undefined, toldAtMs: -Infinity });
    return true;
  }

  /** Those whose Publication did not come back: a store writes its file anew when it continues a folder. */
  async #removeOrphans(folders: readonly string[], startedAtMs: number): Promise<void> {
    for (const folder of folders) {
      try {
        const mtimeMs = (await stat(join(folder, publicationFileName)).catch(() => undefined))?.mtimeMs ?? 0;
        if (mtimeMs >= startedAtMs || this.#closed) continue;
        await rm(folder, { recursive: true, force: true });
        await rmdir(join(folder, '..')).catch(() => undefined);
        this.#options.log.info({ folder }, 'HLS of a Publication that is no more was removed');
      } catch (error) {
        this.#options.log.warn({ err: error, folder }, 'an HLS folder could not be removed');
      }
    }
  }
}

/** `<dir>/<streamId>/<publicationId>`, whatever else lies there. */
async function foldersOf(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const streamId of await idsIn(dir)) {
    for (const publicationId of await idsIn(join(dir, streamId))) found.push(join(dir, streamId, publicationId));
  }
  return found;
}

async function idsIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && idSchema.safeParse(entry.name).success)
    .map(({ name }) => name);
}
