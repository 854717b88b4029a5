import { decode } from '@msgpack/msgpack';
import type { types } from 'mediasoup';
import { detectionMessageSchema } from '@framelock/server/protocol';
import {
  type DetectionFeed,
  type FeedRefusal,
  type FeedWriter,
  maxFeedMessageBytes,
  maxMessagesPerSecond,
} from './DetectionFeed.ts';

export interface BrowserFeedOptions {
  router: types.Router;
  feed: DetectionFeed;
  /** The page's channel; closed with this. */
  dataProducer: types.DataProducer;
  /** What its messages have to be made with. */
  revision: number;
}

/** A page that sends so many messages that are none is no page of ours. */
const maxRefusals = 100;

/** Nothing beside what a viewer reads, so that the channel cannot carry anything else to them. */
const strictMessageSchema = detectionMessageSchema.extend({ t: detectionMessageSchema.shape.t.strict() }).strict();

/**
 * The detections that a publisher's own page computes, on their way into its Publication's DetectionFeed. A page is not
 * trusted as an inference node is: each message is read, and sent on only when it is one of this Publication.
 */
export class BrowserFeed implements FeedWriter {
  readonly isBrowser = true;
  revision: number;
  readonly #feed: DetectionFeed;
  readonly #dataProducer: types.DataProducer;
  readonly #transport: types.DirectTransport;
  #windowStartMs = 0;
  #windowMessages = 0;
  #refusals = 0;
  #closed = false;

  private constructor({ feed, dataProducer, revision }: BrowserFeedOptions, transport: types.DirectTransport) {
    this.revision = revision;
    this.#feed = feed;
    this.#dataProducer = dataProducer;
    this.#transport = transport;
  }

  static async create(options: BrowserFeedOptions): Promise<BrowserFeed> {
    const { router, dataProducer } = options;
    const transport = await router.createDirectTransport({ maxReceiveMessageSize: maxFeedMessageBytes });
    try {
      const consumer = await transport.consumeData({ dataProducerId: dataProducer.id });
      const feed = new BrowserFeed(options, transport);
      consumer.on('message', (message) => feed.#receive(message));
      dataProducer.observer.once('close', () => feed.close('the page’s channel was closed'));
      if (dataProducer.closed) feed.close('the page’s channel was closed');
      return feed;
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /** From now on its messages are those of the feed. */
  attach(): void {
    this.#feed.attach(this);
  }

  #receive(message: Buffer): void {
    const refusal = this.#refusalOf(message);
    if (!refusal) return void this.#feed.send(this, message);
    this.#feed.refuse(refusal);
    // A message of before a change of revision may be on its way.
    if (refusal !== 'oldRevision' && ++this.#refusals === maxRefusals) this.close('too many messages refused');
  }

  /** Before a message is read, for reading costs. */
  #isTooFast(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= 1000) {
      this.#windowStartMs = nowMs;
      this.#windowMessages = 0;
    }
    return ++this.#windowMessages > maxMessagesPerSecond;
  }

  #refusalOf(message: Buffer): FeedRefusal | undefined {
    if (this.#closed) return 'closed';
    if (this.#isTooFast()) return 'rate';
    let value: unknown;
    try {
      value = decode(message);
    } catch {
      return 'malformed';
    }
    const parsed = strictMessageSchema.safeParse(value);
    if (!parsed.success) return 'malformed';
    const { pub, model } = parsed.data;
    if (pub !== this.#feed.publicationId) return 'foreign';
    return model === this.revision ? undefined : 'oldRevision';
  }

  /** The feed has another writer, or ended. */
  replaced(reason: string): void {
    this.close(reason);
  }

  close(_reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.detach(this);
    this.#transport.close();
    this.#dataProducer.close();
  }

  dump(): Record<string, unknown> {
    return { dataProducerId: this.#dataProducer.id, revision: this.revision };
  }
}
