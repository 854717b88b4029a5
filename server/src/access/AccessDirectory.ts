import { createHmac } from 'node:crypto';
import type { AccessSnapshot, AccessStore, ApiTokenRow, LoginSessionRow, ShareLinkRow, UserFacts } from '@framelock/db';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Metrics } from '../Metrics.ts';
import { type Grant, grantSchema } from '../protocol/index.ts';
import { grantsOfRole, type Principal } from './Principal.ts';
import { digest, readToken, sameDigest, writeToken } from './secrets.ts';

/** Changes made through another server take effect here within this and the time of two queries. */
const lookEveryMs = 1_000;
const touchEveryMs = 30_000;
const expireEveryMs = 3_600_000;
/** A browser that was not seen for so long has to sign in again, though its session would last longer. */
const idleSessionMs = 7 * 86_400_000;
/** Share links stay in the list for a while after their end, so that people see why one does not work. */
const endedShareMs = 7 * 86_400_000;

export interface AccessDirectoryOptions {
  store: AccessStore;
  /** Signs share links. */
  shareKey: Buffer;
  logger: Logger;
  metrics: Metrics;
  /** Every second, and at once after a change: what is live may have lost its right. `keys`: also stream keys. */
  onLook(changed: { keys: boolean }): void;
}

interface Entry {
  principal: Principal;
  /** Of the secret; a link's is its signature. */
  digest: Buffer;
  expiresAtMs: number;
}

/**
 * Users, sessions, tokens and links as the database has them, in memory: who asks is known without a query, for thousands
 * of HLS requests a second. A database that is away changes nobody's rights.
 */
export class AccessDirectory {
  readonly #options: AccessDirectoryOptions;
  #snapshot: AccessSnapshot;
  #entries = new Map<string, Entry>();
  readonly #used = { user: new Set<string>(), token: new Set<string>() };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #touchedAtMs = Date.now();
  #expiredAtMs = 0;
  #loading: Promise<void> | undefined;
  #closed = false;

  private constructor(options: AccessDirectoryOptions, snapshot: AccessSnapshot) {
    this.#options = options;
    this.#snapshot = snapshot;
    this.#take(snapshot);
  }

  static async create(options: AccessDirectoryOptions): Promise<AccessDirectory> {
    const directory = new AccessDirectory(options, await options.store.snapshot());
    directory.#schedule();
    return directory;
  }

  get hasUsers(): boolean {
    return this.#snapshot.users.length > 0;
  }

  get users(): readonly UserFacts[] {
    return this.#snapshot.users;
  }

  get tokens(): readonly ApiTokenRow[] {
    return this.#snapshot.tokens;
  }

  get shares(): readonly ShareLinkRow[] {
    return this.#snapshot.shares;
  }

  /** Those that are not over, newest first. */
  get sessions(): LoginSessionRow[] {
    const nowMs = Date.now();
    return this.#snapshot.sessions.filter(({ expiresAt }) => expiresAt.getTime() > nowMs);
  }

  user(id: string): UserFacts | undefined {
    return this.#snapshot.users.find((user) => user.id === id);
  }

  /** Of an API token or a share link. */
  ofToken(token: string): Principal | undefined {
    const parts = readToken(token);
    return parts && parts.kind !== 'fls' ? this.#verified(`${parts.kind}:${parts.id}`, parts.secret) : undefined;
  }

  /** Of a session cookie's value. */
  ofSession(cookie: string): Principal | undefined {
    const parts = readToken(cookie);
    return parts?.kind === 'fls' ? this.#verified(`fls:${parts.id}`, parts.secret) : undefined;
  }

  /** What a Principal of before may do now; undefined = nothing any more. */
  ofRef(ref: string): Principal | undefined {
    const entry = this.#entries.get(ref);
    return entry && entry.expiresAtMs > Date.now() ? entry.principal : undefined;
  }

