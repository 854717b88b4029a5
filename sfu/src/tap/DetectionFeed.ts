import type { types } from 'mediasoup';
import { detectionChannel } from '@framelock/server/protocol';
import type { SfuMetrics } from '../metrics.ts';
import { FilteredDetections } from './FilteredDetections.ts';

/** Largest detection message, bytes: 300 objects take about 10 KiB. */
export const maxFeedMessageBytes = 64 * 1024;
/** A writer's budget: four times the frame rate of the fastest camera here. */
export const maxMessagesPerSecond = 240;

/** Whoever feeds: one inference node's socket, or the publisher's own page. */
export interface FeedWriter {
  /** A node does not take the place of the publisher's page; the server ends the page's first. */
  readonly isBrowser?: boolean;
  /** Told that another writer took over, or that the feed ended. */
  replaced(reason: string): void;
}

export type FeedRefusal =
  | 'notBinary'
  | 'oversized'
  | 'empty'
  | 'notAMap'
  | 'rate'
  | 'closed'
  | 'notTheWriter'
  // Of a publisher's page, whose messages are read before they are sent on.
  | 'malformed'
  | 'foreign'
  | 'oldRevision';

/**
 * The detections of one Publication: a DataProducer on a DirectTransport. One send() here becomes one message for each
 * viewer inside the Worker, so nothing in JavaScript grows with the number of viewers.
 */
export class DetectionFeed {
  readonly publicationId: string;
  /** For viewers who hide labels. */
  readonly filtered: FilteredDetections;
  /** Gets each message too: the packager of HLS. Must not keep the caller waiting. */
  mirror: ((message: Buffer) => void) | undefined;
  readonly #transport: types.DirectTransport;
  readonly #dataProducer: types.DataProducer;
  readonly #metrics: SfuMetrics;
  #writer: FeedWriter | undefined;
  #closed = false;
  #messages = 0;
  #refused = 0;
  #windowStartMs = 0;
  #windowMessages = 0;

  private constructor(
    publicationId: string,
    transport: types.DirectTransport,
    dataProducer: types.DataProducer,
    metrics: SfuMetrics,
  ) {
    this.publicationId = publicationId;
    this.#transport = transport;
    this.filtered = new FilteredDetections(transport);
    this.#dataProducer = dataProducer;
    this.#metrics = metrics;
  }

  static async create(options: {
    publicationId: string;
    router: types.Router;
    metrics: SfuMetrics;
  }): Promise<DetectionFeed> {
    const { publicationId, router, metrics } = options;
    const transport = await router.createDirectTransport({
      maxSendMessageSize: maxFeedMessageBytes,
      maxReceiveMessageSize: maxFeedMessageBytes,
    });
    try {
      const dataProducer = await transport.produceData({ ...detectionChannel });
      return new DetectionFeed(publicationId, transport, dataProducer, metrics);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  get dataProducerId(): string {
    return this.#dataProducer.id;
  }

  get hasWriter(): boolean {
    return this.#writer !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A new writer takes the old one's place: the newer one is what the server asked for last. */
  attach(writer: FeedWriter): void {
    const previous = this.#writer;
    if (previous?.isBrowser && !writer.isBrowser) {
      return writer.replaced('the publisher’s own page feeds this Publication');
    }
    this.#writer = writer;
    previous?.replaced('another writer feeds this Publication now');
  }

  detach(writer: FeedWriter): void {
    if (this.#writer === writer) this.#writer = undefined;
  }

  /** Fans one MessagePack message out. Called per analysed frame: no await, no log. */
  send(writer: FeedWriter, message: Buffer): FeedRefusal | undefined {
    const refusal = this.#refusalOf(writer, message);
    if (refusal) {
      this.refuse(refusal);
      return refusal;
    }
    this.#dataProducer.send(message);
    this.filtered.send(message);
    this.mirror?.(message);
    this.#messages++;
    this.#metrics.feedMessages.inc();
    this.#metrics.feedBytes.inc(message.length);
    return undefined;
  }

  refuse(reason: FeedRefusal): void {
    this.#refused++;
    this.#metrics.feedRefusals.inc({ reason });
  }

  #refusalOf(writer: FeedWriter, message: Buffer): FeedRefusal | undefined {
    if (this.#closed || this.#dataProducer.closed) return 'closed';
    if (writer !== this.#writer) return 'notTheWriter';
    if (message.length === 0) return 'empty';
    if (message.length > maxFeedMessageBytes) return 'oversized';
    if (!startsLikeMap(message[0]!)) return 'notAMap';
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= 1000) {
      this.#windowStartMs = nowMs;
      this.#windowMessages = 0;
    }
    return ++this.#windowMessages > maxMessagesPerSecond ? 'rate' : undefined;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close();
    this.#writer?.replaced(reason);
    this.#writer = undefined;
  }

  dump(): Record<string, unknown> {
    return {
      dataProducerId: this.dataProducerId,
      hasWriter: this.hasWriter,
      messages: this.#messages,
      refused: this.#refused,
      filters: this.filtered.size,
    };
  }
}

/** MessagePack's fixmap, map 16 and map 32 (msgpack spec, "Map format family"). */
function startsLikeMap(firstByte: number): boolean {
  return (firstByte & 0xf0) === 0x80 || firstByte === 0xde || firstByte === 0xdf;
}
