import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Logger } from 'pino';
import {
  hlsFolder,
  hlsNames,
  Refusal,
  type HlsView,
  type Opaque,
  type StoredRecording,
} from '@framelock/server/protocol';
import { readUdpDrops } from '@framelock/server/protocol/tap';
import type { HlsConfig } from './config.ts';
import { DropTotals } from './DropTotals.ts';
import { HlsPublication } from './HlsPublication.ts';
import { observeHls } from './hlsMetrics.ts';
import { Origin } from './origin/Origin.ts';
import type { Mp4Download, PackagedPublication, PackagedPublications } from './origin/PackagedPublications.ts';
import { RecordingLibrary } from './recording/RecordingLibrary.ts';
import { publicationFileName } from './store/publicationFile.ts';
import { S3Mirror } from './store/S3Mirror.ts';
import { Thumbnailer } from './store/Thumbnailer.ts';

export interface HlsNodeOptions {
  config: HlsConfig;
  /** Bearer of the origin. */
  token: string;
  log: Logger;
  onWant(publicationId: string): void;
  onUnwant(publicationId: string): void;
  onView(view: { publicationId: string; streamId: string; hls: HlsView }): void;
  onRecording(recording: StoredRecording): void;
}

/** Viewers of a Publication that ended play on to its end. */
const keepEndedMs = 60_000;
const kernelDropsEveryMs = 5_000;
const turnedOff = new Refusal('notFound', 'HLS of this Stream is turned off');

/** All HLS of this process: the live Publications' packagers, the Recordings, and the origin that serves both. */
export class HlsNode implements PackagedPublications {
  readonly #options: HlsNodeOptions;
  readonly #log: Logger;
  readonly #registry = new Registry();
  readonly #publications = new Map<string, HlsPublication>();
  /** The live one of each Stream. */
  readonly #live = new Map<string, HlsPublication>();
  readonly #releases = new Map<HlsPublication, NodeJS.Timeout>();
  readonly #library: RecordingLibrary;
  readonly #mirror: S3Mirror | undefined;
  readonly #thumbnailer: Thumbnailer;
  readonly #drops = new DropTotals();
  readonly #dropsTimer: NodeJS.Timeout;
  #origin!: Origin;
  #closed = false;

