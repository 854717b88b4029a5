import type { Database, StreamRow } from '@framelock/db';
import type { Logger } from 'pino';
import type { AnalysisScheduler } from '../analysis/AnalysisScheduler.ts';
import type { Metrics } from '../Metrics.ts';
import { newId, newStreamKey } from '../newId.ts';
import { type InferenceNode, leastFull, type SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type ChangeStream,
  type EventHandlers,
  Refusal,
  type SfuControlContract,
  type ZoneSettings,
} from '../protocol/index.ts';
import { readZoneSettings } from '../zones/readZoneSettings.ts';
import { LiveStream } from './LiveStream.ts';
import { PosterStore } from './PosterStore.ts';
import { readStreamSettings } from './streamSettings.ts';

export interface StreamsOptions {
  database: Database;
  serverId: string;
  logger: Logger;
  metrics: Metrics;
  analyses: AnalysisScheduler;
  sfuNodes(): SfuNode[];
  inferenceNodes(): InferenceNode[];
  hlsPlayers(publicationId: string): number;
  onPublicationStarted?(stream: { id: string; name: string }, publicationId: string): void;
  onPublicationEnded?(stream: { id: string; name: string }, publicationId: string, reason: string): void;
  /** Something of a peer ended on the sfu by itself. */
  onPeerEvent: Pick<EventHandlers<SfuControlContract>, 'transportClosed' | 'consumerClosed' | 'consumerLayers'>;
}

