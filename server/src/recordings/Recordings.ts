import type { KnownRecording, RecordingFacts, RecordingPosition, RecordingRow, RecordingStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { type EventHandlers, Refusal, type SfuControlContract, type StoredRecording } from '../protocol/index.ts';
import { readStreamSettings } from '../streams/streamSettings.ts';
import { type Expiry, expiredRecordings } from './expiredRecordings.ts';

const sweepEveryMs = 60_000;
/** What was missed while the database was away comes to light with this many sweeps. */
const sweepsPerReconcile = 10;
/** Of a node's Recordings that wait to be written; of one only the latest word counts. */
const maxWaiting = 20_000;

export interface RecordingsOptions {
  store: RecordingStore;
  /** Connected ones. */
  sfuNodes(): SfuNode[];
  logger: Logger;
  metrics: Metrics;
  /** It is gone from its node. */
  onDeleted(recording: { streamId: string; id: string }): void;
}

/** The Recordings on all nodes, as the database knows them: what nodes tell goes in, what has to go is deleted on its node. */
export class Recordings {
  readonly #options: RecordingsOptions;
  readonly #waiting = new Map<string, RecordingFacts>();
  #writing: Promise<void> | undefined;
  #sweeping: Promise<void> | undefined;
  #sweepAgain = false;
  #sweeps = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: RecordingsOptions) {
    this.#options = options;
  }

  static create(options: RecordingsOptions): Recordings {
    const recordings = new Recordings(options);
    recordings.#schedule();
    return recordings;
  }

  /** Undefined also where it was deleted and waits for its node. */
  async find(id: string): Promise<KnownRecording | undefined> {
    const found = await this.#options.store.get(id);
    return found?.deletedAt === null ? found : undefined;
  }

  async get(id: string): Promise<KnownRecording> {
    const found = await this.find(id);
    if (!found) throw new Refusal('notFound', 'there is no such Recording');
    return found;
  }

  /** Newest first; one more than `limit` is never answered. */
  list(options: { streamId?: string | undefined; after?: RecordingPosition | undefined; limit: number }) {
    return this.#options.store.list(options);
  }

  #node(nodeId: string): SfuNode | undefined {
    return this.#options.sfuNodes().find(({ id }) => id === nodeId);
  }

  /** Whether the node that has it answers. */
  available({ nodeId }: Pick<RecordingRow, 'nodeId'>): boolean {
    return this.#node(nodeId) !== undefined;
  }

  /**
   * `deleted`, or `later`: its node is away, and deletes it when it is back; nobody sees it any more. Refused (`conflict`)
   * while it grows.
   */
  async delete(id: string): Promise<'deleted' | 'later'> {
    const recording = await this.get(id);
    const node = this.#node(recording.nodeId);
    if (node) {
      try {
        await this.#deleteOn(node, recording, 'request');
        return 'deleted';
      } catch (error) {
        if (!(error instanceof Refusal) || !['unavailable', 'timeout'].includes(error.code)) throw error;
      }
    }
    await this.#options.store.markDeleted(id);
    this.#options.logger.info(
      { recordingId: id, nodeId: recording.nodeId },
      'recording is deleted when its node is back',
    );
    return 'later';
  }

  async #deleteOn(node: SfuNode, recording: RecordingRow, why: Expiry | 'request'): Promise<void> {
    const { id, streamId, bytes } = recording;
    await node.request('deleteRecording', { streamId, publicationId: id });
    this.#waiting.delete(id);
    await this.#options.store.delete([id]);
    this.#options.metrics.recordingsDeleted.inc({ why });
    this.#options.logger.info({ recordingId: id, streamId, nodeId: node.id, bytes, why }, 'recording deleted');
    this.#options.onDeleted({ streamId, id });
  }

  eventsOf(node: { id: string }): Pick<EventHandlers<SfuControlContract>, 'recording'> {
    return {
      recording: ({ recording }) => {
        this.#put(node.id, recording);
        // Another one is over: the limit of all together may be, too.
        if (recording.state !== 'recording') this.#sweepSoon();
      },
    };
  }

  nodeOpened(node: SfuNode): void {
    void this.#reconcile(node).then(() => this.#sweepSoon());
  }

  /** Of a Stream, its limits included. */
  settingsChanged(): void {
    this.#sweepSoon();
  }

  #put(nodeId: string, stored: StoredRecording): void {
    if (this.#closed) return;
    const facts = factsOf(nodeId, stored);
    if (!this.#waiting.has(facts.id) && this.#waiting.size >= maxWaiting) {
      this.#options.metrics.databaseFaults.inc(); // the next reconciliation brings it again
      return;
    }
    this.#waiting.set(facts.id, facts);
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  async #write(): Promise<void> {
    for (const [id, facts] of this.#waiting) {
      this.#waiting.delete(id);
      try {
        await this.#options.store.put(facts);
      } catch (error) {
        this.#options.metrics.databaseFaults.inc();
        this.#options.logger.error({ recordingId: id, reason: (error as Error).message }, 'a Recording was not stored');
      }
    }
  }

  /** The node knows best what it has: rows of it that it does not know are of files that somebody else removed. */
  async #reconcile(node: SfuNode): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const before = await store.idsOfNode(node.id);
      const recordings: StoredRecording[] = [];
      for (let offset: number | undefined = 0; offset !== undefined;) {
        const page: { recordings: StoredRecording[]; next?: number | undefined } = await node.request(
          'listRecordings',
          { offset },
        );
        recordings.push(...page.recordings);
        offset = page.next;
      }
      for (const recording of recordings) this.#put(node.id, recording);
      await this.#writing;
      const there = new Set(recordings.map(({ publicationId }) => publicationId));
      const lost = before.filter((id) => !there.has(id));
      const forgotten = await store.delete(lost);
      if (forgotten > 0) logger.warn({ nodeId: node.id, forgotten }, 'recordings that the node no longer has');
      logger.info({ nodeId: node.id, recordings: recordings.length }, 'recordings of a node read');
    } catch (error) {
      if (!this.#closed) logger.warn({ nodeId: node.id, reason: (error as Error).message }, 'recordings were not read');
    }
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      const reconciling = ++this.#sweeps % sweepsPerReconcile === 0;
      const nodes = reconciling ? this.#options.sfuNodes() : [];
      void Promise.all(nodes.map((node) => this.#reconcile(node))).then(() => this.#sweepSoon());
      this.#schedule();
    }, sweepEveryMs);
    this.#timer.unref();
  }

  /** One sweep at a time; what happens during one is seen by the next. */
  #sweepSoon(): void {
    if (this.#closed) return;
    if (this.#sweeping) return void (this.#sweepAgain = true);
    this.#sweepAgain = false;
    this.#sweeping = this.#sweep()
      .catch((error: unknown) => {
        this.#options.metrics.databaseFaults.inc();
        this.#options.logger.warn({ reason: (error as Error).message }, 'retention could not read the database');
      })
      .finally(() => {
        this.#sweeping = undefined;
        if (this.#sweepAgain) this.#sweepSoon();
      });
  }

  async #sweep(): Promise<void> {
    await this.#writing;
    const { store } = this.#options;
    for (const recording of await store.listDeleted()) await this.#expire(recording, 'request');
    for (const streamId of await store.streamIds()) {
      const recordings = await store.listOfStream(streamId);
      const settings = readStreamSettings(recordings[0]?.streamSettings ?? null);
      for (const { recording, why } of expiredRecordings(recordings, settings, Date.now())) {
        await this.#expire(recording, why);
      }
    }
  }

  /** Where its node is away or refuses, the next sweep tries again. */
  async #expire(recording: RecordingRow, why: Expiry | 'request'): Promise<void> {
    if (this.#closed) return;
    const node = this.#node(recording.nodeId);
    if (!node) return;
    try {
      await this.#deleteOn(node, recording, why);
    } catch (error) {
      const { message: reason } = error as Error;
      this.#options.logger.warn(
        { recordingId: recording.id, nodeId: node.id, why, reason },
        'recording not deleted yet',
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#writing, this.#sweeping]);
  }
}

function factsOf(nodeId: string, stored: StoredRecording): RecordingFacts {
  const { publicationId: id, startedAt, endedAt, bytes, ...rest } = stored;
  return {
    ...rest,
    id,
    nodeId,
    bytes: Math.round(bytes),
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
  };
}
