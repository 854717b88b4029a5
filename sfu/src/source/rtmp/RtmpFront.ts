import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import { Refusal } from '@framelock/server/protocol';
import type { PublishTarget, RtmpLimits, RtmpPublisher } from './RtmpConnection.ts';
import { RtmpServer } from './RtmpServer.ts';

/** What waits for a publisher behind one stream key. */
export interface KeyHolder {
  /** Called when a publisher with the key comes and none is there. */
  onPublisher(publisher: RtmpPublisher): PublishTarget;
}

export interface ArmedKey {
  /** The port that is listened on. */
  readonly port: number;
  /**
   * `expectAgain`: the same key will most likely be armed again at once (a Source's next attempt), so an
   * encoder that comes back in between waits instead of being refused. A later call without it takes that back.
   */
  disarm(options?: { expectAgain: boolean }): void;
}

export interface RtmpFrontOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  log: Logger;
  limits?: RtmpLimits;
  /** How long a key whose Source is between two attempts counts as about to come, milliseconds. */
  expectMs?: number;
  /** For counters. */
  onRefused(reason: string): void;
}

const defaultExpectMs = 5_000;

interface Armed {
  readonly digest: Buffer;
  readonly holder: KeyHolder;
  publisher: RtmpPublisher | undefined;
}

interface Expected {
  readonly digest: Buffer;
  readonly timer: NodeJS.Timeout;
  readonly settled: PromiseWithResolvers<void>;
}

/**
 * One RTMP port for all Streams: it listens while at least one stream key is armed (or expected again), and a publisher
 * gets to the holder of its key. Keys are compared as keyed digests, each with each, in constant time.
 */
export class RtmpFront {
  readonly #options: RtmpFrontOptions;
  readonly #digestKey = randomBytes(32);
  readonly #armed = new Set<Armed>();
  readonly #expected = new Set<Expected>();
  #arming = 0;
  #server: RtmpServer | undefined;
  /** Opening and closing go one after the other: a port is not free before its listener is gone. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RtmpFrontOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws Refusal where the port can't be had, or the key is armed already. */
  async arm(streamKey: string, holder: KeyHolder): Promise<ArmedKey> {
    if (streamKey === '') throw new Refusal('badRequest', 'an RTMP Source needs a stream key');
    const digest = this.#digest(streamKey);
    this.#arming++;
    try {
      const server = await this.#open();
      if (this.#closed) throw new Refusal('unavailable', 'this sfu node is closing');
      if (find(this.#armed, digest))
        throw new Refusal('conflict', 'an RTMP Source with this stream key is open already');
      const armed: Armed = { digest, holder, publisher: undefined };
      this.#armed.add(armed);
      const expected = find(this.#expected, digest);
      if (expected) this.#settle(expected);
      return { port: server.port, disarm: (options) => this.#disarm(armed, options?.expectAgain ?? false) };
    } finally {
      this.#arming--;
      this.#closeIfIdle();
    }
  }

  #disarm(armed: Armed, expectAgain: boolean): void {
    if (!this.#armed.delete(armed)) {
      const expected = find(this.#expected, armed.digest);
      if (expected && !expectAgain) this.#settle(expected);
      return;
    }
    armed.publisher?.close('closed', 'the Source was stopped');
    armed.publisher = undefined;
    if (expectAgain && !this.#closed) {
      const settled = Promise.withResolvers<void>();
      const timer = setTimeout(() => this.#settle(expected), this.#options.expectMs ?? defaultExpectMs);
      const expected: Expected = { digest: armed.digest, timer, settled };
      this.#expected.add(expected);
    }
    this.#closeIfIdle();
  }

  #settle(expected: Expected): void {
    clearTimeout(expected.timer);
    this.#expected.delete(expected);
    expected.settled.resolve();
    this.#closeIfIdle();
  }

  async #publish(streamName: string, publisher: RtmpPublisher): Promise<PublishTarget> {
    const digest = this.#digest(streamName);
    await find(this.#expected, digest)?.settled.promise;
    const armed = find(this.#armed, digest);
    if (!armed) {
      throw new Refusal(
        'notFound',
        'the stream key is wrong, or its Stream has no RTMP source: add one on its page first',
      );
    }
    if (armed.publisher) throw new Refusal('conflict', 'another encoder is publishing with this stream key');
    if (publisher.closed) throw new Refusal('gone', 'the encoder went away');
    const target = armed.holder.onPublisher(publisher); // a refusal leaves the key to the next one
    armed.publisher = publisher;
    return {
      onMessage: (message) => target.onMessage(message),
      onEnd: (end, message) => {
        if (armed.publisher === publisher) armed.publisher = undefined;
        target.onEnd(end, message);
      },
    };
  }

  #digest(streamKey: string): Buffer {
    return createHmac('sha256', this.#digestKey).update(streamKey).digest();
  }

  #open(): Promise<RtmpServer> {
    const opening = this.#turn.then(async () => {
      if (this.#server) return this.#server;
      const { host, port, log, limits, onRefused } = this.#options;
      this.#server = await RtmpServer.create({
        host,
        port,
        log,
        onRefused,
        onPublish: (streamName, publisher) => this.#publish(streamName, publisher),
        ...(limits ? { limits } : {}),
      });
      log.info({ host, port: this.#server.port }, 'RTMP listening');
      return this.#server;
    });
    this.#turn = opening.catch(() => {});
    return opening;
  }

  get #idle(): boolean {
    return this.#closed || this.#armed.size + this.#expected.size + this.#arming === 0;
  }

  #closeIfIdle(): void {
    if (!this.#idle) return;
    this.#turn = this.#turn.then(async () => {
      const server = this.#server;
      if (!server || !this.#idle) return;
      this.#server = undefined;
      await server.close();
      this.#options.log.info('RTMP closed');
    });
  }

  /** Resolves when the port is free. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const armed of [...this.#armed]) this.#disarm(armed, false);
    for (const expected of [...this.#expected]) this.#settle(expected);
    this.#closeIfIdle();
    await this.#turn;
  }

  dump(): { port: number | null; armed: number; publishers: number; connections: number } {
    const publishers = [...this.#armed].filter(({ publisher }) => publisher).length;
    const connections = this.#server?.connections ?? 0;
    return { port: this.#server?.port ?? null, armed: this.#armed.size, publishers, connections };
  }
}

/** Looks at all of them, so that the time it takes says nothing about which one it was. */
function find<T extends { readonly digest: Buffer }>(all: Iterable<T>, digest: Buffer): T | undefined {
  let found: T | undefined;
  for (const one of all) if (timingSafeEqual(one.digest, digest)) found = one;
  return found;
}
