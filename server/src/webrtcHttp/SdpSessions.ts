import { Refusal } from '../protocol/index.ts';

/** Ended sessions that are remembered, so that a DELETE after the end is no error: some players end DTLS first. */
const maxEnded = 1_000;

export interface HeldSession {
  /** Its name on the sfu. */
  readonly id: string;
  /** The last part of its URL. */
  readonly resourceId: string;
  readonly live: { readonly id: string };
  close(code: string, message: string): void;
}

export interface SdpSessionsOptions {
  /** For messages, e.g. `WHEP`. */
  protocol: string;
  maxSessions: number;
  /** Of one Stream at once; each holds a transport on the sfu. */
  maxHandshakes: number;
}

/** The sessions of one HTTP protocol (WHIP, WHEP) of this server: bounded, and found by URL or by name on the sfu. */
export class SdpSessions<T extends HeldSession> {
  readonly #options: SdpSessionsOptions;
  /** From before there is an answer. */
  readonly #byId = new Map<string, T>();
  readonly #byResource = new Map<string, T>();
  readonly #handshakes = new Map<string, number>();
  /** resourceId -> streamId, oldest first. */
  readonly #ended = new Map<string, string>();
  #closed = false;

  constructor(options: SdpSessionsOptions) {
    this.#options = options;
  }

  /** Handshakes included. */
  get size(): number {
    return this.#byId.size;
  }

  /** Makes one where there is room; `make` calls `onBegun` and `onClosed` of what it makes. */
  async open(
    streamId: string,
    make: (hooks: { onBegun(session: T): void; onClosed(session: T): void }) => Promise<T>,
  ): Promise<T> {
    const { protocol, maxSessions, maxHandshakes } = this.#options;
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    const handshakes = this.#handshakes.get(streamId) ?? 0;
    if (handshakes >= maxHandshakes) throw new Refusal('rateLimited', 'this Stream has too many handshakes at once');
    if (this.#byId.size >= maxSessions) {
      throw new Refusal('unavailable', `this server has its ${maxSessions} ${protocol} sessions: try again later`);
    }
    this.#handshakes.set(streamId, handshakes + 1);
    try {
      const onBegun = (session: T) => void this.#byId.set(session.id, session);
      const session = await make({ onBegun, onClosed: (closed) => this.#forget(closed) });
      if (this.#byId.has(session.id)) this.#byResource.set(session.resourceId, session);
      return session;
    } finally {
      const left = (this.#handshakes.get(streamId) ?? 1) - 1;
      if (left === 0) this.#handshakes.delete(streamId);
      else this.#handshakes.set(streamId, left);
    }
  }

  #forget(session: T): void {
    this.#byId.delete(session.id);
    if (!this.#byResource.delete(session.resourceId)) return;
    this.#ended.set(session.resourceId, session.live.id);
    if (this.#ended.size > maxEnded) this.#ended.delete(this.#ended.keys().next().value!);
  }

  /** By its name on the sfu. */
  peer(id: string): T | undefined {
    return this.#byId.get(id);
  }

  session(streamId: string, resourceId: string): T {
    const session = this.#byResource.get(resourceId);
    if (session?.live.id !== streamId) {
      throw new Refusal('notFound', `there is no such ${this.#options.protocol} session: make a new one`);
    }
    return session;
  }

  /** Also of one that has ended: the wish is fulfilled. */
  end(streamId: string, resourceId: string): void {
    if (this.#ended.get(resourceId) === streamId) return;
    this.session(streamId, resourceId).close('deleted', 'its client ended it');
  }

  close(reason: string): void {
    this.#closed = true;
    for (const session of [...this.#byId.values()]) session.close('serverStopped', reason);
  }

  /** Handshakes included. */
  get all(): T[] {
    return [...this.#byId.values()];
  }
}
