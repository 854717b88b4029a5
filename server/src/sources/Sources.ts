import type { StreamRow } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import {
  type EventHandlers,
  Refusal,
  type SfuControlContract,
  type SourceSpec,
  sourceSpecSchema,
  type SourceView,
} from '../protocol/index.ts';
import type { Streams } from '../streams/Streams.ts';
import { limitConcurrency } from './limitConcurrency.ts';
import type { SourceFiles } from './SourceFiles.ts';
import { checkSourceUrl, withoutCredentials } from './sourceUrl.ts';
import { type SourceTimes, StreamSource } from './StreamSource.ts';

/** Attempts that begin at once: after a restart all Sources want to. */
const maxOpening = 4;
/** An sfu node that hangs must not keep the server from stopping. */
const closeWithinMs = 4_000;

export interface SourcesOptions {
  streams: Streams;
  /** Where the Sources are kept. */
  store: {
    setSource(id: string, source: unknown): Promise<StreamRow | undefined>;
    listWithSource(): Promise<StreamRow[]>;
  };
  files: SourceFiles;
  allowPrivateAddresses: boolean;
  logger: Logger;
  metrics: Metrics;
  times?: Partial<SourceTimes>;
}

/** All Sources of this server, by their Streams. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #sources = new Map<string, StreamSource>();
  /** One change of a Stream's Source after the other. */
  readonly #changes = new Map<string, Promise<unknown>>();
  readonly #gate = limitConcurrency(maxOpening);
  readonly #stopping = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  viewOf(streamId: string): SourceView | null {
    return this.#sources.get(streamId)?.view ?? null;
  }

  /** Which Stream's Source plays this file, if any. */
  usersOf(fileName: string): string[] {
    return [...this.#sources].flatMap(([streamId, { spec }]) =>
      spec.type === 'file' && spec.url === fileName ? [streamId] : [],
    );
  }

  /** Runs all that were set before the server stopped. What can't be started now is tried again, as ever. */
  async restore(): Promise<void> {
    const { store, logger } = this.#options;
    for (const row of await store.listWithSource()) {
      if (this.#closed) return;
      const spec = sourceSpecSchema.safeParse(row.source);
      if (spec.success && !this.#sources.has(row.id)) this.#start(row, spec.data);
      else if (!spec.success) logger.warn({ streamId: row.id }, 'the stored Source is not valid and stays off');
    }
    if (this.#sources.size > 0) logger.info({ sources: this.#sources.size }, 'sources restored');
  }

  /** Sets a Stream's Source, in the place of one that it has. Refuses, and leaves all as it was, where it can't begin. */
  set(streamId: string, spec: SourceSpec): Promise<{ created: boolean }> {
    return this.#changing(streamId, async () => {
      const { streams, store, logger } = this.#options;
      const row = await streams.get(streamId);
      await this.#check(spec);
      const earlier = this.#sources.get(streamId);
      const publishedBy = streams.live(streamId)?.publication?.publishedBy;
      if (streams.live(streamId)?.publishedByAnother(earlier)) {
        const by = { browser: 'by a browser', whip: 'over WHIP' }[publishedBy as 'browser' | 'whip'] ?? 'by another';
        throw new Refusal('conflict', `this Stream is being published ${by} just now: stop that publisher first`);
      }
      await earlier?.stop();
      const source = this.#start(row, spec);
      try {
        await source.accepted;
        if (!(await store.setSource(streamId, spec))) throw new Refusal('notFound', 'there is no such Stream');
      } catch (error) {
        await source.stop();
        const streamGone = error instanceof Refusal && ['notFound', 'gone'].includes(error.code);
        if (earlier && !earlier.finished && !streamGone && !this.#closed) this.#start(row, earlier.spec);
        throw error;
      }
      logger.info(
        { streamId, type: spec.type, url: 'url' in spec && withoutCredentials(spec.url ?? '') },
        'source set',
      );
      return { created: earlier === undefined };
    });
  }

  /** Resolves when its FFmpeg is gone. */
  remove(streamId: string): Promise<void> {
    return this.#changing(streamId, async () => {
      const { streams, store, logger } = this.#options;
      const row = await streams.get(streamId);
      const source = this.#sources.get(streamId);
      if (!source && row.source === null) throw new Refusal('notFound', 'this Stream has no Source');
      await store.setSource(streamId, null);
      await source?.stop();
      logger.info({ streamId }, 'source removed');
    });
  }

  /** Encoders have to bring the new key from now on: a Source that waits for one begins again. */
  keyRotated(streamId: string): Promise<void> {
    return this.#changing(streamId, async () => {
      const source = this.#sources.get(streamId);
      const { spec } = source ?? {};
      const listens = spec?.type === 'rtmp' || (spec?.type === 'srt' && spec.url === undefined);
      if (!source || !spec || !listens) return;
      const row = await this.#options.streams.get(streamId);
      await source.stop();
      this.#start(row, spec);
    });
  }

  /** Also of one that has played to its end, which has left its LiveStream and does not hear of it there. */
  streamDeleted(streamId: string): void {
    void this.#sources.get(streamId)?.stop();
  }

  async #check(spec: SourceSpec): Promise<void> {
    const { files, allowPrivateAddresses } = this.#options;
    if (spec.type === 'rtsp') checkSourceUrl('rtsp', spec.url, allowPrivateAddresses);
    if (spec.type === 'srt' && spec.url !== undefined) checkSourceUrl('srt', spec.url, allowPrivateAddresses);
    if (spec.type === 'file') await files.require(spec.url);
  }

  #start(row: StreamRow, spec: SourceSpec): StreamSource {
    const { streams, store, allowPrivateAddresses, logger, metrics, times } = this.#options;
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    const source = StreamSource.create({
      live: streams.open(row),
      spec,
      streamKey: row.streamKey,
      allowPrivateAddresses,
      logger,
      ...(times ? { times } : {}),
      gate: this.#gate,
      onAttempt: (outcome) => metrics.sourceAttempts.inc({ type: spec.type, outcome }),
      // It has been played: a restarted server does not play it again.
      onFinished: () =>
        void store.setSource(row.id, null).catch((error: unknown) => {
          metrics.databaseFaults.inc();
          logger.warn({ streamId: row.id, reason: (error as Error).message }, 'a finished Source stays stored');
        }),
      onClosed: () => {
        if (this.#sources.get(row.id) === source) this.#sources.delete(row.id);
        const stopped = source.stop().finally(() => this.#stopping.delete(stopped));
        this.#stopping.add(stopped);
      },
    });
    this.#sources.set(row.id, source);
    return source;
  }

  #changing<T>(streamId: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(streamId) ?? Promise.resolve();
    const done = before.then(change, change);
    const settled = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#changes.get(streamId) === settled) this.#changes.delete(streamId);
      });
    this.#changes.set(streamId, settled);
    return done;
  }

  /** What sfu nodes say of Sources. */
  get sfuEvents(): Pick<EventHandlers<SfuControlContract>, 'sourceStarted' | 'sourceProgress' | 'sourceEnded'> {
    return {
      sourceStarted: (event) => void this.#sources.get(event.streamId)?.started(event),
      sourceProgress: (event) => this.#sources.get(event.streamId)?.progressed(event),
      sourceEnded: (event) => this.#sources.get(event.streamId)?.ended(event),
    };
  }

  nodeOpened(): void {
    for (const source of this.#sources.values()) source.nodeOpened();
  }

  /** Running Sources, for the metrics. */
  counts(): [string, number][] {
    const counts = new Map<string, number>();
    for (const { view } of this.#sources.values()) counts.set(view.state, (counts.get(view.state) ?? 0) + 1);
    return [...counts];
  }

  /** Stops all; they stay stored, and the next server runs them again. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const source of [...this.#sources.values()]) void source.stop();
    const gone = Promise.allSettled(this.#stopping);
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, closeWithinMs).unref())]);
  }

  dump(): Record<string, unknown> {
    return { sources: [...this.#sources.values()].map((source) => source.dump()) };
  }
}
