import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Refusal } from '@framelock/server/protocol';
import type { OriginCounts } from './OriginCounts.ts';
import { parseRange } from './range.ts';
import type { RouteKind } from './route.ts';
import type { TextBody } from './TextBodies.ts';

/** Every answer has them: no credentials of a browser are involved, so anybody's page may play it. */
export const openToAll = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Expose-Headers',
  'Content-Length, Content-Range, Date, Age, ETag, Retry-After',
  'Timing-Allow-Origin',
  '*',
];

const acceptsGzipPattern = /(?:^|[\s,])(?:gzip|\*)(?![^,]*;\s*q=0(?:\.0*)?(?:\s|,|$))/;
export const acceptsGzip = (request: IncomingMessage): boolean => {
  const accepted = request.headers['accept-encoding'];
  return accepted !== undefined && acceptsGzipPattern.test(accepted);
};

/** RFC 9110 13.1.2, weak comparison. */
function knows(request: IncomingMessage, etag: string): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined) return false;
  if (header === etag || header === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

export interface Body {
  kind: RouteKind;
  contentType: string;
  cacheControl: string;
}

export interface LargeFile {
  handle: FileHandle;
  bytes: number;
  onClose(): void;
}

function closeFile({ handle, onClose }: LargeFile): void {
  handle.close().then(onClose, onClose);
}

/** Writes answers: statuses, headers, ranges and bodies, each counted. */
export class Answer {
  readonly #counts: OriginCounts;

  constructor(counts: OriginCounts) {
    this.#counts = counts;
  }

  /** Bytes held in memory: one write of head and body. */
  bytes(request: IncomingMessage, response: ServerResponse, body: Body, etag: string, data: Buffer): void {
    const headers = this.#headers(body, etag);
    if (this.#answeredFromCache(request, response, body, etag, headers)) return;
    const range = request.method === 'HEAD' ? undefined : rangeOf(request, etag, data.length);
    if (range === 'unsatisfiable') return this.#unsatisfiable(response, body, data.length);
    headers.push('Accept-Ranges', 'bytes');
    if (!range) return this.#finish(request, response, body.kind, 200, headers, data);
    headers.push('Content-Range', `bytes ${range.first}-${range.last}/${data.length}`);
    this.#finish(request, response, body.kind, 206, headers, data.subarray(range.first, range.last + 1));
  }

  /** A text, compressed for whoever takes that. No ranges: playlists are read whole. */
  text(request: IncomingMessage, response: ServerResponse, body: Body, text: TextBody): void {
    const compress = text.worthCompressing && acceptsGzip(request);
    const etag = text.etag(compress);
    const headers = this.#headers(body, etag);
    headers.push('Vary', 'Accept-Encoding');
    if (this.#answeredFromCache(request, response, body, etag, headers)) return;
    if (!compress) return this.#finish(request, response, body.kind, 200, headers, text.plain);
    headers.push('Content-Encoding', 'gzip');
    const data = text.compressed();
    if (Buffer.isBuffer(data)) return this.#finish(request, response, body.kind, 200, headers, data);
    data
      .then((compressed) => this.#finish(request, response, body.kind, 200, headers, compressed))
      .catch(() => response.destroy());
  }

  /** What lies on the disk and is large; closes the handle, and says so. */
  file(request: IncomingMessage, response: ServerResponse, body: Body, etag: string, file: LargeFile): void {
    const { handle, bytes } = file;
    const headers = this.#headers(body, etag);
    const isHead = request.method === 'HEAD';
    const range = isHead ? undefined : rangeOf(request, etag, bytes);
    if (this.#answeredFromCache(request, response, body, etag, headers)) return closeFile(file);
    if (range === 'unsatisfiable') {
      this.#unsatisfiable(response, body, bytes);
      return closeFile(file);
    }
    headers.push('Accept-Ranges', 'bytes');
    if (range) headers.push('Content-Range', `bytes ${range.first}-${range.last}/${bytes}`);
    const { first: start, last: end } = range ?? { first: 0, last: bytes - 1 };
    const length = end - start + 1;
    headers.push('Content-Length', String(length));
    const status = range ? 206 : 200;
    this.#counts.answered(body.kind, status, isHead ? 0 : length);
    response.writeHead(status, headers);
    if (isHead) {
      response.end();
      return closeFile(file);
    }
    // A client that goes away is an error of the pipeline only, which closes the handle in any case.
    pipeline(handle.createReadStream({ start, end, highWaterMark: 128 * 1024 }), response, file.onClose);
  }

  refusal(response: ServerResponse, kind: RouteKind | 'other', refusal: Refusal): void {
    if (response.headersSent || response.destroyed) return void response.destroy();
    const data = Buffer.from(JSON.stringify({ error: refusal }));
    const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store', ...openToAll];
    if (refusal.status === 503) headers.push('Retry-After', String(retryAfterS(refusal)));
    if (refusal.status === 401) headers.push('WWW-Authenticate', 'Bearer');
    headers.push('Content-Length', String(data.length));
    this.#counts.answered(kind, refusal.status, data.length);
    response.writeHead(refusal.status, headers);
    // Node leaves the body of an answer to HEAD away.
    response.end(data);
  }

  #headers({ contentType, cacheControl }: Body, etag: string): string[] {
    return ['Content-Type', contentType, 'Cache-Control', cacheControl, 'ETag', etag, ...openToAll];
  }

  #answeredFromCache(
    request: IncomingMessage,
    response: ServerResponse,
    body: Body,
    etag: string,
    headers: string[],
  ): boolean {
    if (!knows(request, etag)) return false;
    this.#counts.answered(body.kind, 304, 0);
    response.writeHead(304, headers);
    response.end();
    return true;
  }

  #unsatisfiable(response: ServerResponse, { kind }: Body, bytes: number): void {
    const error = { code: 'rangeNotSatisfiable', message: `the file has ${bytes} bytes` };
    const data = Buffer.from(JSON.stringify({ error }));
    this.#counts.answered(kind, 416, data.length);
    response.writeHead(416, [
      'Content-Type',
      'application/json',
      'Cache-Control',
      'no-store',
      'Content-Range',
      `bytes */${bytes}`,
      'Content-Length',
      String(data.length),
      ...openToAll,
    ]);
    response.end(data);
  }

  #finish(
    request: IncomingMessage,
    response: ServerResponse,
    kind: RouteKind,
    status: number,
    headers: string[],
    data: Buffer,
  ): void {
    headers.push('Content-Length', String(data.length));
    const isHead = request.method === 'HEAD';
    this.#counts.answered(kind, status, isHead ? 0 : data.length);
    response.writeHead(status, headers);
    response.end(isHead ? undefined : data);
  }
}

/** `If-Range` with another validator asks for the whole (RFC 9110 13.1.5). */
function rangeOf(request: IncomingMessage, etag: string, bytes: number): ReturnType<typeof parseRange> {
  const { range, 'if-range': ifRange } = request.headers;
  return ifRange !== undefined && ifRange !== etag ? undefined : parseRange(range, bytes);
}

function retryAfterS({ details }: Refusal): number {
  const { retryAfterS: given } = (details ?? {}) as { retryAfterS?: unknown };
  return typeof given === 'number' ? given : 1;
}
