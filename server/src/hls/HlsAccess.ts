import type { IncomingMessage } from 'node:http';
import { type Access, bearerOf, unauthorized } from '../access/Access.ts';
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

/** Who may watch by HLS: as everywhere, plus a cookie for players that can't send a header with each request. */
export class HlsAccess {
  readonly #access: Access;
  readonly headers: string[];
  readonly preflightHeaders: string[];

  constructor(access: Access) {
    this.#access = access;
    this.headers = [...always, ...(access.open ? ['Cross-Origin-Resource-Policy', 'same-origin'] : forAnyOrigin)];
    this.preflightHeaders = access.open ? this.headers : [...this.headers, ...preflight];
  }

  /** What was let in by token must not stay in caches that others share. */
  get isPrivate(): boolean {
    return !this.#access.open;
  }

  checkOrigin(request: IncomingMessage): void {
    this.#access.checkOrigin({ host: request.headers.host, origin: request.headers.origin });
  }

  /** Refuses (401), or answers the headers that come with being let in: the cookie, once. */
  require(request: IncomingMessage, { streamId, token }: HlsPath): string[] | undefined {
    if (this.#access.open) return undefined;
    const bearer = bearerOf(request.headers.authorization);
    if (bearer !== undefined && this.#access.isAdmin(bearer)) return undefined;
    if (this.#access.isWatchPass(streamId, cookieOf(request.headers.cookie), Date.now())) return undefined;
    if (token === undefined || !this.#access.isAdmin(token)) throw unauthorized(bearer ?? token);
    const pass = this.#access.watchPass(streamId, Date.now() + passForS * 1_000);
    const secure = request.headers['x-forwarded-proto']?.toString().split(',', 1)[0]?.trim() === 'https';
    const attributes = `Path=/hls/${streamId}; Max-Age=${passForS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
    return ['Set-Cookie', `${cookieName}=${pass}; ${attributes}`, 'Cache-Control', 'no-store'];
  }
}

function cookieOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  for (const part of header.split(';', 64)) {
    const [name, value] = part.trim().split('=', 2);
    if (name === cookieName) return value;
  }
  return undefined;
}
