import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type EventOf,
  idSchema,
  type InferenceControlContract,
  inferenceControlContract,
  Refusal,
  type RequestHandlers,
  RpcCallee,
} from '@framelock/server/protocol';
import { answersInTrace } from '@framelock/server/protocol/tracing';
import { type WebSocket, WebSocketServer } from 'ws';
import type { z } from 'zod';

/** A gallery of 2,000 brands with forty views each takes 55 MB. */
const maxMessageBytes = 64 * 1024 * 1024;
/** A caller that keeps sending what is no message is no server of ours. */
const maxMalformed = 20;
const pingEveryMs = 5000;
const unnamedServer = 'server';

export interface ControlServerOptions {
  host: string;
  /** 0 = any. */
  port: number;
  nodeSecret: string;
  /** Answers for one server, which a name (`x-framelock-server`) tells from others; without one they count as the same. */
  handlersFor(serverId: string): RequestHandlers<InferenceControlContract>;
  health(): object;
  metrics(): Promise<string>;
  /** Which servers are connected now; told when one comes or goes. */
  onServers(serverIds: ReadonlySet<string>): void;
  onRefused(reason: string, method?: string, error?: unknown): void;
}

/** The node's control port: `GET /healthz` (open), `GET /metrics` and `WS /control` (bearer NODE_SECRET). */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #callees = new Map<WebSocket, RpcCallee<InferenceControlContract>>();
  readonly #serverIds = new Map<WebSocket, string>();
  readonly #alive = new WeakSet<WebSocket>();
  readonly #secretDigest: Buffer;
  #pingTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#secretDigest = digest(`Bearer ${options.nodeSecret}`);
    this.#http = createServer((request, response) => void this.#answer(request, response));
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, perMessageDeflate: false });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async create(options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(options);
    server.#http.listen(options.port, options.host);
    await once(server.#http, 'listening');
    server.#pingTimer = setInterval(() => server.#ping(), pingEveryMs);
    return server;
  }

  /** e.g. `ws://127.0.0.1:41234`. */
  get url(): string {
    const { address, port } = this.#http.address() as AddressInfo;
    return `ws://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  /** Connections of servers. */
  get callers(): number {
    return this.#callees.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  #authorised(request: IncomingMessage): boolean {
    // Digests have one length, so that the comparison takes the same time for every guess.
    return timingSafeEqual(digest(request.headers.authorization ?? ''), this.#secretDigest);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0];
    try {
      if (request.method !== 'GET') throw new Refusal('methodNotAllowed', 'only GET here');
      if (path === '/healthz') return send(response, 200, 'application/json', JSON.stringify(this.#options.health()));
      if (path !== '/metrics') throw new Refusal('notFound', 'there is /healthz, /metrics and the WebSocket /control');
      if (!this.#authorised(request)) throw new Refusal('unauthorized', 'a bearer token is needed');
      send(response, 200, 'text/plain; version=0.0.4', await this.#options.metrics());
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('internal', 'something went wrong on our side');
      this.#options.onRefused(refusal.code);
      send(response, refusal.status, 'application/json', JSON.stringify({ error: refusal }));
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const found = (request.url ?? '').split('?', 1)[0] === '/control';
    if (this.#closed || !found || !this.#authorised(request)) {
      this.#options.onRefused(found ? 'unauthorized' : 'notFound');
      // The caller's half may stay open for ever: this socket is no longer under http's timeouts.
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${found ? '401 Unauthorized' : '404 Not Found'}\r\nconnection: close\r\n\r\n`);
      return;
    }
    (socket as Socket).setNoDelay?.(true);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const named = idSchema.safeParse(request.headers['x-framelock-server']);
      this.#converse(webSocket, named.success ? named.data : unnamedServer);
    });
  }

  #converse(socket: WebSocket, serverId: string): void {
    let malformed = 0;
    const onMalformed = (reason: string): void => {
      this.#options.onRefused(reason);
      if (++malformed >= maxMalformed) socket.close(1008, 'too many malformed messages');
    };
    const callee = new RpcCallee(inferenceControlContract, {
      send: (text) => socket.send(text),
      handlers: this.#options.handlersFor(serverId),
      around: answersInTrace('inference'),
      onMalformed,
      onRefused: (method, error) => {
        this.#options.onRefused(error instanceof Refusal ? error.code : 'internal', method, error);
      },
    });
    this.#callees.set(socket, callee);
    this.#serverIds.set(socket, serverId);
    this.#alive.add(socket);
    socket.on('pong', () => this.#alive.add(socket));
    socket.on('message', (data, isBinary) => {
      if (isBinary) return onMalformed('binary');
      void callee.receive((data as Buffer).toString());
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      callee.close();
      this.#callees.delete(socket);
      this.#serverIds.delete(socket);
      if (!this.#closed) this.#options.onServers(new Set(this.#serverIds.values()));
    });
    this.#options.onServers(new Set(this.#serverIds.values()));
  }

  emit<E extends EventOf<InferenceControlContract>>(
    event: E,
    data: z.input<InferenceControlContract['events'][E]>,
  ): void {
    for (const callee of this.#callees.values()) callee.emit(event, data as never);
  }

  /** A server whose machine vanished sends no FIN: without an answer to a ping it counts as gone. */
  #ping(): void {
    for (const socket of this.#callees.keys()) {
      if (!this.#alive.has(socket)) socket.terminate();
      this.#alive.delete(socket);
      socket.ping();
    }
  }

  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pingTimer);
    for (const socket of this.#callees.keys()) {
      socket.close(1001, reason.slice(0, 100));
      setTimeout(() => socket.terminate(), 500).unref();
    }
    this.#sockets.close();
    const ended = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeIdleConnections();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    this.#http.closeAllConnections();
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