  private constructor(options: HlsNodeOptions, library: RecordingLibrary) {
    const { config, log } = options;
    this.#options = options;
    this.#log = log;
    this.#library = library;
    this.#mirror = config.s3 ? new S3Mirror({ ...config.s3, log }) : undefined;
    this.#thumbnailer = new Thumbnailer({ ffmpegBin: config.ffmpegBin });
    this.#dropsTimer = setInterval(() => void this.#countKernelDrops(), kernelDropsEveryMs);
    collectDefaultMetrics({ register: this.#registry, prefix: 'framelock_hls_' });
  }

  /** Repairs what a crash left, then listens. */
  static async create(options: HlsNodeOptions): Promise<HlsNode> {
    const { config, log } = options;
    const library = await RecordingLibrary.create({
      dir: config.dir,
      ffmpegBin: config.ffmpegBin,
      log,
      onRecording: options.onRecording,
      onDeleted: (streamId, publicationId, names) => node.#removeCopies(hlsFolder(streamId, publicationId), names),
    });
    const node: HlsNode = new HlsNode(options, library);
    const { host, port } = config;
    node.#origin = await Origin.create({ publications: node, token: options.token, host, port, log });
    observeHls(node.#registry, {
      dir: config.dir,
      drops: node.#drops,
      origin: node.#origin,
      publications: () => node.#publications.values(),
      thumbnailer: node.#thumbnailer,
      mirror: node.#mirror,
    });
    return node;
  }

  get url(): string {
    return this.#options.config.url ?? this.#origin.url;
  }

  /** That the origin listens on. */
  get port(): number {
    return Number(new URL(this.#origin.url).port);
  }

  publication(publicationId: string): HlsPublication {
    const publication = this.#publications.get(publicationId);
    if (!publication) throw new Refusal('notFound', `there is no Publication ${publicationId}`);
    return publication;
  }

  /** `restarts`: hls processes of this sfu before this one, whose names may be in caches. */
  addPublication(publicationId: string, streamId: string, restarts: number): void {
    if (this.#closed || this.#publications.has(publicationId)) return;
    const { config, log, onWant, onUnwant, onView } = this.#options;
    const folder = hlsFolder(streamId, publicationId);
    const publication: HlsPublication = new HlsPublication({
      ...{ streamId, publicationId, restarts, log },
      ...{ dir: config.dir, ffmpegBin: config.ffmpegBin, windowS: config.windowS, maxBytes: config.maxBytes },
      idleAfterMs: config.idleS * 1_000,
      thumbnailer: this.#thumbnailer,
      onWant: () => onWant(publicationId),
      onUnwant: () => onUnwant(publicationId),
      onView: (hls) => onView({ publicationId, streamId, hls }),
      onRecording: (store) => this.#library.follow(store),
      onWritten: (name, data) => this.#mirror?.put(`${folder}/${name}`, data),
      onRemoved: (names) => this.#removeCopies(folder, names),
      onPlaylist: (plain, multivariant) => {
        this.#mirror?.put(`${folder}/${hlsNames.plain}`, Buffer.from(plain));
        if (multivariant) this.#mirror?.put(`${folder}/${hlsNames.multivariant}`, Buffer.from(multivariant));
      },
    });
    this.#publications.set(publicationId, publication);
    this.#live.set(streamId, publication);
  }

  #removeCopies(folder: string, names: readonly string[]): void {
    // Its whole folder: with it goes what only the copy has.
    const all = names.includes(publicationFileName) ? [...names, hlsNames.plain, hlsNames.multivariant] : names;
    this.#mirror?.remove(all.map((name) => `${folder}/${name}`));
  }

  async #countKernelDrops(): Promise<void> {
    const drops = this.#publications.size > 0 ? await readUdpDrops() : undefined;
    if (drops) for (const publication of this.#publications.values()) publication.countKernelDrops(drops);
    this.#drops.count(this.#publications.values());
  }

  addDetection(publicationId: string, detection: Uint8Array): void {
    this.#publications.get(publicationId)?.addDetection(detection);
  }

  async endPublication(publicationId: string, reason: string): Promise<void> {
    const publication = this.#publications.get(publicationId);
    if (!publication || this.#releases.has(publication)) return;
    this.#log.info({ publicationId, streamId: publication.streamId, reason }, 'Publication ended');
    if (this.#live.get(publication.streamId) === publication) this.#live.delete(publication.streamId);
    this.#releases.set(
      publication,
      setTimeout(() => void this.#release(publication), keepEndedMs),
    );
    this.#drops.count(this.#publications.values());
    await publication.close();
  }

  async #release(publication: HlsPublication): Promise<void> {
    clearTimeout(this.#releases.get(publication));
    this.#releases.delete(publication);
    this.#publications.delete(publication.publicationId);
    await publication
      .release()
      .catch((error: unknown) => this.#log.error({ err: error }, 'letting go of a Publication that ended'));
  }

  want(streamId: string): PackagedPublication | 'starting' | undefined {
    const publication = this.#live.get(streamId);
    if (!publication) return undefined;
    if (!publication.asked()) throw turnedOff;
    return publication.store ? publication.playlists : 'starting';
  }

  find(
    streamId: string,
    publicationId: string,
  ): PackagedPublication | undefined | Promise<PackagedPublication | undefined> {
    const publication = this.#publications.get(publicationId);
    if (!publication) return this.#library.find(streamId, publicationId);
    if (publication.streamId !== streamId) return undefined;
    const isOff = !publication.asked();
    if (publication.store || (!isOff && !publication.closed)) return publication.playlists;
    // Of one that packages nothing any more there may be a Recording.
    const recorded = this.#library.find(streamId, publicationId);
    if (!recorded && isOff) throw turnedOff;
    return recorded;
  }

  download(streamId: string, publicationId: string): Promise<Mp4Download> {
    return this.#library.download(streamId, publicationId);
  }

  listRecordings(): Promise<StoredRecording[]> {
    return this.#library.list();
  }

  async deleteRecording(streamId: string, publicationId: string): Promise<void> {
    const publication = this.#publications.get(publicationId);
    if (publication && !publication.closed) {
      throw new Refusal('conflict', 'this Recording is being made; turn recording off or end the Publication first');
    }
    if (publication) await this.#release(publication);
    await this.#library.delete(streamId, publicationId);
  }

  async scrape(): Promise<string> {
    return this.#registry.metrics();
  }

  /** What is on its way to disks is there. */
  async written(): Promise<void> {
    for (const { store } of this.#publications.values()) await store?.written();
  }

  /** Ends what is live in order: playlists end, Recordings are complete. */
  async close(_reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#dropsTimer);
    const all = [...this.#publications.values()];
    await Promise.allSettled(all.map((publication) => publication.close()));
    await Promise.allSettled(all.map((publication) => this.#release(publication)));
    this.#library.close('shutdown');
    await Promise.allSettled([
      this.#origin.close('shutdown'),
      this.#thumbnailer.close(),
      this.#mirror?.close('shutdown'),
    ]);
  }

  dump(): Opaque {
    return {
      publications: [...this.#publications.values()].map((one) => one.dump()),
      origin: this.#origin.dump(),
    };
  }
}
