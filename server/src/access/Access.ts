import { createHmac } from 'node:crypto';
import { KeyedBuckets } from '../http/KeyedBuckets.ts';
import { Refusal, type Right, sessionRequestHeader } from '../protocol/index.ts';
import type { AccessDirectory } from './AccessDirectory.ts';
import { hostNameOf, isLoopbackName } from './loopback.ts';
import { adminTokenPrincipal, isGranted, openPrincipal, type Principal } from './Principal.ts';
import { bearerOf, cookieOf, digest, sameDigest } from './secrets.ts';

export const sessionCookie = 'framelock_session';

/** Tokens that are none, of one address: the database is asked for stream keys, and nobody guesses in peace. */
const wrongTokens = { capacity: 120, perSecond: 1 };

export interface AccessOptions {
  /** What the server binds; open access is judged by it and never by a peer's address. */
  host: string;
  adminToken: string | undefined;
  nodeSecret: string;
  directory: Pick<AccessDirectory, 'hasUsers' | 'ofToken' | 'ofSession' | 'ofRef'>;
}

/** What a request says about who sends it. */
export interface Credentials {
  method: string;
  headers: (name: string) => string | undefined;
  /** From elsewhere than a header: a query, or `join`. */
  token?: string | undefined;
  address: string;
}

/** Who sends a request. Without a principal: nobody, or who has a stream key as `token`. */
export interface Caller {
  token: string | undefined;
  principal: Principal | undefined;
  address: string;
}

/** Why something that lasts was let in: asked again while it lasts. */
export type Admission = { streamId: string } & ({ ref: string; right: Right } | { keyDigest: Buffer });

/** Who may do what. Open (a loopback bind and no user): anything, from pages of this machine. Else by what they bring. */
export class Access {
  readonly #isLoopback: boolean;
  readonly #directory: AccessOptions['directory'];
  readonly #adminToken: Buffer | undefined;
  readonly #nodeSecret: Buffer;
  readonly #passKey: Buffer;
  readonly #wrong = new KeyedBuckets(wrongTokens);

  constructor(options: AccessOptions) {
    this.#isLoopback = isLoopbackName(options.host);
    this.#directory = options.directory;
    this.#adminToken = options.adminToken === undefined ? undefined : digest(options.adminToken);
    this.#nodeSecret = digest(options.nodeSecret);
    this.#passKey = passKeyOf(options);
  }

  get open(): boolean {
    return this.#isLoopback && !this.#directory.hasUsers;
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
    if (!isSameOrigin(headers)) throw new Refusal('forbidden', 'pages of another origin may not use this server');
  }

  /** A bearer goes before a cookie. Refuses a cookie that a page of another site may have sent. */
  identify({ method, headers, token: given, address }: Credentials): Caller {
    const token = bearerOf(headers('authorization')) ?? given;
    if (this.open) return { token, principal: openPrincipal, address };
    if (token !== undefined) {
      const principal = this.#isAdminToken(token) ? adminTokenPrincipal : this.#directory.ofToken(token);
      if (!principal && this.#wrong.isEmpty(address)) throw tooManyWrong();
      return { token, principal, address };
    }
    const cookie = cookieOf(headers('cookie'), sessionCookie);
    const principal = cookie === undefined ? undefined : this.#directory.ofSession(cookie);
    if (principal) checkSentByUs(method, headers);
    return { token, principal, address };
  }

  may({ principal }: Caller, right: Right, streamId?: string): boolean {
    return principal !== undefined && isGranted(principal.grants, right, streamId);
  }

  /** `streamId` undefined: of all Streams; `manage` then is also what belongs to no Stream. */
  require(caller: Caller, right: Right, streamId?: string): void {
    if (!this.may(caller, right, streamId)) throw this.refusal(caller, `the right to ${right} ${whichOf(streamId)}`);
  }

  requireAdmin(caller: Caller): void {
    if (!caller.principal?.admin) throw this.refusal(caller, 'an administrator');
  }

  /** Anybody the server knows except guests with a link: for what is of no Stream and no secret. */
  requireMember(caller: Caller): void {
    if (!caller.principal || caller.principal.kind === 'share') throw this.refusal(caller, 'an account or a token');
  }

  isKey({ token }: Caller, streamKey: string | undefined): boolean {
    return token !== undefined && streamKey !== undefined && sameDigest(digest(token), digest(streamKey));
  }

  mayPublish(caller: Caller, streamId: string, streamKey: string | undefined): boolean {
    return this.may(caller, 'publish', streamId) || this.isKey(caller, streamKey);
  }

  requirePublisher(caller: Caller, streamId: string, streamKey: string | undefined): void {
    if (!this.mayPublish(caller, streamId, streamKey)) {
      throw this.refusal(caller, 'the right to publish this Stream, or its key');
    }
  }

  /**
   * WHIP and WHEP: the stream key or a token, also where access is open, since there pages of every origin may come. No
   * key: there is no such Stream, which nobody may learn who has no right to all.
   */
  requireBearer(caller: Caller, right: Right, streamId: string, streamKey: string | undefined): Admission {
    const { token } = caller;
    if (this.isKey(caller, streamKey)) return { streamId, keyDigest: digest(token!) };
    const principal = token === undefined ? undefined : this.#ofToken(token);
    if (principal && isGranted(principal.grants, right, streamId)) return { streamId, ref: principal.ref, right };
    if (this.isNode(token)) throw new Refusal('forbidden', 'NODE_SECRET is for nodes: send the stream key');
    throw this.refusal({ ...caller, principal }, `the right to ${right} this Stream, or its key`);
  }

  #ofToken(token: string): Principal | undefined {
    return this.#isAdminToken(token) ? adminTokenPrincipal : this.#directory.ofToken(token);
  }

