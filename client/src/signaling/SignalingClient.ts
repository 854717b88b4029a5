import {
  Refusal,
  RpcCaller,
  maxSignalingBytes,
  signalingContract,
  type EventHandlers,
  type MethodOf,
  type ParamsIn,
  type ResultOf,
  type SignalingContract,
} from '@framelock/server/protocol';
import { ClockOffset, unixNowMs } from './ClockOffset.ts';
import { TypedEmitter } from './TypedEmitter.ts';

export type JoinResult = ResultOf<SignalingContract, 'join'>;

export interface SignalingClientOptions {
  /** `ws://host/ws`; in a page, `defaultSignalingUrl()`. */
  url: string;
  streamId: string;
  role: 'publish' | 'watch';
  token?: string;
  on?: EventHandlers<SignalingContract>;
  openTimeoutMs?: number;
}

export interface SignalingClosed {
  reason: string;
  /** Told by the server's `closing` event when it closed on purpose. */
  code?: string;
}

const pingEveryMs = 5_000;
const pingTimeoutMs = 4_000;
/** A server that sends this many messages that are none is not ours. */
const malformedLimit = 20;

/** Where this page's server takes signalling. */
export function defaultSignalingUrl(): string {
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/**
 * One joined conversation with the server, in browsers and in Node (its global WebSocket). It does not reconnect:
 * a lost one says `closed` once, and who owns it (Publisher, Player) makes the next.
 */
export class SignalingClient {
  readonly #socket: WebSocket;
  readonly #rpc: RpcCaller<SignalingContract>;
  readonly #events = new TypedEmitter<{ closed: SignalingClosed }>();
  readonly #clock = new ClockOffset();
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #closing: { code: string; message: string } | undefined;
  #malformed = 0;
  #closed = false;
  #joined: JoinResult | undefined;

  /** Opens the socket and joins. Rejects with a Refusal: the server's own, or `unavailable` when it can't be reached. */
  static async create(options: SignalingClientOptions): Promise<SignalingClient> {
    const socket = await openSocket(options.url, options.openTimeoutMs ?? 4_000);
    const client = new SignalingClient(socket, options);
    try {
      const { streamId, role, token } = options;
      client.#joined = await client.request('join', { streamId, role, ...(token ? { token } : {}) });
    } catch (error) {
      client.close('join failed');
      throw error;
    }
    if (client.#closed) throw new Refusal('unavailable', 'the connection was lost while joining');
    client.#startPings();
    return client;
  }

  private constructor(socket: WebSocket, options: SignalingClientOptions) {
    this.#socket = socket;
    this.#rpc = new RpcCaller(signalingContract, {
      send: (text) => socket.send(text),
      timeoutMs: 8_000,
      on: {
        ...options.on,
        closing: (data) => {
          this.#closing = data;
          options.on?.closing?.(data);
        },
      },
      onMalformed: () => {
        if (++this.#malformed >= malformedLimit) this.close('the server speaks another protocol');
      },
    });
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string' && data.length <= maxSignalingBytes) this.#rpc.receive(data);
      else if (++this.#malformed >= malformedLimit) this.close('the server speaks another protocol');
    };
    socket.onclose = ({ code, reason }) => this.close(reason || `the connection was lost (${code})`);
    socket.onerror = () => this.close('the connection was lost');
  }

  /** What `join` answered. */
  get joined(): JoinResult {
    if (!this.#joined) throw new Error('not joined');
    return this.#joined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Server clock minus ours, ms, from the best round trip's midpoint; undefined before the first ping. */
  get clockOffsetMs(): number | undefined {
    return this.#clock.offsetMs;
  }

  /** Smallest signalling round trip lately, ms. */
  get rttMs(): number | undefined {
    return this.#clock.rttMs;
  }

  get malformedMessages(): number {
    return this.#malformed;
  }

  request<M extends MethodOf<SignalingContract>>(
    method: M,
    params: ParamsIn<SignalingContract, M>,
  ): Promise<ResultOf<SignalingContract, M>> {
    return this.#rpc.request(method, params);
  }

  on(event: 'closed', listener: (closed: SignalingClosed) => void): () => void {
    return this.#events.on(event, listener);
  }

  #startPings(): void {
    // Three at once, since one round trip through a busy page is a poor clock.
    for (let i = 0; i < 3; i++) void this.#ping();
    this.#pingTimer = setInterval(() => void this.#ping(), pingEveryMs);
  }

  async #ping(): Promise<void> {
    const sentAtMs = unixNowMs();
    const late = setTimeout(() => this.close('the server stopped answering'), pingTimeoutMs);
    try {
      const { serverTimeMs } = await this.request('ping', {});
      this.#clock.add(sentAtMs, serverTimeMs, unixNowMs());
    } catch {
      // `closed` tells it; a refused ping is no reason to end a working conversation.
    } finally {
      clearTimeout(late);
    }
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pingTimer);
    this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = null;
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(1000);
    this.#rpc.close(reason);
    this.#events.emit(
      'closed',
      this.#closing ? { reason: this.#closing.message, code: this.#closing.code } : { reason },
    );
    this.#events.clear();
  }

  dump(): Record<string, unknown> {
    const { closed, clockOffsetMs, rttMs, malformedMessages } = this;
    return { closed, peerId: this.#joined?.peerId, clockOffsetMs, rttMs, malformedMessages };
  }
}

function openSocket(url: string, timeoutMs: number): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const fail = (): void => {
      clearTimeout(timer);
      socket.onopen = socket.onerror = socket.onclose = null;
      socket.close();
      reject(new Refusal('unavailable', `the server at ${new URL(url).host} cannot be reached`));
    };
    const timer = setTimeout(fail, timeoutMs);
    socket.onerror = socket.onclose = fail;
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(socket);
    };
  });
}