/** All Streams: their rows, and the LiveStreams of those that somebody publishes or watches. */
export class Streams {
  readonly posters = new PosterStore();
  readonly #options: StreamsOptions;
  readonly #live = new Map<string, LiveStream>();
  /** Last writes of LiveStreams that are gone from the map; awaited before the database closes. */
  readonly #leaving = new Set<Promise<void>>();
  #closed = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  async create(name: string): Promise<StreamRow> {
    const row = await this.#options.database.streams.insert({ id: newId(), name, streamKey: newStreamKey() });
    this.#options.logger.info({ streamId: row.id }, 'stream created');
    return row;
  }

  list(): Promise<StreamRow[]> {
    return this.#options.database.streams.list();
  }

  find(id: string): Promise<StreamRow | undefined> {
    return this.#options.database.streams.get(id);
  }

  async get(id: string): Promise<StreamRow> {
    const row = await this.find(id);
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    return row;
  }

  /** Takes effect at once where the Stream is live. */
  async change(id: string, { name, ...settings }: ChangeStream): Promise<StreamRow> {
    const set = Object.keys(settings).length > 0 ? settings : undefined;
    const row = await this.#options.database.streams.change(id, { name, settings: set });
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    this.#options.logger.info({ streamId: id, renamed: name !== undefined, ...settings }, 'stream changed');
    const live = this.#live.get(id);
    if (live) {
      live.name = row.name;
      live.hls.change(readStreamSettings(row.settings));
    }
    return row;
  }

  /** Counts from the next Frame on where the Stream is live. */
  async setZones(id: string, zones: ZoneSettings): Promise<void> {
    const row = await this.#options.database.streams.setZones(id, zones);
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    this.#options.logger.info({ streamId: id, zones: zones.zones.length, lines: zones.lines.length }, 'zones set');
    this.#live.get(id)?.zones.change(zones);
  }

  /** The key of before is none any more; who publishes with it is ended by the AdmissionGuard. */
  async rotateKey(id: string): Promise<StreamRow> {
    const row = await this.#options.database.streams.setKey(id, newStreamKey());
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    this.#options.logger.info({ streamId: id }, 'stream key rotated');
    return row;
  }

  /** Its Recordings stay, under its last name. */
  async delete(id: string): Promise<void> {
    await this.#options.database.recordings.keepStreamFacts(id);
    if (!(await this.#options.database.streams.delete(id))) throw new Refusal('notFound', 'there is no such Stream');
    this.#options.logger.info({ streamId: id }, 'stream deleted');
    const live = this.#live.get(id);
    this.#live.delete(id);
    this.posters.delete(id);
    live?.close('streamDeleted', 'the Stream was deleted');
  }

  live(id: string): LiveStream | undefined {
    return this.#live.get(id);
  }

  get all(): LiveStream[] {
    return [...this.#live.values()];
  }

  /** The LiveStream of a row, made when there is none yet. */
  open(row: StreamRow): LiveStream {
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    const known = this.#live.get(row.id);
    if (known) return known;
    const { database, serverId, logger, metrics, analyses, sfuNodes } = this.#options;
    const live = LiveStream.create({
      id: row.id,
      name: row.name,
      modelId: row.modelId,
      settings: readStreamSettings(row.settings),
      zones: readZoneSettings(row.zones),
      serverId,
      logger,
      metrics,
      analyses,
      publications: database.publications,
      hlsPlayers: (publicationId) => this.#options.hlsPlayers(publicationId),
      pickSfu: () => {
        const node = leastFull(sfuNodes());
        if (node) node.assigned++;
        return node;
      },
      onEmpty: () => this.#remove(live),
      onPublicationStarted: (publicationId) => this.#options.onPublicationStarted?.(live, publicationId),
      onPublicationEnded: (publicationId, reason) => {
        this.posters.delete(row.id);
        this.#options.onPublicationEnded?.(live, publicationId, reason);
      },
      onPoster: (jpeg) => this.#setPoster(row.id, jpeg),
    });
    this.#live.set(row.id, live);
    return live;
  }

  /** From an inference node, which nobody can tell that its picture is none. */
  #setPoster(streamId: string, jpeg: Uint8Array<ArrayBuffer>): void {
    try {
      this.posters.set(streamId, jpeg);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#options.logger.warn({ streamId, reason: error.message }, 'poster refused');
    }
  }

  #remove(live: LiveStream): void {
    if (this.#live.get(live.id) === live) this.#live.delete(live.id);
    const written = live.written().finally(() => this.#leaving.delete(written));
    this.#leaving.add(written);
  }

  /** Takes effect at once where the Stream is live; refuses, and changes nothing, when the node can't run it. */
  async setModel(id: string, modelId: string | null): Promise<StreamRow> {
    await this.get(id);
    const live = this.#live.get(id);
    if (!live?.analysis.runsOnNode && modelId !== null) await this.#requireModel(modelId);
    await live?.analysis.setModel(modelId);
    const row = await this.#options.database.streams.setModel(id, modelId);
    if (!row) throw new Refusal('notFound', 'the Stream was deleted meanwhile');
    return row;
  }

  async #requireModel(modelId: string): Promise<void> {
    const node = leastFull(this.#options.inferenceNodes());
    if (!node) throw new Refusal('unavailable', 'no inference node answers, so nobody knows this model');
    const { models } = await node.request('models', {});
    const entry = models.find((model) => model.id === modelId);
    if (!entry) throw new Refusal('notFound', `there is no model ${modelId} in the catalogue`);
    if (!entry.available) {
      throw new Refusal('unsupported', `the model ${modelId} is not on the inference node yet: add it first`);
    }
  }

  /** What a sfu node says by itself. */
  get sfuEvents(): EventHandlers<SfuControlContract> {
    return {
      ...this.#options.onPeerEvent,
      producerClosed: ({ publicationId, producerId, reason }) => {
        for (const live of this.all) live.producerClosed(publicationId, producerId, reason);
      },
      publicationClosed: ({ streamId, publicationId, reason }) =>
        this.#live.get(streamId)?.publicationClosed(publicationId, reason),
      producerTimeline: ({ publicationId, producerId, timeline }) => {
        for (const live of this.all) live.producerTimeline(publicationId, producerId, timeline);
      },
      analysedProducer: ({ streamId, publicationId, producerId }) =>
        this.#live.get(streamId)?.analysedProducer(publicationId, producerId),
      ingestStats: ({ streamId, publicationId, ingest }) =>
        this.#live.get(streamId)?.ingestStats(publicationId, ingest),
      hls: ({ streamId, publicationId, hls }) => this.#live.get(streamId)?.hls.received(publicationId, hls),
      workerDied: ({ pid, publicationIds }) => {
        this.#options.logger.warn({ pid, publications: publicationIds.length }, 'mediasoup-worker died');
        for (const live of this.all) for (const id of publicationIds) live.publicationClosed(id, 'workerDied');
      },
    };
  }

  sfuLost(sfu: SfuNode, reason: string): void {
    for (const live of this.all) live.sfuLost(sfu, reason);
  }

  /** Ends all Publications and says so in the database. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    const all = this.all;
    this.#live.clear();
    for (const live of all) live.close(reason, 'the server is stopping');
    await Promise.all([...all.map((live) => live.written()), ...this.#leaving]);
  }
}
