import { WebSocket } from 'ws';

/** Detections queued in the socket beyond this are stale by the time they leave: dropped instead. */
const maxBufferedBytes = 256 * 1024;
const firstRetryMs = 100;
const longestRetryMs = 2000;

export interface DetectionPublisherOptions {
  /** The sfu node's `WS /feed/:publicationId`. */
  feedUrl: string;
  nodeSecret: string;
  onOpen?(): void;
  onLost?(reason: string): void;
}

/** Dials a Publication's DetectionFeed and keeps dialling until closed; what can't be sent now is dropped and counted. */
export class DetectionPublisher {
  readonly #options: DetectionPublisherOptions;
  #socket: WebSocket | undefined;
  #retryMs = firstRetryMs;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;
  sent = 0;
  sentBytes = 0;
  dropped = 0;

  constructor(options: DetectionPublisherOptions) {
    this.#options = options;
    this.#dial();
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get closed(): boolean {
    return this.#closed;
  }

  #dial(): void {
    const socket = new WebSocket(this.#options.feedUrl, {
      headers: { authorization: `Bearer ${this.#options.nodeSecret}` },
      perMessageDeflate: false,
      maxPayload: 64 * 1024,
      handshakeTimeout: 5000,
    });
    this.#socket = socket;
    let problem = 'closed by the sfu node';
    socket.on('open', () => {
      this.#retryMs = firstRetryMs;
      this.#options.onOpen?.();
    });
    socket.on('error', (error) => (problem = error.message));
    socket.on('close', () => {
      if (this.#closed || this.#socket !== socket) return;
      this.#options.onLost?.(problem);
      this.#retryTimer = setTimeout(() => this.#dial(), this.#retryMs);
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
    });
  }

  /** False: dropped and counted. */
  send(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined || !this.connected || socket.bufferedAmount > maxBufferedBytes) {
      this.dropped++;
      return false;
    }
    socket.send(bytes, { binary: true });
    this.sent++;
    this.sentBytes += bytes.length;
    return true;
  }

  close(_reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (socket === undefined) return;
    // A close handshake that the other side never answers must not hold the process.
    if (socket.readyState === WebSocket.OPEN) {
      socket.close(1000);
      setTimeout(() => socket.terminate(), 1000).unref();
    } else {
      socket.terminate();
    }
  }
}
