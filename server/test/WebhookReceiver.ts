import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type DeliveryBody, deliveryBodySchema } from '../src/protocol/index.ts';

export interface ReceivedWebhook {
  headers: IncomingHttpHeaders;
  text: string;
  body: DeliveryBody;
  isSigned: boolean;
}

/** Takes webhooks, and checks their signatures by itself; answers what the test says, 204 otherwise. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  secret = '';
  answer: (response: ServerResponse, count: number) => void = (response) => response.writeHead(204).end();
  readonly #http: Server;

  private constructor(http: Server) {
    this.#http = http;
    http.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { headers } = request;
        const isSigned = this.#isSigned(headers, text);
        this.received.push({ headers, text, body: deliveryBodySchema.parse(JSON.parse(text)), isSigned });
        this.answer(response, this.received.length);
      });
    });
  }

  static async create(port = 0): Promise<WebhookReceiver> {
    const http = createServer();
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(port, '127.0.0.1', resolve);
    });
    return new WebhookReceiver(http);
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Written from the specification and not with our own code. */
  #isSigned(headers: IncomingHttpHeaders, text: string): boolean {
    const key = Buffer.from(this.secret.replace(/^whsec_/, ''), 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
    const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    const age = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp']));
    return String(headers['webhook-signature']).split(' ').includes(expected) && age < 300;
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
  }
}
