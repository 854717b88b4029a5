import type { IncomingMessage } from 'node:http';
import type { Access } from '../access/Access.ts';
import type { AddressReader } from '../access/AddressReader.ts';
import { bearerOf, cookieOf } from '../access/secrets.ts';
import { isSecure } from '../http/isSecure.ts';
import type { HlsPath } from './hlsPath.ts';

const cookieName = 'framelock_hls';
/** Longer than anybody watches without loading the page again. */
const passForS = 24 * 3_600;

/** Flat headers of every answer below `/hls/`. */
const always = ['X-Content-Type-Options', 'nosniff', 'Referrer-Policy', 'same-origin'];
/**
 * A page of another origin may play, for it has to bring the token: cookies are not sent with its requests (SameSite)
 * and never readable with `*`. Where access is open only our own pages may.
 */
const forAnyOrigin = [
  ...['Access-Control-Allow-Origin', '*'],
  ...['Access-Control-Expose-Headers', 'Content-Length, Content-Range, Date, ETag, Retry-After, WWW-Authenticate'],
  ...['Cross-Origin-Resource-Policy', 'cross-origin'],
];
const preflight = [
  ...['Access-Control-Allow-Methods', 'GET, HEAD, OPTIONS'],
  ...['Access-Control-Allow-Headers', 'Authorization, Range, If-None-Match, If-Range'],
  ...['Access-Control-Max-Age', '86400'],
];

const openHeaders = [...always, 'Cross-Origin-Resource-Policy', 'same-origin'];
const restrictedHeaders = [...always, ...forAnyOrigin];
const restrictedPreflight = [...restrictedHeaders, ...preflight];

/** Who may watch by HLS: as everywhere, plus a cookie for players that can't send a header with each request. */
export class HlsAccess {
  readonly #access: Access;
  readonly #addresses: AddressReader;

  constructor(access: Access, addresses: AddressReader) {
    this.#access = access;
    this.#addresses = addresses;
  }

  get headers(): string[] {
    return this.#access.open ? openHeaders : restrictedHeaders;
  }

  get preflightHeaders(): string[] {
    return this.#access.open ? openHeaders : restrictedPreflight;
  }

  /** What was let in by token must not stay in caches that others share. */
  get isPrivate(): boolean {
    return !this.#access.open;
  }

  checkOrigin(request: IncomingMessage): void {
    this.#access.checkOrigin({ host: request.headers.host, origin: request.headers.origin });
  }

  /** Refuses (401, 403), or answers the headers that come with being let in: the cookie, once. */
  require(request: IncomingMessage, { streamId, token }: HlsPath): string[] | undefined {
    const access = this.#access;
    if (access.open) return undefined;
    const { headers, method = 'GET' } = request;
    const bearer = bearerOf(headers.authorization);
    if (bearer === undefined && access.isWatchPass(streamId, cookieOf(headers.cookie, cookieName), Date.now())) {
      return undefined;
    }
    const caller = access.identify({
      ...{ method, token, address: this.#addresses.of(request) },
      headers: (name) => headers[name]?.toString(),
    });
    access.require(caller, 'watch', streamId);
    // With a header, or the cookie of a session, each request says by itself who asks.
    if (bearer !== undefined || token === undefined) return undefined;
    const pass = access.watchPass(streamId, caller.principal!, Date.now() + passForS * 1_000);
    const attributes = `Path=/hls/${streamId}; Max-Age=${passForS}; HttpOnly; SameSite=Lax${isSecure(request) ? '; Secure' : ''}`;
    return ['Set-Cookie', `${cookieName}=${pass}; ${attributes}`, 'Cache-Control', 'no-store'];
  }
}
