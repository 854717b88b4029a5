import type { types } from 'mediasoup';
import { Refusal } from '@framelock/server/protocol';
import { askMediasoup } from './mediasoupRefusal.ts';
import { RouterPipe } from './RouterPipe.ts';
import type { MediaWorker } from './MediaWorker.ts';

export interface PayloadTypeRouterOptions {
  worker: MediaWorker;
  /** The Stream's own Router, where the Producers are. */
  router: types.Router;
  /** From checkChosenCodecs. */
  codecs: types.RouterRtpCodecCapability[];
}

/**
 * Another Router of the same Worker, whose payload types are those that a player's offer has: mediasoup gives Consumers
 * the payload types of their Router and of nobody else, and RFC 3264 (section 6.1) has us send with the offerer's.
 * Shared by all players of one Stream with the same ones.
 */
export class PayloadTypeRouter {
  readonly router: types.Router;
  readonly #pipe: RouterPipe;

  private constructor(router: types.Router, pipe: RouterPipe) {
    this.router = router;
    this.#pipe = pipe;
  }

  static async create({ worker, router, codecs }: PayloadTypeRouterOptions): Promise<PayloadTypeRouter> {
    const far = await worker.createRouter(codecs);
    try {
      return new PayloadTypeRouter(far, await RouterPipe.create(router, far));
    } catch (error) {
      far.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.router.closed;
  }

  producer(original: types.Producer): Promise<types.Producer> {
    return this.#pipe.producer(original);
  }

  dataProducer(originalId: string): Promise<types.DataProducer> {
    return this.#pipe.dataProducer(originalId);
  }

  close(): void {
    this.#pipe.close();
    this.router.close();
  }

  dump(): Record<string, unknown> {
    const codecs = this.router.rtpCapabilities.codecs!.filter(({ mimeType }) => !/\/rtx$/i.test(mimeType));
    return {
      payloadTypes: codecs.map(({ mimeType, preferredPayloadType }) => `${preferredPayloadType} ${mimeType}`),
      ...this.#pipe.counts,
    };
  }
}

/** Browsers of one make and version offer the same payload types; a Stream with more sets than this is being abused. */
const maxSets = 16;

interface Held {
  making: Promise<PayloadTypeRouter>;
  made?: PayloadTypeRouter;
  users: number;
}

/** The PayloadTypeRouters of one Stream, one for each distinct set of codecs; each closes with its last user. */
export class PayloadTypeRouterPool {
  readonly #options: Omit<PayloadTypeRouterOptions, 'codecs'>;
  readonly #held = new Map<string, Held>();

  constructor(options: Omit<PayloadTypeRouterOptions, 'codecs'>) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** `release` when it is not needed any more. */
  async use(
    codecs: types.RouterRtpCodecCapability[],
  ): Promise<{ payloadTypes: PayloadTypeRouter; release: () => void }> {
    const key = JSON.stringify(codecs);
    const held = this.#held.get(key) ?? this.#make(key, codecs);
    held.users++;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (--held.users === 0) this.#drop(key, held);
    };
    try {
      return { payloadTypes: await held.making, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #make(key: string, codecs: types.RouterRtpCodecCapability[]): Held {
    if (this.#held.size >= maxSets) {
      throw new Refusal('unavailable', `this Stream is watched with ${maxSets} sets of payload types already`);
    }
    const making = askMediasoup('createTransport', () => PayloadTypeRouter.create({ ...this.#options, codecs }));
    const held: Held = { making, users: 0 };
    making.then(
      (made) => (held.made = made),
      () => {}, // its users are told
    );
    this.#held.set(key, held);
    return held;
  }

  #drop(key: string, held: Held): void {
    if (this.#held.get(key) === held) this.#held.delete(key);
    held.making.then(
      (made) => made.close(),
      () => {}, // its users were told
    );
  }

  close(): void {
    for (const [key, held] of [...this.#held]) this.#drop(key, held);
  }

  dump(): Record<string, unknown>[] {
    return [...this.#held.values()].map(({ made, users }) => ({ ...made?.dump(), users }));
  }
}
