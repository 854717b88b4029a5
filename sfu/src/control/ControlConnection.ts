import type { RawData, WebSocket } from 'ws';
import type { Logger } from 'pino';
import {
  Refusal,
  RpcCallee,
  sfuControlContract,
  type RequestHandlers,
  type SfuControlContract,
} from '@framelock/server/protocol';
import { answersInTrace } from '@framelock/server/protocol/tracing';
import type { SfuMetrics } from '../metrics.ts';

export interface ControlConnectionOptions {
  socket: WebSocket;
  handlers: RequestHandlers<SfuControlContract>;
  metrics: SfuMetrics;
  log: Logger;
  onClosed(): void;
}

const maxMalformed = 10;
const pingEveryMs = 5_000;
/** A server that reads nothing for so long that this piles up is cut off. */
const maxBufferedBytes = 8 * 1024 * 1024;

/** One server's conversation. Its end is not the end of its media: see PeerOwners. */
export class ControlConnection {
  readonly callee: RpcCallee<SfuControlContract>;
  readonly #socket: WebSocket;
  readonly #metrics: SfuMetrics;
  readonly #log: Logger;
  readonly #onClosed: () => void;
  readonly #pingTimer: NodeJS.Timeout;
  #malformed = 0;
  #answeredPing = true;
  #closed = false;

  constructor({ socket, handlers, metrics, log, onClosed }: ControlConnectionOptions) {
    this.#socket = socket;
    this.#metrics = metrics;
    this.#log = log;
    this.#onClosed = onClosed;
    this.callee = new RpcCallee(sfuControlContract, {
      send: (text) => this.#send(text),
      handlers,
      around: answersInTrace('sfu'),
      onMalformed: (reason) => this.#onMalformed(reason),
      onRefused: (method, error) => this.#onRefused(method, error),
    });
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on('pong', () => (this.#answeredPing = true));
    socket.on('error', (error) => this.#onMalformed((error as { code?: string }).code ?? 'socketError'));
    socket.on('close', () => this.close('the other side closed'));
    this.#pingTimer = setInterval(() => this.#ping(), pingEveryMs);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (isBinary) return this.#onMalformed('binary');
    void this.callee.receive((data as Buffer).toString('utf8'));
  }

  #onMalformed(reason: string): void {
    this.#metrics.malformed.inc({ reason });
    if (++this.#malformed < maxMalformed) return;
    this.#log.warn({ reason }, 'control connection closed after too many malformed messages');
    this.close('too many malformed messages', 1008);
  }

  #onRefused(method: string, error: unknown): void {
    this.#metrics.refused.inc({ code: error instanceof Refusal ? error.code : 'internal' });
    if (!(error instanceof Refusal)) this.#log.error({ method, err: error }, 'control request failed');
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > maxBufferedBytes) return this.close('it does not read', 1013);
    this.#socket.send(text);
  }

  #ping(): void {
    if (!this.#answeredPing) return this.#socket.terminate();
    this.#answeredPing = false;
    this.#socket.ping();
  }

  close(reason: string, code = 1001): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pingTimer);
    this.callee.close();
    this.#socket.close(code, reason);
    // A peer that does not answer the closing handshake is not waited for.
    if (code !== 1001) setTimeout(() => this.#socket.terminate(), 1000).unref();
    this.#onClosed();
  }
}
