import type { WebSocket } from 'ws';
import { signalingIdleTimeoutMs } from '../protocol/index.ts';
import { TokenBucket } from './TokenBucket.ts';

/** A peer that does not read is closed before its unread messages fill our memory. */
const maxBufferedBytes = 1024 * 1024;
const maxMalformed = 10;
const pingEveryMs = 5_000;
/** Messages: this many at once, and 20 a second in the long run. */
const rateLimit = { capacity: 200, perSecond: 20 };

export interface PeerSocketOptions {
  socket: WebSocket;
  onText(text: string): void;
  onMalformed(reason: string): void;
  /** Once; `cause` is one word. */
  onClosed(cause: string): void;
}

/** One signalling WebSocket with all its limits: size (ws), rate, idleness, half-open death, unread backlog. */
export class PeerSocket {
  readonly #socket: WebSocket;
  readonly #options: PeerSocketOptions;
  readonly #rate = new TokenBucket(rateLimit);
  readonly #pongWaiters = new Set<() => void>();
  readonly #pingTimer: ReturnType<typeof setInterval>;
  #idleTimer: ReturnType<typeof setTimeout>;
  #malformed = 0;
  #pongDue = false;
  #closed = false;

  constructor(options: PeerSocketOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#idleTimer = this.#startIdleTimer();
    this.#pingTimer = setInterval(() => this.#ping(), pingEveryMs);
    this.#socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    this.#socket.on('pong', () => this.#ponged());
    // The message over the size limit arrives here; ws closes the socket with 1009 by itself.
    this.#socket.on('error', (error: Error & { code?: string }) =>
      this.#ended(error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'tooLarge' : 'socketError'),
    );
    this.#socket.on('close', () => this.#ended('left'));
  }

  get closed(): boolean {
    return this.#closed;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return;
    this.#idleTimer.refresh();
    if (!this.#rate.take()) return this.close('rateLimited', 'too many messages', 'rateLimited');
    if (isBinary) return this.malformed('binary');
    this.#options.onText(data.toString('utf8'));
  }

  malformed(reason: string): void {
    this.#options.onMalformed(reason);
    if (++this.#malformed >= maxMalformed) {
      this.close('badRequest', `${maxMalformed} messages were no messages of this protocol`, 'malformed');
    }
  }

  send(text: string): void {
    if (this.#closed || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > maxBufferedBytes) {
      this.#socket.terminate();
      return this.#ended('backpressure');
    }
    this.#socket.send(text);
  }

  #startIdleTimer(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.close('timeout', 'nothing was heard of this peer', 'idle'), signalingIdleTimeoutMs);
  }

  /** A second ping without an answer to the first: the other end is gone though TCP has not noticed. */
  #ping(): void {
    if (this.#pongDue) {
      this.#socket.terminate();
      return this.#ended('halfOpen');
    }
    this.#pongDue = true;
    this.#socket.ping();
  }

  #ponged(): void {
    this.#pongDue = false;
    for (const waiter of this.#pongWaiters) waiter();
    this.#pongWaiters.clear();
  }

  answers(withinMs: number): Promise<boolean> {
    if (this.#closed || this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (answered: boolean) => {
        clearTimeout(timer);
        this.#pongWaiters.delete(onPong);
        resolve(answered);
      };
      const onPong = () => settle(!this.#closed);
      const timer = setTimeout(() => settle(false), withinMs);
      this.#pongWaiters.add(onPong);
      this.#socket.ping();
    });
  }

  /** Says why, then closes. */
  close(code: string, message: string, cause = code): void {
    if (this.#closed) return;
    this.send(JSON.stringify({ event: 'closing', data: { code, message } }));
    this.#ended(cause);
    this.#socket.close(1008, code);
    // A peer that does not answer the closing handshake must not keep its socket.
    setTimeout(() => this.#socket.terminate(), 2_000).unref();
  }

  #ended(cause: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    clearInterval(this.#pingTimer);
    for (const waiter of [...this.#pongWaiters]) waiter();
    this.#options.onClosed(cause);
  }
}
