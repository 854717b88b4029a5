import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hlsOriginToken } from '../src/protocol/node.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An sfu node's HLS origin as the server sees it: refuses other tokens, and answers what the test says. */
export class FakeOrigin {
  /** `GET /hls/…` of each request that had the token. */
  readonly asked: string[] = [];
  readonly requests: IncomingMessage[] = [];
  refusedTokens = 0;
  handler: Handler = (_request, response) => response.writeHead(404).end();
  readonly #http: Server;

  private constructor(http: Server, nodeSecret: string) {
    this.#http = http;
    http.on('request', (request, response) => {
      if (request.headers.authorization !== `Bearer ${hlsOriginToken(nodeSecret)}`) {
        this.refusedTokens++;
        return response.writeHead(401).end();
      }
      this.asked.push(`${request.method} ${request.url}`);
      this.requests.push(request);
      this.handler(request, response);
    });
  }

  static async create(nodeSecret: string): Promise<FakeOrigin> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return new FakeOrigin(http, nodeSecret);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Cuts every socket. */
  cut(): void {
    this.#http.closeAllConnections();
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
  }
}