  #verified(ref: string, secret: string): Principal | undefined {
    const entry = this.#entries.get(ref);
    if (!entry || entry.expiresAtMs <= Date.now() || !sameDigest(digest(secret), entry.digest)) return undefined;
    const { kind } = entry.principal;
    if (kind === 'user' || kind === 'token') this.#used[kind].add(ref.slice(4));
    return entry.principal;
  }

  shareToken(share: Pick<ShareLinkRow, 'id' | 'streamId' | 'expiresAt'>): string {
    return writeToken({ kind: 'fll', id: share.id, secret: this.#signatureOf(share) });
  }

  #signatureOf({ id, streamId, expiresAt }: Pick<ShareLinkRow, 'id' | 'streamId' | 'expiresAt'>): string {
    const signed = `share ${id} ${streamId} ${expiresAt.getTime()}`;
    return createHmac('sha256', this.#options.shareKey).update(signed).digest('base64url');
  }

  /** After a change of our own, so that it holds when it is answered. */
  async reload(): Promise<void> {
    await this.#loading?.catch(() => undefined);
    this.#loading = this.#load().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  async #load(): Promise<void> {
    this.#take(await this.#options.store.snapshot());
    if (!this.#closed) this.#options.onLook({ keys: true });
  }

  #take(snapshot: AccessSnapshot): void {
    // Two readings at once may end in another order than they began in.
    if (snapshot.revision < this.#snapshot.revision) return;
    this.#snapshot = snapshot;
    const entries = new Map<string, Entry>();
    const users = new Map(snapshot.users.map((user) => [user.id, user]));
    for (const session of snapshot.sessions) {
      const user = users.get(session.userId);
      if (!user || user.disabled) continue;
      const { id, name, role } = user;
      const ref = `fls:${session.id}`;
      entries.set(ref, {
        principal: { kind: 'user', ref, id, name, admin: role === 'admin', grants: grantsOfRole[role] },
        digest: Buffer.from(session.secretSha256, 'hex'),
        expiresAtMs: session.expiresAt.getTime(),
      });
    }
    for (const token of snapshot.tokens) {
      const ref = `flt:${token.id}`;
      const grants = readGrants(token.grants);
      entries.set(ref, {
        principal: { kind: 'token', ref, id: token.id, name: token.name, admin: false, grants },
        digest: Buffer.from(token.secretSha256, 'hex'),
        expiresAtMs: token.expiresAt?.getTime() ?? Infinity,
      });
    }
    for (const share of snapshot.shares) {
      const ref = `fll:${share.id}`;
      const grants: Grant[] = [{ right: 'watch', streamId: share.streamId }];
      entries.set(ref, {
        principal: { kind: 'share', ref, id: share.id, name: share.name, admin: false, grants },
        digest: digest(this.#signatureOf(share)),
        expiresAtMs: share.expiresAt.getTime(),
      });
    }
    this.#entries = entries;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.#look()
        .catch((error: unknown) => {
          this.#options.metrics.databaseFaults.inc();
          this.#options.logger.warn({ reason: (error as Error).message }, 'who may do what could not be read again');
        })
        .finally(() => this.#schedule());
    }, lookEveryMs);
  }

  async #look(): Promise<void> {
    // First, for it needs no database: what has expired ends.
    this.#options.onLook({ keys: false });
    const { store } = this.#options;
    const now = Date.now();
    if (now - this.#touchedAtMs >= touchEveryMs) await this.#touch();
    if (now - this.#expiredAtMs >= expireEveryMs) {
      this.#expiredAtMs = now;
      const times = { now: new Date(now), idleSince: new Date(now - idleSessionMs) };
      await store.deleteExpired({ ...times, endedBefore: new Date(now - endedShareMs) });
    }
    if ((await store.revision()) !== this.#snapshot.revision && !this.#closed) await this.reload();
  }

  async #touch(): Promise<void> {
    const at = new Date();
    this.#touchedAtMs = at.getTime();
    const { user, token } = this.#used;
    const used = { sessionIds: [...user], tokenIds: [...token], at };
    user.clear();
    token.clear();
    if (used.sessionIds.length + used.tokenIds.length === 0) return;
    await this.#options.store.touch(used);
    // Kept beside the snapshot: no revision comes of it.
    for (const session of this.#snapshot.sessions) if (used.sessionIds.includes(session.id)) session.lastUsedAt = at;
    for (const one of this.#snapshot.tokens) if (used.tokenIds.includes(one.id)) one.lastUsedAt = at;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#loading?.catch(() => undefined);
    await this.#touch().catch(() => undefined); // only when something was used last
  }
}

/** What another version stored and we don't know grants nothing. */
function readGrants(stored: unknown): Grant[] {
  return z
    .array(z.unknown())
    .catch([])
    .parse(stored)
    .flatMap((one) => {
      const grant = grantSchema.safeParse(one);
      return grant.success ? [grant.data] : [];
    });
}
