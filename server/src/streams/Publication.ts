import { isDeepStrictEqual } from 'node:util';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import type {
  IngestStats,
  LayerTimeline,
  MediaKind,
  ProducerView,
  PublicationView,
  PublishedBy,
  PublisherReport,
} from '../protocol/index.ts';

const maxLayers = 4;

/** One run of a Stream: its Producers on one sfu node. It is told to others once its first Producer is there. */
export class Publication {
  readonly id: string;
  readonly sfu: SfuNode;
  readonly publishedBy: PublishedBy;
  readonly startedAt = new Date();
  readonly #producers = new Map<string, ProducerView>();
  /** Those whose Producer is being made. */
  readonly #coming = new Set<{ kind: MediaKind; rid: string | undefined }>();
  /** Of a simulcast: the layer that the sfu says to analyse. */
  #analysedProducerId: string | undefined;
  announced = false;
  /** As its publisher measured it last. */
  publisherReport: PublisherReport | undefined;
  /** As the sfu received it last. */
  ingest: IngestStats | undefined;

  constructor(options: { id: string; sfu: SfuNode; publishedBy?: PublishedBy }) {
    this.id = options.id;
    this.sfu = options.sfu;
    this.publishedBy = options.publishedBy ?? 'browser';
  }

  /**
   * Answers how to release it; undefined when it has (or will have) one of this kind. Several videos are only the layers
   * of one simulcast, each with a rid of its own.
   */
  reserve(kind: MediaKind, rid?: string): (() => void) | undefined {
    const made = [...this.#producers.values()].map((one) => ({ kind: one.kind, rid: one.layer?.rid }));
    const taken = [...this.#coming, ...made].filter((one) => one.kind === kind);
    if (taken.length >= maxLayers) return undefined;
    if (taken.some((one) => rid === undefined || one.rid === undefined || one.rid === rid)) return undefined;
    const reserved = { kind, rid };
    this.#coming.add(reserved);
    return () => void this.#coming.delete(reserved);
  }

  add(producer: ProducerView): void {
    this.#producers.set(producer.id, { ...producer });
  }

  remove(producerId: string): ProducerView | undefined {
    const producer = this.#producers.get(producerId);
    this.#producers.delete(producerId);
    return producer;
  }

  producer(producerId: string): ProducerView | undefined {
    return this.#producers.get(producerId);
  }

  setPaused(producerId: string, paused: boolean): void {
    const producer = this.#producers.get(producerId);
    if (producer) producer.paused = paused;
  }

  get empty(): boolean {
    return this.#producers.size === 0 && this.#coming.size === 0;
  }

  /** The analysed one of several layers. */
  get video(): ProducerView | undefined {
    const videos = [...this.#producers.values()].filter(({ kind }) => kind === 'video');
    return videos.find(({ id }) => id === this.#analysedProducerId) ?? videos[0];
  }

  /** False where it was known. */
  setTimeline(producerId: string, timeline: LayerTimeline): boolean {
    const layer = this.#producers.get(producerId)?.layer;
    if (!layer || isDeepStrictEqual(layer.timeline, timeline)) return false;
    layer.timeline = timeline;
    return true;
  }

  /** False where it was known. The sfu's word can come before its answer that the Producer was made. */
  setAnalysed(producerId: string): boolean {
    const isNew = this.#analysedProducerId !== producerId;
    this.#analysedProducerId = producerId;
    return isNew;
  }

  view(): PublicationView {
    return {
      id: this.id,
      startedAt: this.startedAt.toISOString(),
      publishedBy: this.publishedBy,
      producers: [...this.#producers.values()].map((producer) => structuredClone(producer)),
      ...(this.video ? { analysedProducerId: this.video.id } : {}),
      ...(this.ingest ? { ingest: this.ingest } : {}),
    };
  }
}