  /** Of who was let in by `may` or, to publish, by the key. */
  admissionOf(caller: Caller, right: Right, streamId: string): Admission {
    if (this.may(caller, right, streamId)) return { streamId, right, ref: caller.principal!.ref };
    return { streamId, keyDigest: digest(caller.token ?? '') };
  }

  /** Undefined: whoever came with a stream key, which `isKeyOf` knows. */
  stillAdmits(admission: Admission): boolean | undefined {
    if (!('ref' in admission)) return undefined;
    const principal = this.#ofRef(admission.ref);
    return principal !== undefined && isGranted(principal.grants, admission.right, admission.streamId);
  }

  /** Of a principal by its `ref`: whether it is still somebody, and still may. */
  stillMay(ref: string, right: Right, streamId?: string): boolean {
    const principal = this.#ofRef(ref);
    return principal !== undefined && isGranted(principal.grants, right, streamId);
  }

  isKeyOf(admission: Admission, streamKey: string): boolean {
    return 'keyDigest' in admission && sameDigest(admission.keyDigest, digest(streamKey));
  }

  #ofRef(ref: string): Principal | undefined {
    if (ref === openPrincipal.ref) return this.open ? openPrincipal : undefined;
    if (ref === adminTokenPrincipal.ref) return this.#adminToken && adminTokenPrincipal;
    return this.#directory.ofRef(ref);
  }

  #isAdminToken(token: string): boolean {
    return this.#adminToken !== undefined && sameDigest(digest(token), this.#adminToken);
  }

  isNode(token: string | undefined): boolean {
    return token !== undefined && sameDigest(digest(token), this.#nodeSecret);
  }

  /** 403 for somebody we know, 401 for everybody else; wrong tokens are counted. */
  refusal(caller: Caller, needed: string): Refusal {
    if (caller.principal)
      return new Refusal('forbidden', `${caller.principal.name} may not do this: it needs ${needed}`);
    if (caller.token === undefined) {
      return new Refusal('unauthorized', 'this needs a token (Authorization: Bearer …) or a sign-in');
    }
    if (!this.#wrong.take(caller.address)) return tooManyWrong();
    return new Refusal('unauthorized', 'this token is not valid here');
  }

  /** Lets its bearer watch one Stream by HLS until then, for as long as the principal may: a cookie for the token. */
  watchPass(streamId: string, { ref }: Principal, untilMs: number): string {
    return `${untilMs}.${ref}.${this.#watchMac(streamId, ref, untilMs).toString('base64url')}`;
  }

  isWatchPass(streamId: string, pass: string | undefined, nowMs: number): boolean {
    const [, until, ref, mac] = /^(\d{1,15})\.([A-Za-z0-9:]{1,40})\.([A-Za-z0-9_-]{43})$/.exec(pass ?? '') ?? [];
    if (until === undefined || ref === undefined || mac === undefined || Number(until) < nowMs) return false;
    if (!sameDigest(Buffer.from(mac, 'base64url'), this.#watchMac(streamId, ref, Number(until)))) return false;
    return this.stillAdmits({ streamId, ref, right: 'watch' }) === true;
  }

  #watchMac(streamId: string, ref: string, untilMs: number): Buffer {
    return createHmac('sha256', this.#passKey).update(`watch ${streamId} ${ref} ${untilMs}`).digest();
  }
}

/** Of both secrets: the same on all replicas, and another one as soon as the admin token changes. */
export function passKeyOf({ nodeSecret, adminToken }: Pick<AccessOptions, 'nodeSecret' | 'adminToken'>): Buffer {
  const adminDigest = adminToken === undefined ? '' : digest(adminToken);
  return createHmac('sha256', digest(nodeSecret)).update(adminDigest).digest();
}

/** Cookies come by themselves, whoever makes the browser send a request: so it has to say that a page of ours did. */
function checkSentByUs(method: string, headers: Credentials['headers']): void {
  const site = headers('sec-fetch-site');
  const isForeign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') || !isSameOrigin(originOf(headers));
  const changes = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
  if (isForeign && (changes || headers('upgrade') !== undefined)) {
    throw new Refusal('forbidden', 'pages of another origin may not use this session');
  }
  if (changes && headers(sessionRequestHeader) === undefined) {
    throw new Refusal('forbidden', `with a session a ${method} needs the header ${sessionRequestHeader}: 1`);
  }
}

const originOf = (headers: Credentials['headers']) => ({ host: headers('host'), origin: headers('origin') });

/** No Origin: no browser sent it, or a browser that was asked by our own page for something that changes nothing. */
export function isSameOrigin({ host, origin }: { host: string | undefined; origin: string | undefined }): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

const whichOf = (streamId: string | undefined) => (streamId === undefined ? 'all Streams' : 'this Stream');

const tooManyWrong = () =>
  new Refusal('rateLimited', 'too many wrong tokens came from this address: wait a minute', { retryAfterS: 60 });
