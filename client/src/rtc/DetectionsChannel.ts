import type { DataConsumer, Transport } from 'mediasoup-client/types';

export interface DetectionsChannelOptions {
  transport(): Promise<Transport>;
  /** mediasoup-client's DataConsumerOptions, without objects of these labels. */
  request(transportId: string, hiddenLabels: readonly string[]): Promise<unknown>;
  isCurrent(publicationId: string): boolean;
  onMessage(bytes: ArrayBuffer, publicationId: string): void;
  onError(error: unknown, publicationId: string, forget: () => void): void;
}

/**
 * The detections of the Publication that is watched. Another choice of labels is another channel: the one before stays
 * until the new one is open, so that no Frame is without its detections.
 */
export class DetectionsChannel {
  readonly #options: DetectionsChannelOptions;
  #consumer: DataConsumer | undefined;
  #publicationId: string | undefined;
  #hidden: readonly string[] = [];
  /** Of the channel that is there or coming. */
  #asked: readonly string[] = [];

  constructor(options: DetectionsChannelOptions) {
    this.#options = options;
  }

  get state(): RTCDataChannelState | undefined {
    return this.#consumer?.readyState;
  }

  /** Labels whose objects need not be sent; from now on, and for Publications to come. */
  hide(labels: readonly string[]): void {
    this.#hidden = labels;
    if (this.#publicationId !== undefined && !isSame(labels, this.#asked)) void this.#open(this.#publicationId);
  }

  consume(publicationId: string): void {
    if (this.#publicationId !== publicationId) void this.#open(publicationId);
  }

  async #open(publicationId: string): Promise<void> {
    const { transport: open, request, isCurrent, onMessage, onError } = this.#options;
    this.#publicationId = publicationId;
    const asked = (this.#asked = this.#hidden);
    const isWanted = () => isCurrent(publicationId) && this.#asked === asked;
    try {
      const transport = await open();
      // What is asked for is sent until something takes its place, whether anybody wants it or not.
      if (!isWanted()) return;
      const options = await request(transport.id, asked);
      if (!isWanted()) return;
      const consumer = await transport.consumeData(options as never);
      if (!isWanted()) return consumer.close();
      consumer.binaryType = 'arraybuffer';
      consumer.on('message', (data: unknown) => {
        if (data instanceof ArrayBuffer) onMessage(data, publicationId);
      });
      const before = this.#consumer;
      this.#consumer = consumer;
      if (!before) return;
      if (consumer.readyState === 'open') before.close();
      else consumer.once('open', () => before.close());
    } catch (error) {
      onError(error, publicationId, () => (this.#publicationId = undefined));
    }
  }

  /** The Publication is over, or the link. */
  drop(): void {
    this.#consumer?.close();
    this.#consumer = undefined;
    this.#publicationId = undefined;
  }
}

const isSame = (a: readonly string[], b: readonly string[]) =>
  a === b || (a.length === b.length && a.every((label, i) => label === b[i]));
