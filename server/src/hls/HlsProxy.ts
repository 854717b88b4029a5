import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';
import type { Access } from '../access/Access.ts';
import type { AddressReader } from '../access/AddressReader.ts';
import { refusalHeaders } from '../http/refusalHeaders.ts';
import type { Metrics } from '../Metrics.ts';
import { Refusal, refusalOf } from '../protocol/index.ts';
import { HlsAccess } from './HlsAccess.ts';
import type { HlsNodes } from './HlsNodes.ts';
import { HlsPlayers } from './HlsPlayers.ts';
import { type HlsPath, isPlaylist, readHlsPath } from './hlsPath.ts';
import { OriginClient } from './OriginClient.ts';
import { headersOf, refuseOwnFaults, wholeAnswer } from './originAnswer.ts';
import { type Answer, notShareable, type Shared, SharedAnswers } from './SharedAnswers.ts';

export const defaultCacheBytes = 64 * 1024 * 1024;
/** A Segment of 4 s at 16 Mbit/s. What is longer goes to each client by itself. */
const maxSharedBytes = 8 * 1024 * 1024;
/** Clients that wait for the origin; LL-HLS holds one request of each player almost always. */
export const maxWaiting = 20_000;
/** A client that takes nothing for so long is gone, and would hold the answer's bytes. */
const stuckForMs = 30_000;

export interface HlsProxyOptions {
  access: Access;
  addresses: AddressReader;
  nodes: HlsNodes;
  originToken: string;
  cacheBytes?: number;
  logger: Logger;
  metrics: Metrics;
  onFault(error: unknown, method: string, path: string): void;
}

/**
 * `/hls/*` from the nodes' origins. On node:http and beside Hono: thousands of small requests a second are nearly all of
 * what a server with many viewers does, and an answer of 2.5 KB took 15 µs of CPU by node:http and 26 µs through Hono.
 */
export class HlsProxy {
  readonly #options: HlsProxyOptions;
  readonly #access: HlsAccess;
  readonly #origin: OriginClient;
  readonly #answers: SharedAnswers;
  readonly #players = new HlsPlayers();

  constructor(options: HlsProxyOptions) {
    this.#options = options;
    this.#access = new HlsAccess(options.access, options.addresses);
    this.#origin = new OriginClient({ token: options.originToken });
    const { metrics, cacheBytes = defaultCacheBytes } = options;
    this.#answers = new SharedAnswers({ cacheBytes, onEvicted: () => metrics.hlsEvicted.inc() });
  }

