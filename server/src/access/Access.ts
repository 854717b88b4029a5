import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../protocol/index.ts';
import { hostNameOf, isLoopbackName } from './loopback.ts';

export interface AccessOptions {
  /** What the server binds; open access is judged by it and never by a peer's address. */
  host: string;
  /** Nothing where access is open and none was configured. */
  adminToken: string | undefined;
  nodeSecret: string;
}

/** Who may do what. Open: anything, from pages of this machine. Else: a token for everything. */
export class Access {
  readonly open: boolean;
  readonly #adminToken: Buffer | undefined;
  readonly #nodeSecret: Buffer;
  /** Of both secrets: the same on all replicas, and another one as soon as the admin token changes. */
  readonly #passKey: Buffer;

  constructor(options: AccessOptions) {
    this.open = isLoopbackName(options.host);
    this.#adminToken = options.adminToken === undefined ? undefined : digest(options.adminToken);
    this.#nodeSecret = digest(options.nodeSecret);
    this.#passKey = createHmac('sha256', this.#nodeSecret)
      .update(this.#adminToken ?? '')
      .digest();
  }

  /**
   * Against DNS rebinding: where no token guards us, a page of another site must not reach us, neither under its own
   * name pointed at 127.0.0.1 (`Host`) nor by a cross-site request or socket (`Origin`).
   */
  checkOrigin(headers: { host: string | undefined; origin: string | undefined }): void {
    if (!this.open) return;
    const name = hostNameOf(headers.host ?? '');
    if (name === undefined || !isLoopbackName(name)) {
      throw new Refusal(
        'forbidden',
        'this server is open to its own machine only: ask for it as localhost or 127.0.0.1',
      );
    }
    if (headers.origin === undefined) return;
    if (!URL.canParse(headers.origin) || new URL(headers.origin).host !== headers.host?.toLowerCase()) {
      throw new Refusal('forbidden', 'pages of another origin may not use this server');
    }
  }

  isAdmin(token: string | undefined): boolean {
    return this.open || this.#isAdminToken(token);
  }

  #isAdminToken(token: string | undefined): boolean {
    return token !== undefined && this.#adminToken !== undefined && sameDigest(digest(token), this.#adminToken);
  }

  mayPublish(token: string | undefined, streamKey: string): boolean {
    return this.isAdmin(token) || (token !== undefined && sameDigest(digest(token), digest(streamKey)));
  }

  isNode(token: string | undefined): boolean {
    return token !== undefined && sameDigest(digest(token), this.#nodeSecret);
  }

  requireAdmin(token: string | undefined): void {
    if (!this.isAdmin(token)) throw unauthorized(token);
  }

  /**
   * WHIP and WHEP: the stream key or the admin token, also where access is open, since there pages of every origin may
   * come. No key: there is no such Stream, which only an administrator may learn.
   */
  requireBearer(token: string | undefined, streamKey: string | undefined): void {
    const isKey = token !== undefined && sameDigest(digest(token), digest(streamKey ?? ''));
    if ((isKey && streamKey !== undefined) || this.#isAdminToken(token)) return;
    if (this.isNode(token)) throw new Refusal('forbidden', 'NODE_SECRET is for nodes: send the stream key');
    throw unauthorized(token);
  }

  /** Lets its bearer watch one Stream by HLS until then, and do nothing else: for a cookie in place of the token. */
  watchPass(streamId: string, untilMs: number): string {
    return `${untilMs}.${this.#watchMac(streamId, untilMs).toString('base64url')}`;
  }

  isWatchPass(streamId: string, pass: string | undefined, nowMs: number): boolean {
    const [, until, mac] = /^(\d{1,15})\.([A-Za-z0-9_-]{43})$/.exec(pass ?? '') ?? [];
    if (until === undefined || mac === undefined || Number(until) < nowMs) return false;
    return sameDigest(Buffer.from(mac, 'base64url'), this.#watchMac(streamId, Number(until)));
  }

  #watchMac(streamId: string, untilMs: number): Buffer {
    return createHmac('sha256', this.#passKey).update(`watch ${streamId} ${untilMs}`).digest();
  }

  requirePublisher(token: string | undefined, streamKey: string): void {
    if (!this.mayPublish(token, streamKey)) throw unauthorized(token);
  }
}

/** `Authorization: Bearer token` -> token. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer ([^\s]{1,512})$/i.exec(authorization ?? '')?.[1];
}

export function unauthorized(token: string | undefined): Refusal {
  return token === undefined
    ? new Refusal('unauthorized', 'this needs a token (Authorization: Bearer …)')
    : new Refusal('unauthorized', 'this token is not valid here');
}

/** Digests have one length, so that comparing them tells neither length nor content by its time. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function sameDigest(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(a, b);
}
