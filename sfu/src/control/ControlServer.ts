import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import {
  idSchema,
  Refusal,
  sfuControlContract,
  type EventOf,
  type SfuControlContract,
} from '@framelock/server/protocol';
import { reachableAddress } from '../listenAddresses.ts';
import { maxFeedMessageBytes } from '../tap/DetectionFeed.ts';
import type { HlsHost } from '../hls/HlsHost.ts';
import type { SfuNode } from '../SfuNode.ts';
import { hasBearer } from './bearer.ts';
import { ControlConnection } from './ControlConnection.ts';
import { FeedConnection } from './FeedConnection.ts';
import { PeerOwners } from './PeerOwners.ts';
import { sfuHandlers } from './sfuHandlers.ts';

export interface ControlServerOptions {
  node: SfuNode;
  hls?: HlsHost | undefined;
  nodeSecret: string;
  host: string;
  /** 0 = any free port. */
  port: number;
  log: Logger;
  ownerGraceMs?: number;
}

const maxConnections = 1024;
/** Of a server that has the secret: what it forwards may be larger than what a peer may send it. */
export const maxControlBytes = 8 * 1024 * 1024;
const events = Object.keys(sfuControlContract.events) as EventOf<SfuControlContract>[];

/**
 * The sfu's door for servers and inference nodes: GET /healthz, GET /metrics, WS /control and WS /feed/:publicationId.
 * All but /healthz need `authorization: Bearer NODE_SECRET`.
 */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #http: Server;
  readonly #controlSockets = new WebSocketServer({ noServer: true, maxPayload: maxControlBytes });
  readonly #feedSockets = new WebSocketServer({ noServer: true, maxPayload: maxFeedMessageBytes });
  readonly #connections = new Set<ControlConnection>();
  readonly #owners: PeerOwners;
  #closing: Promise<void> | undefined;

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    const { node, log, ownerGraceMs } = options;
    this.#owners = new PeerOwners({
      ...(ownerGraceMs === undefined ? {} : { graceMs: ownerGraceMs }),
      onOrphans: (peerIds) => {
        log.warn({ peers: peerIds.length }, 'a server went away: closing its peers and Sources');
        for (const id of peerIds) {
          node.closePeer(id, 'serverGone');
          void node.sources.close(id);
        }
      },
    });
    node.on('peerGone', (peerId) => this.#owners.forget(peerId));
    node.on('sourceEnded', ({ publicationId }) => this.#owners.forget(publicationId));
    for (const event of events) {
      // The mapped type ties each event to its data, which a loop over names cannot show the compiler.
      node.on(event, ((data: never) => this.#tellAll(event, data)) as never);
    }
    this.#http = createServer((request, response) => void this.#answer(request, response));
    this.#http.maxConnections = maxConnections;
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async create(options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#http.once('error', reject);
      server.#http.listen(options.port, options.host, () => resolve());
    });
    return server;
  }

  /** WebSocket base for the heartbeat, as other processes reach it. */
  get url(): string {
    const address = reachableAddress(this.#options.host);
    const { port } = this.#http.address() as AddressInfo;
    return `ws://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  #tellAll(event: EventOf<SfuControlContract>, data: never): void {
    for (const { callee } of this.#connections) callee.emit(event, data);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const pathname = pathOf(request);
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal('methodNotAllowed', 'only GET');
      if (pathname === '/healthz') return this.#answerHealth(response);
      if (pathname !== '/metrics') throw new Refusal('notFound', 'there is nothing here');
      this.#mustBeKnown(request);
      const { node, hls } = this.#options;
      const { metrics } = node;
      const [own, ofHls] = await Promise.all([metrics.scrape(), hls?.metrics() ?? '']);
      const text = own + ofHls;
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  #answerHealth(response: ServerResponse): void {
    const { workers } = this.#options.node.counts();
    const status = workers > 0 ? 'ok' : 'no mediasoup Worker is running';
    answerJson(response, workers > 0 ? 200 : 503, { status, workers });
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const isRefusal = error instanceof Refusal;
    if (!isRefusal) this.#options.log.error({ err: error }, 'control port request failed');
    const refusal = isRefusal ? error : new Refusal('internal', 'something went wrong; it has been logged');
    this.#options.node.metrics.refused.inc({ code: refusal.code });
    if (response.headersSent) response.destroy();
    else answerJson(response, refusal.status, { error: refusal });
  }

  #mustBeKnown(request: IncomingMessage): void {
    const { nodeSecret, node } = this.#options;
    if (hasBearer(request, nodeSecret)) return;
    node.metrics.unauthorized.inc();
    throw new Refusal('unauthorized', 'this needs the bearer NODE_SECRET');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      this.#mustBeKnown(request);
      const pathname = pathOf(request);
      if (pathname === '/control') return this.#upgradeControl(request, socket, head);
      const publicationId = idSchema.safeParse(/^\/feed\/([^/]+)$/.exec(pathname)?.[1]);
      if (!publicationId.success) throw new Refusal('notFound', 'there is nothing here');
      const { feed } = this.#options.node.publication(publicationId.data);
      this.#feedSockets.handleUpgrade(request, socket, head, (ws) => {
        (socket as Socket).setNoDelay(true);
        if (feed.closed) ws.close(1000, 'the Publication ended');
        else new FeedConnection(ws, feed);
      });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('badRequest', 'not a valid request');
      const { code, status, message } = refusal;
      this.#options.node.metrics.refused.inc({ code });
      // The caller's half may stay open for ever: this socket is no longer under http's timeouts.
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${status} ${message}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
  }

  /** A server that names itself (`x-framelock-server`) finds its peers again when it redials within the grace. */
  #upgradeControl(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const named = idSchema.safeParse(request.headers['x-framelock-server']);
    const ownerId = named.success ? named.data : randomUUID();
    this.#controlSockets.handleUpgrade(request, socket, head, (ws) => {
      (socket as Socket).setNoDelay(true);
      const { node, hls, log } = this.#options;
      const handlers = sfuHandlers({
        node,
        hls,
        feedUrl: (publicationId) => `${this.url}/feed/${publicationId}`,
        claimPeer: (peerId) => this.#owners.claim(ownerId, peerId),
        claimSource: (publicationId) => this.#owners.claim(ownerId, publicationId),
        disown: (id) => this.#owners.forget(id),
      });
      this.#owners.connect(ownerId);
      const connection: ControlConnection = new ControlConnection({
        socket: ws,
        handlers,
        metrics: node.metrics,
        log: log.child({ ownerId }),
        onClosed: () => {
          this.#connections.delete(connection);
          this.#owners.disconnect(ownerId);
          log.info({ ownerId }, 'control connection closed');
        },
      });
      this.#connections.add(connection);
      log.info({ ownerId }, 'control connection opened');
    });
  }

  close(reason: string): Promise<void> {
    return (this.#closing ??= this.#close(reason));
  }

  async #close(reason: string): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.close(reason);
    this.#owners.close();
    for (const sockets of [this.#controlSockets, this.#feedSockets]) {
      for (const socket of sockets.clients) socket.close(1001, reason);
    }
    const timer = setTimeout(() => {
      for (const sockets of [this.#controlSockets, this.#feedSockets]) {
        for (const socket of sockets.clients) socket.terminate();
      }
      this.#http.closeAllConnections();
    }, 500);
    this.#http.closeIdleConnections();
    await gone;
    clearTimeout(timer);
  }

  dump(): Record<string, unknown> {
    return { connections: this.#connections.size, owners: this.#owners.dump() };
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
