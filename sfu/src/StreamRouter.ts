import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { Refusal } from '@framelock/server/protocol';
import { askMediasoup } from './mediasoupRefusal.ts';
import { PayloadTypeRouterPool } from './PayloadTypeRouter.ts';
import {
  PeerTransport,
  type PeerTransportOptions,
  type TransportDirection,
  type TransportTimeouts,
} from './PeerTransport.ts';
import { Publication } from './Publication.ts';
import { SourceTransport } from './source/SourceTransport.ts';
import type { MediaWorker } from './MediaWorker.ts';
import type { SfuMetrics } from './metrics.ts';

export interface StreamRouterOptions {
  streamId: string;
  worker: MediaWorker;
  timeouts: TransportTimeouts;
  metrics: SfuMetrics;
}

interface StreamRouterEvents {
  transport: [PeerTransport];
  publication: [Publication];
  closed: [reason: string];
}

/** The Router of one live Stream: its peers' and its Source's transports, and its Publication. Closes with its last transport. */
export class StreamRouter extends EventEmitter<StreamRouterEvents> {
  readonly streamId: string;
  readonly worker: MediaWorker;
  readonly #options: StreamRouterOptions;
  readonly #router: types.Router;
  readonly #payloadTypeRouters: PayloadTypeRouterPool;
  readonly #transports = new Set<PeerTransport | SourceTransport>();
  readonly #publications = new Map<string, Promise<Publication>>();
  readonly #open = new Set<Publication>();
  #pendingTransports = 0;
  #closed = false;
  readonly #onWorkerDied = (): void => this.close('workerDied');

  private constructor(options: StreamRouterOptions, router: types.Router) {
    super();
    this.streamId = options.streamId;
    this.worker = options.worker;
    this.#options = options;
    this.#router = router;
    this.#payloadTypeRouters = new PayloadTypeRouterPool({ worker: options.worker, router });
    this.worker.streams++;
    // One listener per Stream of the Worker.
    this.worker.setMaxListeners(0);
    this.worker.once('died', this.#onWorkerDied);
  }

  static async create(options: StreamRouterOptions): Promise<StreamRouter> {
    const router = await askMediasoup('createRouter', () => options.worker.createRouter());
    if (options.worker.closed) throw new Refusal('unavailable', 'the mediasoup Worker died meanwhile; try again');
    return new StreamRouter(options, router);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** `codecs` (from checkChosenCodecs): of a viewer that chose the payload types itself. */
  async createTransport(
    peerId: string,
    direction: TransportDirection,
    codecs?: types.RouterRtpCodecCapability[],
    data = false,
  ): Promise<PeerTransport> {
    const { timeouts, metrics, worker } = this.#options;
    const { streamId } = this;
    const options = { webRtcServer: worker.webRtcServer, streamId, peerId, direction, data, timeouts, metrics };
    const transport = await this.#hold(() =>
      codecs ? this.#withPayloadTypes(codecs, options) : PeerTransport.create({ ...options, router: this.#router }),
    );
    this.emit('transport', transport);
    return transport;
  }

  async #withPayloadTypes(
    codecs: types.RouterRtpCodecCapability[],
    options: Omit<PeerTransportOptions, 'router' | 'payloadTypes'>,
  ): Promise<PeerTransport> {
    const { payloadTypes, release } = await this.#payloadTypeRouters.use(codecs);
    try {
      const transport = await PeerTransport.create({ ...options, router: payloadTypes.router, payloadTypes });
      transport.once('closed', release);
      return transport;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Where FFmpeg sends one elementary stream of a Source to. */
  createSourceTransport(publisherId: string): Promise<SourceTransport> {
    return this.#hold(() => SourceTransport.create({ router: this.#router, publisherId }));
  }

  /** A transport keeps the Router open while it lives. */
  async #hold<T extends PeerTransport | SourceTransport>(make: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Refusal('unavailable', 'the Router closed meanwhile; try again');
    this.#pendingTransports++;
    try {
      const transport = await askMediasoup('createTransport', make);
      if (this.#closed) {
        transport.close('routerClosed');
        throw new Refusal('unavailable', 'the Router closed meanwhile; try again');
      }
      this.#transports.add(transport);
      const onClosed = (reason: string): void => {
        this.#transports.delete(transport);
        this.#closeIfUnused(reason);
      };
      (transport as SourceTransport).once('closed', onClosed);
      return transport;
    } finally {
      this.#pendingTransports--;
      this.#closeIfUnused('unused');
    }
  }

  #closeIfUnused(reason: string): void {
    if (this.#transports.size === 0 && this.#pendingTransports === 0) this.close(reason);
  }

  /** The Publication of this id, made when there is none yet. */
  publication(publicationId: string): Promise<Publication> {
    const known = this.#publications.get(publicationId);
    if (known) return known;
    const making = this.#makePublication(publicationId);
    this.#publications.set(publicationId, making);
    making.catch(() => this.#publications.delete(publicationId));
    return making;
  }

  async #makePublication(publicationId: string): Promise<Publication> {
    const { streamId, metrics } = this.#options;
    const publication = await askMediasoup('produce', () =>
      Publication.create({ publicationId, streamId, router: this.#router, metrics }),
    );
    if (this.#closed) {
      publication.close('routerClosed');
      throw new Refusal('unavailable', 'produce: the Router closed meanwhile');
    }
    this.#open.add(publication);
    publication.once('closed', () => {
      this.#open.delete(publication);
      this.#publications.delete(publicationId);
    });
    this.emit('publication', publication);
    return publication;
  }

  get publications(): readonly Publication[] {
    return [...this.#open];
  }

  /** Publications first, so that their end is told with its own reason, then the transports. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.worker.streams--;
    this.worker.off('died', this.#onWorkerDied);
    for (const publication of [...this.#open]) publication.close(reason);
    for (const transport of [...this.#transports]) transport.close(reason);
    this.#payloadTypeRouters.close();
    this.#router.close();
    this.emit('closed', reason);
  }

  get payloadTypeRouters(): number {
    return this.#payloadTypeRouters.size;
  }

  dump(): Record<string, unknown> {
    return {
      streamId: this.streamId,
      worker: this.worker.index,
      payloadTypeRouters: this.#payloadTypeRouters.dump(),
      publications: this.publications.map((one) => one.dump()),
      transports: [...this.#transports].map((one) => one.dump()),
    };
  }
}
