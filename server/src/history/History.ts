import type { PublicationStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { EventHandlers, EventView, HistoryBatch, InferenceControlContract } from '../protocol/index.ts';

export interface HistoryOptions {
  publications: PublicationStore;
  serverId: string;
  logger: Logger;
  metrics: Metrics;
}

export type BatchListener = (batch: HistoryBatch, events: EventView[]) => void;
export type EventsListener = (events: EventView[]) => void;

/** Takes the HistoryBatches of inference nodes, and events of our own, into the database. */
export class History {
  readonly #batchListeners = new Set<BatchListener>();
  readonly #eventsListeners = new Set<EventsListener>();

  private constructor(_options: HistoryOptions) {}

  static create(options: HistoryOptions): History {
    return new History(options);
  }

  eventsOf(
    _node: Pick<InferenceNode, 'id' | 'requestIfOpen'>,
  ): Pick<EventHandlers<InferenceControlContract>, 'history'> {
    return {};
  }

  /** Stores events that are not of a HistoryBatch, by the same way. Ids that are known already change nothing. */
  record(_events: readonly EventView[]): void {}

  /** Told once of each HistoryBatch, when it is durable, with its events. Answers what ends it. */
  onBatch(listener: BatchListener): () => void {
    this.#batchListeners.add(listener);
    return () => void this.#batchListeners.delete(listener);
  }

  /** Told once of all events when they are durable: of HistoryBatches and of `record`. Answers what ends it. */
  onEvents(listener: EventsListener): () => void {
    this.#eventsListeners.add(listener);
    return () => void this.#eventsListeners.delete(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
