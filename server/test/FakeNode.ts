import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type Contract,
  type EventData,
  type EventOf,
  type NodeFigures,
  type NodeHeartbeat,
  type RequestHandlers,
  RpcCallee,
} from '../src/protocol/index.ts';

export interface FakeNodeOptions<C extends Contract> {
  nodeId: string;
  kind: NodeHeartbeat['kind'];
  contract: C;
  handlers: RequestHandlers<C>;
  nodeSecret: string;
}

/** A node as the server sees it: a control port that speaks the contract, and heartbeats. No media. */
export class FakeNode<C extends Contract> {
  /** Every request, in order: `[method, params]`. */
  readonly calls: [string, Record<string, unknown>][] = [];
  /** What each control socket said of who dials. */
  readonly dialledBy: unknown[] = [];
  handlers: RequestHandlers<C>;
  /** Where its HLS origin is said to be. */
  hlsUrl: string | undefined;
  /** What it says of itself, right or wrong. */
  figures: unknown;
  readonly #options: FakeNodeOptions<C>;
  readonly #http: Server;
  readonly #port: number;
  readonly #sockets = new Map<WebSocket, RpcCallee<C>>();

  private constructor(options: FakeNodeOptions<C>, http: Server) {
    this.#options = options;
    this.#http = http;
    this.#port = (http.address() as AddressInfo).port;
    this.handlers = options.handlers;
    const webSockets = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
      if (request.url !== '/control' || request.headers.authorization !== `Bearer ${options.nodeSecret}`) {
        return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      }
      this.dialledBy.push(request.headers['x-framelock-server']);
      webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket));
    });
  }

  static async create<C extends Contract>(options: FakeNodeOptions<C>): Promise<FakeNode<C>> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return new FakeNode(options, http);
  }

  get heartbeat(): NodeHeartbeat {
    const { nodeId, kind } = this.#options;
    const controlUrl = `ws://127.0.0.1:${this.#port}`;
    const hls = this.hlsUrl === undefined ? {} : { hlsUrl: this.hlsUrl };
    const figures = this.figures === undefined ? {} : { figures: this.figures as NodeFigures };
    return { nodeId, kind, controlUrl, capacity: 10, load: 0, version: 'fake', ...hls, ...figures };
  }

  get connections(): number {
    return this.#sockets.size;
  }

  #accept(webSocket: WebSocket): void {
    const recording = Object.fromEntries(
      Object.keys(this.#options.contract.requests).map((method) => [
        method,
        (params: Record<string, unknown>) => {
          if (method !== 'clock') this.calls.push([method, params]);
          return (this.handlers as unknown as Record<string, (params: unknown) => unknown>)[method]!(params);
        },
      ]),
    );
    const callee = new RpcCallee<C>(this.#options.contract, {
      send: (text) => webSocket.send(text),
      handlers: recording as never,
    });
    this.#sockets.set(webSocket, callee);
    webSocket.on('message', (data) => void callee.receive((data as Buffer).toString()));
    webSocket.on('close', () => this.#sockets.delete(webSocket));
  }

  callsOf(method: string): Record<string, unknown>[] {
    return this.calls.filter(([name]) => name === method).map(([, params]) => params);
  }

  emit<E extends EventOf<C>>(event: E, data: EventData<C, E>): void {
    for (const callee of this.#sockets.values()) callee.emit(event, data as never);
  }

  /** Cuts the control sockets; the server may dial again. */
  cut(): void {
    for (const webSocket of this.#sockets.keys()) webSocket.terminate();
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#http.listening) return;
    await new Promise((resolve) => this.#http.close(resolve));
  }
}
