import type { SfuNode } from '../nodes/NodeRegistry.ts';
import type { IngestStats, MediaKind, ProducerView, PublicationView, PublishedBy } from '../protocol/index.ts';

/** One run of a Stream: its Producers on one sfu node. It is told to others once its first Producer is there. */
export class Publication {
  readonly id: string;
  readonly sfu: SfuNode;
  readonly publishedBy: PublishedBy;
  readonly startedAt = new Date();
  readonly #producers = new Map<string, ProducerView>();
  /** Kinds whose Producer is being made. */
  readonly #coming = new Set<MediaKind>();
  announced = false;
  /** As the sfu received it last. */
  ingest: IngestStats | undefined;

  constructor(options: { id: string; sfu: SfuNode; publishedBy?: PublishedBy }) {
    this.id = options.id;
    this.sfu = options.sfu;
    this.publishedBy = options.publishedBy ?? 'browser';
  }

  /** False when it has (or will have) one of this kind. */
  reserve(kind: MediaKind): boolean {
    if (this.#coming.has(kind) || [...this.#producers.values()].some((producer) => producer.kind === kind))
      return false;
    this.#coming.add(kind);
    return true;
  }

  release(kind: MediaKind): void {
    this.#coming.delete(kind);
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

  get video(): ProducerView | undefined {
    return [...this.#producers.values()].find((producer) => producer.kind === 'video');
  }

  view(): PublicationView {
    return {
      id: this.id,
      startedAt: this.startedAt.toISOString(),
      publishedBy: this.publishedBy,
      producers: [...this.#producers.values()].map((producer) => ({ ...producer })),
      ...(this.ingest ? { ingest: this.ingest } : {}),
    };
  }
}
