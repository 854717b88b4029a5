import { hash, timingSafeEqual } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';
import { hlsTargetDurationS, Refusal } from '@framelock/server/protocol';
import { reachableAddress } from '../../listenAddresses.ts';
import { contentTypeOf, immutableCacheControl, playlistContentType, type FileKind } from '../store/fileNames.ts';
import { Answer, openToAll, type Body } from './Answer.ts';
import { HeldRequests } from './HeldRequests.ts';
import { OriginCounts } from './OriginCounts.ts';
import type { DeliveryDirectives, PackagedPublication, PackagedPublications } from './PackagedPublications.ts';
import { parseDirectives, parseRoute, type Route, type RouteKind } from './route.ts';
import { TextBodies } from './TextBodies.ts';

export interface OriginOptions {
  publications: PackagedPublications;
  /** Its bearer; whoever has it may read everything. */
  token: string;
  host: string;
  /** 0 = any free port. */
  port: number;
  log: Logger;
  maxConnections?: number;
  /** Requests that wait for what does not exist yet. */
  maxHeld?: number;
  /** A request is not held for longer, whatever it waits for. */
  holdLimitMs?: number;
  /** A connection that takes nothing of its answer for so long is closed. */
  slowAfterMs?: number;
  /** Files that are being read for somebody. */
  maxDiskReads?: number;
}

const sweepEveryMs = 1_000;
const smallFileBytes = 256 * 1024;
const cacheSeconds = (seconds: number): string => `public, max-age=${seconds}`;
/** RFC 8216bis, "Low-Latency Server Configuration Profile": answers to blocking requests are kept for six target durations. */
const blockingCache = cacheSeconds(6 * hlsTargetDurationS);
const liveCache = cacheSeconds(1);
const endedCache = cacheSeconds(60);
const noDirectives: DeliveryDirectives = { msn: undefined, part: undefined, skip: false };
const notLive = new Refusal('notFound', 'this Stream is not live');
const absent = new Refusal('notFound', 'there is nothing here');
const starting = new Refusal('unavailable', 'HLS of this Stream is starting: ask again');
const busy = new Refusal('unavailable', 'too many requests are waiting here: ask again');

