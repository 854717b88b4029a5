import type { types } from 'mediasoup';
import { maxFeedMessageBytes } from './tap/DetectionFeed.ts';
import { plainPorts } from './tap/FrameTap.ts';

/** A key frame of 1080p is a burst of 200 packets: the kernel's default of 208 KiB on loopback would lose some. */
const socketBufferBytes = 4 * 1024 * 1024;

const pipeOptions: types.PipeTransportOptions = {
  listenInfo: {
    protocol: 'udp',
    ip: '127.0.0.1',
    portRange: plainPorts,
    sendBufferSize: socketBufferBytes,
    recvBufferSize: socketBufferBytes,
  },
  // Without it mediasoup takes NACK out as well, and what is lost here would be lost for every viewer behind it.
  enableRtx: true,
  enableSctp: true,
  maxSendMessageSize: maxFeedMessageBytes,
  maxReceiveMessageSize: maxFeedMessageBytes,
};

/**
 * Carries Producers and DataProducers from one Router of a Worker to another, each once. RTP timestamps stay as they are,
 * all layers of SVC go over, key-frame requests, pauses and ends go through. Closes with either Router.
 *
 * mediasoup's own `pipeToRouter` leaves a half-made pair behind when one Router closes meanwhile, and remembers a failure
 * for ever.
 */
export class RouterPipe {
  readonly #near: types.PipeTransport;
  readonly #far: types.PipeTransport;
  readonly #producers = new Map<string, Promise<types.Producer>>();
  readonly #dataProducers = new Map<string, Promise<types.DataProducer>>();

  private constructor(near: types.PipeTransport, far: types.PipeTransport) {
    this.#near = near;
    this.#far = far;
    near.observer.once('close', () => far.close());
    far.observer.once('close', () => near.close());
  }

  static async create(from: types.Router, to: types.Router): Promise<RouterPipe> {
    const near = await from.createPipeTransport(pipeOptions);
    let far: types.PipeTransport | undefined;
    try {
      far = await to.createPipeTransport(pipeOptions);
      await Promise.all([near.connect(addressOf(far)), far.connect(addressOf(near))]);
      if (near.closed || far.closed) throw new Error('one of the Routers closed meanwhile');
      return new RouterPipe(near, far);
    } catch (error) {
      near.close();
      far?.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#near.closed;
  }

  get counts(): { producers: number; dataProducers: number } {
    return { producers: this.#producers.size, dataProducers: this.#dataProducers.size };
  }

  /** The Producer's image on the far Router; ends with the Producer. */
  producer(original: types.Producer): Promise<types.Producer> {
    return once(this.#producers, original.id, async () => {
      const consumer = await this.#near.consume({ producerId: original.id });
      try {
        const image = await this.#far.produce({
          kind: consumer.kind,
          rtpParameters: consumer.rtpParameters,
          paused: consumer.producerPaused,
        });
        tie(consumer, image);
        consumer.observer.on('pause', () => void image.pause().catch(() => {})); // it closed meanwhile
        consumer.observer.on('resume', () => void image.resume().catch(() => {}));
        if (original.paused !== image.paused) await (original.paused ? image.pause() : image.resume());
        if (original.closed || image.closed) throw new Error('the Producer closed meanwhile');
        return image;
      } catch (error) {
        consumer.close();
        throw error;
      }
    });
  }

  /** The DataProducer's image on the far Router; reliable and in order, since nothing is late on this hop. */
  dataProducer(originalId: string): Promise<types.DataProducer> {
    return once(this.#dataProducers, originalId, async () => {
      const consumer = await this.#near.consumeData({ dataProducerId: originalId });
      try {
        const { sctpStreamParameters, label, protocol } = consumer;
        const image = await this.#far.produceData({ sctpStreamParameters, label, protocol });
        tie(consumer, image);
        if (image.closed) throw new Error('the DataProducer closed meanwhile');
        return image;
      } catch (error) {
        consumer.close();
        throw error;
      }
    });
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }
}

interface Closing {
  readonly closed: boolean;
  close(): void;
  observer: { once(event: 'close', listener: () => void): unknown };
}

/** Ends the one with the other, also where one has ended already. */
function tie(a: Closing, b: Closing): void {
  a.observer.once('close', () => b.close());
  b.observer.once('close', () => a.close());
  if (a.closed) b.close();
  if (b.closed) a.close();
}

/** One image per original, also for several who ask at once; forgotten when it ended or could not be made. */
function once<T extends Closing>(
  images: Map<string, Promise<T>>,
  originalId: string,
  make: () => Promise<T>,
): Promise<T> {
  const known = images.get(originalId);
  if (known) return known;
  const making = make();
  const forget = (): void => {
    if (images.get(originalId) === making) images.delete(originalId);
  };
  images.set(originalId, making);
  making.then((image) => (image.closed ? forget() : image.observer.once('close', forget)), forget);
  return making;
}

const addressOf = ({ tuple }: types.PipeTransport): { ip: string; port: number } => ({
  ip: tuple.localAddress,
  port: tuple.localPort,
});
