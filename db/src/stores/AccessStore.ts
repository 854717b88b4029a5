import { and, asc, desc, eq, inArray, lt, ne, or, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import {
  accessState,
  type ApiTokenRow,
  apiTokens,
  type LoginSessionRow,
  loginSessions,
  type ShareLinkRow,
  shareLinks,
  type UserRow,
  users,
} from '../schema.ts';

/** A user without the hash of the password, which nothing but a sign-in needs. */
export type UserFacts = Omit<UserRow, 'passwordHash'>;
export type NewApiToken = Omit<ApiTokenRow, 'createdAt' | 'lastUsedAt'>;
export type NewShareLink = Omit<ShareLinkRow, 'createdAt'>;
export type NewLoginSession = Omit<LoginSessionRow, 'createdAt' | 'lastUsedAt'>;

/** All that decides about access, as it was at `revision` or later. */
export interface AccessSnapshot {
  revision: number;
  users: UserFacts[];
  sessions: LoginSessionRow[];
  tokens: ApiTokenRow[];
  shares: ShareLinkRow[];
}

const { passwordHash: _passwordHash, ...userFacts } = {
  ...{ id: users.id, name: users.name, role: users.role, passwordHash: users.passwordHash, disabled: users.disabled },
  ...{ createdAt: users.createdAt, passwordChangedAt: users.passwordChangedAt },
};

/** Users, their sessions, API tokens and share links. */
export class AccessStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** Grows with each change of what `snapshot` answers, and of any stream key. */
  async revision(): Promise<number> {
    const [row] = await this.#drizzle.select({ revision: accessState.revision }).from(accessState);
    return row!.revision;
  }

  async snapshot(): Promise<AccessSnapshot> {
    // First: a change between this and the rows is then read again.
    const revision = await this.revision();
    return {
      revision,
      users: await this.#drizzle.select(userFacts).from(users).orderBy(asc(users.createdAt), asc(users.id)),
      sessions: await this.#drizzle.select().from(loginSessions).orderBy(desc(loginSessions.createdAt)),
      tokens: await this.#drizzle.select().from(apiTokens).orderBy(asc(apiTokens.createdAt), asc(apiTokens.id)),
      shares: await this.#drizzle.select().from(shareLinks).orderBy(asc(shareLinks.createdAt), asc(shareLinks.id)),
    };
  }

  /** Undefined where the name is taken, whatever its case. */
  async insertUser(user: Pick<UserRow, 'id' | 'name' | 'role' | 'passwordHash'>): Promise<UserFacts | undefined> {
    const [row] = await this.#drizzle.insert(users).values(user).onConflictDoNothing().returning(userFacts);
    return row;
  }

  /** By name, whatever its case. */
  async passwordOf(name: string): Promise<Pick<UserRow, 'id' | 'passwordHash' | 'disabled'> | undefined> {
    const [row] = await this.#drizzle
      .select({ id: users.id, passwordHash: users.passwordHash, disabled: users.disabled })
      .from(users)
      .where(eq(sql`lower(${users.name})`, sql`lower(${name})`));
    return row;
  }

  /** Refuses to leave no administrator that may sign in. */
  async changeUser(
    id: string,
    change: Partial<Pick<UserRow, 'role' | 'disabled'>>,
  ): Promise<UserFacts | 'lastAdmin' | undefined> {
    const losesAdmin = (change.role !== undefined && change.role !== 'admin') || change.disabled === true;
    const [row] = await this.#drizzle
      .update(users)
      .set(change)
      .where(and(eq(users.id, id), losesAdmin ? this.#isNotLastAdmin(id) : undefined))
      .returning(userFacts);
    return row ?? ((await this.#hasUser(id)) ? 'lastAdmin' : undefined);
  }

  async deleteUser(id: string): Promise<'deleted' | 'lastAdmin' | 'notFound'> {
    const rows = await this.#drizzle
      .delete(users)
      .where(and(eq(users.id, id), this.#isNotLastAdmin(id)))
      .returning({ id: users.id });
    if (rows.length > 0) return 'deleted';
    return (await this.#hasUser(id)) ? 'lastAdmin' : 'notFound';
  }

  #isNotLastAdmin(id: string) {
    const others = this.#drizzle
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.role, 'admin'), eq(users.disabled, false), ne(users.id, id)));
    return or(ne(users.role, 'admin'), eq(users.disabled, true), sql`exists ${others}`);
  }

  async #hasUser(id: string): Promise<boolean> {
    return (await this.#drizzle.select({ id: users.id }).from(users).where(eq(users.id, id))).length > 0;
  }

  /** Also ends the user's sessions, except the one in which it was changed. */
  async setPassword(id: string, passwordHash: string, keptSessionId?: string): Promise<boolean> {
    const rows = await this.#drizzle
      .update(users)
      .set({ passwordHash, passwordChangedAt: sql`now()` })
      .where(eq(users.id, id))
      .returning({ id: users.id });
    const others = keptSessionId === undefined ? undefined : ne(loginSessions.id, keptSessionId);
    await this.#drizzle.delete(loginSessions).where(and(eq(loginSessions.userId, id), others));
    return rows.length > 0;
  }

  /** Of more than `maxPerUser` the oldest end. */
  async insertSession(session: NewLoginSession, maxPerUser: number): Promise<LoginSessionRow> {
    const [row] = await this.#drizzle.insert(loginSessions).values(session).returning();
    const kept = this.#drizzle
      .select({ id: loginSessions.id })
      .from(loginSessions)
      .where(eq(loginSessions.userId, session.userId))
      .orderBy(desc(loginSessions.createdAt))
      .limit(maxPerUser);
    await this.#drizzle
      .delete(loginSessions)
      .where(and(eq(loginSessions.userId, session.userId), sql`${loginSessions.id} not in ${kept}`));
    return row!;
  }

  async deleteSession(id: string): Promise<boolean> {
    const rows = await this.#drizzle.delete(loginSessions).where(eq(loginSessions.id, id)).returning();
    return rows.length > 0;
  }

  async insertToken(token: NewApiToken): Promise<ApiTokenRow> {
    const [row] = await this.#drizzle.insert(apiTokens).values(token).returning();
    return row!;
  }

  async deleteToken(id: string): Promise<boolean> {
    return (await this.#drizzle.delete(apiTokens).where(eq(apiTokens.id, id)).returning()).length > 0;
  }

  async insertShare(share: NewShareLink): Promise<ShareLinkRow> {
    const [row] = await this.#drizzle.insert(shareLinks).values(share).returning();
    return row!;
  }

  async deleteShare(id: string): Promise<boolean> {
    return (await this.#drizzle.delete(shareLinks).where(eq(shareLinks.id, id)).returning()).length > 0;
  }

  /** No revision comes of it. */
  async touch(used: { sessionIds: readonly string[]; tokenIds: readonly string[]; at: Date }): Promise<void> {
    const { sessionIds, tokenIds, at } = used;
    const set = { lastUsedAt: at };
    if (sessionIds.length > 0) {
      await this.#drizzle
        .update(loginSessions)
        .set(set)
        .where(inArray(loginSessions.id, [...sessionIds]));
    }
    if (tokenIds.length > 0)
      await this.#drizzle
        .update(apiTokens)
        .set(set)
        .where(inArray(apiTokens.id, [...tokenIds]));
  }

  /** Sessions that are over, or unused since `idleSince`; links that ended before `endedBefore`. Tokens stay to be seen. */
  async deleteExpired(times: { now: Date; idleSince: Date; endedBefore: Date }): Promise<void> {
    await this.#drizzle
      .delete(loginSessions)
      .where(or(lt(loginSessions.expiresAt, times.now), lt(loginSessions.lastUsedAt, times.idleSince)));
    await this.#drizzle.delete(shareLinks).where(lt(shareLinks.expiresAt, times.endedBefore));
  }
}