/** HTTP of `/hls/`: playlists, media, sidecars and Recordings, from memory at the live edge and from the disk behind it. */
export class Origin {
  readonly counts = new OriginCounts();
  readonly #options: Required<OriginOptions>;
  readonly #http: Server;
  readonly #answer = new Answer(this.counts);
  readonly #held: HeldRequests;
  readonly #tokenHash: Buffer;
  /** By text: a version of a playlist is one string for all who ask for it. */
  readonly #playlists = new TextBodies<string>(16_000_000);
  /** By URL: what compresses and never changes. */
  readonly #compressible = new TextBodies<string>(16_000_000);
  readonly #sweep: NodeJS.Timeout;
  #diskReads = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: OriginOptions) {
    this.#options = {
      maxConnections: 20_000,
      maxHeld: 20_000,
      holdLimitMs: 3 * hlsTargetDurationS * 1_000 + 3_000,
      slowAfterMs: 30_000,
      maxDiskReads: 2_048,
      ...options,
    };
    this.#tokenHash = hash('sha256', options.token, 'buffer');
    this.#held = new HeldRequests(this.#options.maxHeld);
    this.#http = createServer(
      {
        maxHeaderSize: 8 * 1024,
        headersTimeout: 10_000,
        requestTimeout: 20_000,
        // More than CDNs and the server's proxy keep theirs, so that none of them sends into a closing connection.
        keepAliveTimeout: 75_000,
        noDelay: true,
      },
      (request, response) => this.#handle(request, response),
    );
    this.#http.maxConnections = this.#options.maxConnections;
    // Node looks whether the system took any bytes since (net.Socket's _onTimeout): this is the slow client's end.
    this.#http.setTimeout(this.#options.slowAfterMs, (socket) => this.#closeSlow(socket));
    this.#sweep = setInterval(() => this.#endOldHolds(), sweepEveryMs);
    this.#sweep.unref();
  }

  /** Listens when it resolves. */
  static async create(options: OriginOptions): Promise<Origin> {
    const origin = new Origin(options);
    try {
      await new Promise<void>((resolve, reject) => {
        origin.#http.once('error', reject);
        origin.#http.listen(options.port, options.host, 1_024, resolve);
      });
    } catch (error) {
      clearInterval(origin.#sweep);
      throw error;
    }
    return origin;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** http base, as other processes of this machine reach it. */
  get url(): string {
    const address = reachableAddress(this.#options.host);
    const { port } = this.#http.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  /** Requests that wait now. */
  get held(): number {
    return this.#held.size;
  }

  /** About how many LL-HLS players (or caches) watch it; see HeldRequests. */
  players(publicationId: string): number {
    return this.#held.players(publicationId);
  }

  dump(): Record<string, unknown> {
    const { requests, bytes, heldTotal, refused, unauthorized, slowClosed } = this.counts;
    return {
      held: this.held,
      diskReads: this.#diskReads,
      requests,
      bytes,
      heldTotal,
      refused,
      unauthorized,
      slowClosed,
    };
  }

  /** Ends what is open. Idempotent. */
  async close(reason: string): Promise<void> {
    if (!this.#closing) this.#options.log.info({ reason }, 'HLS origin closed');
    this.#closing ??= new Promise((resolve) => {
      clearInterval(this.#sweep);
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
    await this.#closing;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '' } = request;
    if (method === 'OPTIONS') return this.#answerPreflight(response);
    if (method !== 'GET' && method !== 'HEAD') {
      return this.#answer.refusal(response, 'other', new Refusal('methodNotAllowed', 'only GET, HEAD and OPTIONS'));
    }
    if (!this.#isKnown(request)) {
      this.counts.unauthorized++;
      return this.#answer.refusal(
        response,
        'other',
        new Refusal('unauthorized', 'this needs the bearer of this origin'),
      );
    }
    const queryAt = url.indexOf('?');
    const route = parseRoute(queryAt < 0 ? url : url.slice(0, queryAt));
    if (!route) return this.#answer.refusal(response, 'other', absent);
    try {
      const query = queryAt < 0 ? '' : url.slice(queryAt + 1);
      if (route.publicationId === undefined) return this.#answerStream(request, response, route);
      const found = this.#options.publications.find(route.streamId, route.publicationId);
      if (!(found instanceof Promise)) return this.#answerPublication(request, response, route, query, found);
      found.then(
        (publication) => this.#answerPublication(request, response, route, query, publication),
        (error: unknown) => this.#refuse(response, route.kind, error),
      );
    } catch (error) {
      this.#refuse(response, route.kind, error);
    }
  }

  /** Hashes are compared, so that the time taken tells neither content nor length. */
  #isKnown(request: IncomingMessage): boolean {
    const { authorization } = request.headers;
    if (authorization === undefined || authorization.length > 520 || !authorization.startsWith('Bearer ')) return false;
    return timingSafeEqual(hash('sha256', authorization.slice(7), 'buffer'), this.#tokenHash);
  }

  #answerPreflight(response: ServerResponse): void {
    this.counts.answered('other', 204, 0);
    response.writeHead(204, [
      ...openToAll,
      'Access-Control-Allow-Methods',
      'GET, HEAD, OPTIONS',
      'Access-Control-Allow-Headers',
      'Authorization, Range, If-None-Match, If-Range',
      'Access-Control-Max-Age',
      '86400',
    ]);
    response.end();
  }

  /** `/hls/:streamId/index.m3u8` and `plain.m3u8`: multivariant both, of whatever is live. */
  #answerStream(request: IncomingMessage, response: ServerResponse, { kind, streamId }: Route): void {
    const wanted = this.#options.publications.want(streamId);
    if (!wanted) throw notLive;
    const media = kind === 'plain' ? 'plain.m3u8' : 'live.m3u8';
    const text = wanted === 'starting' ? undefined : wanted.multivariant(`${wanted.publicationId}/`, media);
    this.#answerPlaylist(request, response, kind, text, liveCache);
  }

  #answerPublication(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    query: string,
    publication: PackagedPublication | undefined,
  ): void {
    const { kind } = route;
    try {
      if (!publication) throw absent;
      const cache = publication.ended ? endedCache : liveCache;
      if (kind === 'multivariant') {
        return this.#answerPlaylist(request, response, kind, publication.multivariant('', 'live.m3u8'), cache);
      }
      if (kind === 'plain') return this.#answerPlaylist(request, response, kind, publication.plain(), cache);
      if (kind === 'live') return this.#answerLive(request, response, query, publication);
      if (kind === 'download') return void this.#answerDownload(request, response, route);
      this.#answerFile(request, response, kind, route, publication);
    } catch (error) {
      this.#refuse(response, kind, error);
    }
  }

  #answerPlaylist(
    request: IncomingMessage,
    response: ServerResponse,
    kind: RouteKind,
    text: string | undefined,
    cacheControl: string,
  ): void {
    if (text === undefined) {
      this.counts.refused.starting++;
      throw starting;
    }
    const body = this.#playlists.get(text, () => Buffer.from(text));
    this.#answer.text(request, response, { kind, contentType: playlistContentType, cacheControl }, body);
  }

  #answerLive(
    request: IncomingMessage,
    response: ServerResponse,
    query: string,
    publication: PackagedPublication,
  ): void {
    const directives = query ? parseDirectives(query) : noDirectives;
    if (!directives) throw new Refusal('badRequest', '_HLS_msn, _HLS_part or _HLS_skip makes no sense');
    const isBlocking = directives.msn !== undefined;
    const cache = publication.ended ? endedCache : isBlocking ? blockingCache : liveCache;
    const text = publication.lowLatency(directives);
    if (!(text instanceof Promise)) return this.#answerPlaylist(request, response, 'live', text, cache);
    if (!this.#hold(response, publication.publicationId)) throw busy;
    text
      .then((ready) => {
        if (this.#held.take(response)) this.#answerPlaylist(request, response, 'live', ready, cache);
      })
      .catch((error: unknown) => this.#refuseHeld(response, 'live', error));
  }

  #answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    kind: FileKind,
    route: Route,
    { files }: PackagedPublication,
  ): void {
    const data = files.held(route.name);
    if (data) return this.#answerBytes(request, response, kind, route, data);
    const coming = files.wait(route.name);
    if (!coming) return void this.#answerFromDisk(request, response, kind, route, files.path(route.name));
    if (!this.#hold(response, undefined)) throw busy;
    coming
      .then((arrived) => {
        if (!this.#held.take(response)) return;
        if (arrived) this.#answerBytes(request, response, kind, route, arrived);
        else this.#answer.refusal(response, kind, absent);
      })
      .catch((error: unknown) => this.#refuseHeld(response, kind, error));
  }

  #answerBytes(request: IncomingMessage, response: ServerResponse, kind: FileKind, route: Route, data: Buffer): void {
    const body: Body = { kind, contentType: contentTypeOf[kind], cacheControl: immutableCacheControl };
    const compresses = kind === 'partSidecar' || kind === 'segmentSidecar' || kind === 'model';
    if (!compresses || request.headers.range !== undefined) {
      return this.#answer.bytes(request, response, body, etagOf(route), data);
    }
    const text = this.#compressible.get(`${route.publicationId}/${route.name}`, () => data);
    this.#answer.text(request, response, body, text);
  }

  async #answerFromDisk(
    request: IncomingMessage,
    response: ServerResponse,
    kind: FileKind,
    route: Route,
    path: string,
  ): Promise<void> {
    if (this.#diskReads >= this.#options.maxDiskReads) {
      this.counts.refused.disk++;
      return this.#answer.refusal(response, kind, busy);
    }
    this.#diskReads++;
    let handle: FileHandle | undefined;
    try {
      handle = await open(path);
      const { size } = await handle.stat();
      if (size <= smallFileBytes) {
        const data = await handle.readFile();
        await handle.close();
        this.#answerBytes(request, response, kind, route, data);
      } else {
        const body: Body = { kind, contentType: contentTypeOf[kind], cacheControl: immutableCacheControl };
        const file = { handle, bytes: size, onClose: () => this.#diskReads-- };
        return this.#answer.file(request, response, body, etagOf(route), file);
      }
      this.#diskReads--;
    } catch (error) {
      this.#diskReads--;
      await handle?.close().catch(() => undefined);
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
      this.#refuse(response, kind, isAbsent ? absent : error);
    }
  }

  async #answerDownload(request: IncomingMessage, response: ServerResponse, route: Route): Promise<void> {
    const headers = ['Content-Type', 'video/mp4', 'Cache-Control', 'private, no-store', ...openToAll];
    try {
      if (request.method === 'HEAD') {
        this.counts.answered('download', 200, 0);
        return void response.writeHead(200, headers).end();
      }
      const download = await this.#options.publications.download(route.streamId, route.publicationId!);
      if (response.destroyed) return download.stop();
      this.counts.answered('download', 200, 0);
      headers.push('Content-Disposition', `attachment; filename="${download.fileName}"`);
      response.writeHead(200, headers);
      download.stream.on('data', (chunk: Buffer) => (this.counts.bytes += chunk.length));
      // An answer that ends early has no last chunk: the client knows that it is not whole.
      pipeline(download.stream, response, () => download.stop());
    } catch (error) {
      this.#refuse(response, 'download', error);
    }
  }

  #hold(response: ServerResponse, publicationId: string | undefined): boolean {
    if (this.#held.add(response, publicationId, performance.now())) {
      this.counts.heldTotal++;
      return true;
    }
    this.counts.refused.held++;
    return false;
  }

  #endOldHolds(): void {
    for (const response of this.#held.expired(performance.now(), this.#options.holdLimitMs)) {
      this.#held.take(response);
      this.#answer.refusal(response, 'other', new Refusal('unavailable', 'what this waits for did not come'));
    }
  }

  #closeSlow(socket: Socket): void {
    // An idle connection kept alive has nothing to take.
    if (socket.writableLength > 0) this.counts.slowClosed++;
    socket.destroy();
  }

  /** One whose client has gone needs no answer. */
  #refuseHeld(response: ServerResponse, kind: RouteKind, error: unknown): void {
    this.#held.take(response);
    if (!response.destroyed) this.#refuse(response, kind, error);
  }

  #refuse(response: ServerResponse, kind: RouteKind, error: unknown): void {
    if (error instanceof Refusal) return this.#answer.refusal(response, kind, error);
    this.#options.log.error({ err: error }, 'an HLS request failed');
    this.#answer.refusal(response, kind, new Refusal('internal', 'something went wrong; it has been logged'));
  }
}

/** Its name is written once and never changes. */
const etagOf = ({ name }: Route): string => `"${name}"`;
