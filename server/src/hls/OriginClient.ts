import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Refusal } from '../protocol/index.ts';

/** A blocking playlist reload takes three target durations at most (RFC 8216bis 6.2.5.2); nothing else takes this long. */
const silentForMs = 30_000;
/** More would be somebody who asks for many things that are not there yet. */
export const maxOriginRequests = 512;

export interface OriginRequest {
  method: 'GET' | 'HEAD';
  /** Of the origin, e.g. `http://127.0.0.1:41234`. */
  base: string;
  path: string;
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** Asks the nodes' HLS origins, over sockets that stay open. */
export class OriginClient {
  readonly #token: string;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo' }),
    'https:': new HttpsAgent({ keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo' }),
  };
  #open = 0;

  constructor(options: { token: string }) {
    this.#token = options.token;
  }

  /** Requests whose answers are not complete. */
  get open(): number {
    return this.#open;
  }

  /** Resolves with the head of the answer. Refuses (`unavailable`, `timeout`) where there is none. */
  async ask(request: OriginRequest): Promise<IncomingMessage> {
    if (this.#open >= maxOriginRequests) {
      throw new Refusal('unavailable', 'too many HLS requests wait for the node', { retryAfterS: 1 });
    }
    try {
      return await this.#once(request);
    } catch (error) {
      // The origin closed an idle socket just when we took it: it has not seen the request.
      if (!(error instanceof StaleSocket) || request.signal.aborted) throw refusalOf(error);
      return await this.#once(request).catch((again: unknown) => {
        throw refusalOf(again);
      });
    }
  }

  #once({ method, base, path, headers, signal }: OriginRequest): Promise<IncomingMessage> {
    const url = new URL(base);
    const secure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const asked: ClientRequest = (secure ? httpsRequest : httpRequest)({
        agent: this.#agents[secure ? 'https:' : 'http:'],
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        method,
        path: url.pathname.replace(/\/+$/, '') + path,
        headers: { ...headers, authorization: `Bearer ${this.#token}` },
        signal,
      });
      this.#open++;
      asked.once('close', () => this.#open--);
      asked.setTimeout(silentForMs, () => asked.destroy(new Refusal('timeout', 'the node did not answer in time')));
      asked.once('response', resolve);
      asked.once('error', (error: NodeJS.ErrnoException) => {
        const stale = asked.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleSocket(error.message) : error);
      });
      asked.end();
    });
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

class StaleSocket extends Error {}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('unavailable', 'the node that has this does not answer just now', { retryAfterS: 1 });
}