  get figures() {
    const { cachedBytes, waiting } = this.#answers;
    return { cachedBytes, waiting, originRequests: this.#origin.open };
  }

  /** Of LL-HLS, about, that watch a Publication through this server. */
  players(publicationId: string): number {
    return this.#players.of(publicationId);
  }

  /** Of a Publication that was deleted. */
  forget(streamId: string, publicationId: string): void {
    this.#answers.forget(`/hls/${streamId}/${publicationId}/`);
  }

  /** A request whose path begins with `/hls/`. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    void this.#handle(request, response).catch((error: unknown) => this.refuse(request, response, error));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#access.checkOrigin(request);
    const { method = 'GET' } = request;
    if (method === 'OPTIONS') return void response.writeHead(204, this.#access.preflightHeaders).end();
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD, OPTIONS');
      throw new Refusal('methodNotAllowed', 'HLS takes GET, HEAD, OPTIONS');
    }
    const path = readHlsPath(request.url ?? '');
    const passed = this.#access.require(request, path);
    const gzip = isPlaylist(path.name) && /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
    const key = gzip ? `${path.originPath} gzip` : path.originPath;
    // Playlists are read whole, and many players ask for the whole of everything in this way.
    const { range } = request.headers;
    if (range === undefined || range === 'bytes=0-' || isPlaylist(path.name)) {
      const cached = this.#answers.cached(key);
      if (cached) return this.#send(request, response, cached, passed, 'cache');
      return this.#share(request, response, { path, passed, gzip, key });
    }
    await this.#pipe(request, response, { path, headers: rangeHeaders(request, gzip), extra: passed ?? [] });
  }

  async #share(
    request: IncomingMessage,
    response: ServerResponse,
    { path, passed, gzip, key }: { path: HlsPath; passed: string[] | undefined; gzip: boolean; key: string },
  ): Promise<void> {
    if (this.#answers.waiting >= maxWaiting) {
      throw new Refusal('unavailable', 'too many players wait at this server', { retryAfterS: 1 });
    }
    const from = this.#answers.isAsked(key) ? 'joined' : 'origin';
    const { answer, leave } = this.#answers.join(key, (signal) => this.#ask(path, gzip, signal));
    const stopsPlaying = path.blocks && path.publicationId ? this.#players.enter(path.publicationId) : undefined;
    response.once('close', leave);
    let shared: Shared;
    try {
      shared = await answer;
    } finally {
      leave();
      stopsPlaying?.();
      response.off('close', leave);
    }
    if (response.destroyed) return;
    if (shared !== notShareable) return this.#send(request, response, shared, passed, from);
    await this.#pipe(request, response, { path, headers: rangeHeaders(request, gzip), extra: passed ?? [] });
  }

  async #ask(path: HlsPath, gzip: boolean, signal: AbortSignal): Promise<Shared> {
    const base = await this.#options.nodes.originOf(path.streamId, path.publicationId);
    const headers = { 'accept-encoding': gzip ? 'gzip' : 'identity' };
    const answer = await this.#origin.ask({ method: 'GET', base, path: path.originPath, headers, signal });
    refuseOwnFaults(answer);
    return wholeAnswer(answer, { isPrivate: this.#access.isPrivate, maxBytes: maxSharedBytes });
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    extra: string[] | undefined,
    from: 'cache' | 'joined' | 'origin',
  ): void {
    const { status, body, etag } = answer;
    this.#options.metrics.hlsRequests.inc({ from });
    const headers = extra ? withoutCaching(answer.headers).concat(extra) : answer.headers;
    if (status === 200 && etag !== undefined && request.headers['if-none-match'] === etag) {
      return void response.writeHead(304, [...this.#access.headers, ...headers]).end();
    }
    response.writeHead(status, [...this.#access.headers, ...headers, 'Content-Length', String(body.length)]);
    if (request.method === 'HEAD') return void response.end();
    this.#options.metrics.hlsSentBytes.inc(body.length);
    response.end(body);
    if (!response.writableFinished) endIfStuck(response);
  }

  /** By itself for this client, as it comes: ranges, HEAD, and what is too long to be held. */
  async #pipe(
    request: IncomingMessage,
    response: ServerResponse,
    what: {
      path: Pick<HlsPath, 'streamId' | 'publicationId' | 'originPath'>;
      headers: Record<string, string>;
      extra: string[];
    },
  ): Promise<void> {
    const { streamId, publicationId, originPath } = what.path;
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    const base = await this.#options.nodes.originOf(streamId, publicationId);
    if (response.destroyed) return;
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const answer = await this.#origin.ask({
      method,
      base,
      path: originPath,
      headers: what.headers,
      signal: abort.signal,
    });
    refuseOwnFaults(answer);
    this.#options.metrics.hlsRequests.inc({ from: 'piped' });
    const length = answer.headers['content-length'];
    const headers = headersOf(answer, { isPrivate: this.#access.isPrivate });
    response.writeHead(answer.statusCode ?? 503, [
      ...this.#access.headers,
      ...(what.extra.length > 0 ? withoutCaching(headers, namesOf(what.extra)) : headers),
      ...what.extra,
      ...(length === undefined ? [] : ['Content-Length', length]),
    ]);
    answer.on('data', (chunk: Buffer) => this.#options.metrics.hlsSentBytes.inc(chunk.length));
    endIfStuck(response);
    // Either end breaking off ends the other: the client sees that its answer is not whole.
    await pipeline(answer, response).catch((error: Error) => {
      this.#options.logger.debug({ streamId, publicationId, reason: error.message }, 'an HLS answer broke off');
    });
  }

  /** A Recording as one file; whoever calls has checked access. */
  async download(
    request: IncomingMessage,
    response: ServerResponse,
    recording: { streamId: string; id: string; disposition: string },
  ): Promise<void> {
    const { streamId, id: publicationId, disposition } = recording;
    const originPath = `/hls/${streamId}/${publicationId}/download.mp4`;
    await this.#pipe(request, response, {
      path: { streamId, publicationId, originPath },
      headers: rangeHeaders(request, false),
      extra: ['Content-Disposition', disposition, 'Cache-Control', 'no-store'],
    });
  }

  /** Answers with what was thrown. */
  refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed) return; // who left is not refused
    const refusal = refusalOf(error);
    const { method = '', url = '' } = request;
    if (!(error instanceof Refusal)) this.#options.onFault(error, method, url.split('?', 1)[0]!);
    this.#options.metrics.refused.inc({ door: 'hls', code: refusal.code });
    if (response.headersSent) return void response.destroy();
    const body = Buffer.from(JSON.stringify({ error: refusal.toJSON() }));
    const { headers } = this.#access;
    for (let i = 0; i < headers.length; i += 2) response.setHeader(headers[i]!, headers[i + 1]!);
    response.writeHead(refusal.status, {
      ...refusalHeaders(refusal),
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
    });
    response.end(method === 'HEAD' ? undefined : body);
  }

  close(): void {
    this.#origin.close();
  }
}

/** What makes an answer this client's own. */
function rangeHeaders({ headers }: IncomingMessage, gzip: boolean): Record<string, string> {
  const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = headers;
  return {
    'accept-encoding': gzip ? 'gzip' : 'identity',
    ...(range === undefined ? {} : { range }),
    ...(range === undefined || typeof ifRange !== 'string' ? {} : { 'if-range': ifRange }),
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
  };
}

const namesOf = (headers: readonly string[]) => headers.filter((_, index) => index % 2 === 0);

/** Without those that `names` sets anew. */
function withoutCaching(headers: readonly string[], names: readonly string[] = ['Cache-Control']): string[] {
  const set = new Set(names.map((name) => name.toLowerCase()));
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!set.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

/** Its socket is ended where nothing moves. */
function endIfStuck(response: ServerResponse): void {
  const { socket } = response;
  if (!socket) return;
  const stuck = () => socket.destroy();
  socket.setTimeout(stuckForMs, stuck);
  // Not setTimeout(0): node has set keep-alive's own by then.
  response.once('close', () => socket.off('timeout', stuck));
}
