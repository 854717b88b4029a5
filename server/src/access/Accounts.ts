import type { AccessStore, UserFacts } from '@framelock/db';
import type { Logger } from 'pino';
import { KeyedBuckets } from '../http/KeyedBuckets.ts';
import type { Metrics } from '../Metrics.ts';
import { newId, newSecret } from '../newId.ts';
import { Refusal, type Role } from '../protocol/index.ts';
import type { AccessDirectory } from './AccessDirectory.ts';
import { PasswordHasher } from './PasswordHasher.ts';
import { digest, writeToken } from './secrets.ts';

export const sessionForS = 30 * 86_400;
const maxUsers = 1_000;
const maxSessionsPerUser = 20;
/** Sign-ins of one address, right or wrong: ten at once, then one every six seconds. */
const ofAddress = { capacity: 10, perSecond: 1 / 6 };
/** And of one name from anywhere, so that many addresses together guess no faster either. */
const ofName = { capacity: 30, perSecond: 1 / 6 };

export interface AccountsOptions {
  store: AccessStore;
  directory: AccessDirectory;
  logger: Logger;
  metrics: Metrics;
}

/** Users, their passwords, and the sessions of their browsers. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #hasher = new PasswordHasher();
  readonly #addresses = new KeyedBuckets(ofAddress);
  readonly #names = new KeyedBuckets(ofName);

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  async create({ name, password, role }: { name: string; password: string; role: Role }): Promise<UserFacts> {
    const { store, directory, logger } = this.#options;
    if (!directory.hasUsers && role !== 'admin') {
      throw new Refusal('conflict', 'the first user is an administrator: who else would let others in?');
    }
    if (directory.users.length >= maxUsers) throw new Refusal('conflict', `there are ${maxUsers} users already`);
    checkPassword(name, password);
    const passwordHash = await this.#hasher.hash(password);
    const user = await store.insertUser({ id: newId(), name: name.normalize('NFC'), role, passwordHash });
    if (!user) throw new Refusal('conflict', 'there is a user of this name');
    logger.info({ userId: user.id, role }, 'user created');
    await directory.reload();
    return user;
  }

  /** A new password ends all sessions of the user. */
  async change(
    id: string,
    change: { role?: Role | undefined; disabled?: boolean | undefined; password?: string | undefined },
  ): Promise<UserFacts> {
    const { store, directory, logger } = this.#options;
    const { role, disabled, password } = change;
    const before = directory.user(id);
    if (!before) throw new Refusal('notFound', 'there is no such user');
    if (password !== undefined) checkPassword(before.name, password);
    if (role !== undefined || disabled !== undefined) {
      const set = { ...(role === undefined ? {} : { role }), ...(disabled === undefined ? {} : { disabled }) };
      const changed = await store.changeUser(id, set);
      if (changed === 'lastAdmin') throw lastAdmin();
      if (!changed) throw new Refusal('notFound', 'there is no such user');
    }
    if (password !== undefined) await store.setPassword(id, await this.#hasher.hash(password));
    logger.info({ userId: id, role, disabled, password: password !== undefined }, 'user changed');
    await directory.reload();
    const user = directory.user(id);
    if (!user) throw new Refusal('notFound', 'there is no such user');
    return user;
  }

  async delete(id: string): Promise<void> {
    const { store, directory, logger } = this.#options;
    const outcome = await store.deleteUser(id);
    if (outcome === 'lastAdmin') throw lastAdmin();
    if (outcome === 'notFound') throw new Refusal('notFound', 'there is no such user');
    logger.info({ userId: id }, 'user deleted');
    await directory.reload();
  }

  /** Answers what goes into the cookie. Neither words nor time tell whether it was the name or the password. */
  async login(
    { name, password }: { name: string; password: string },
    from: { address: string; agent: string },
  ): Promise<{ cookie: string; user: UserFacts }> {
    const { store, directory, logger, metrics } = this.#options;
    this.#take(from.address, name);
    const found = await store.passwordOf(name.trim().normalize('NFC'));
    const isRight = await this.#hasher.verify(password, found?.passwordHash);
    if (!found || !isRight || found.disabled) {
      metrics.logins.inc({ outcome: 'refused' });
      throw new Refusal('unauthorized', 'name or password is wrong');
    }
    const secret = newSecret();
    const session = await store.insertSession(
      {
        ...{ id: newId(), userId: found.id, secretSha256: digest(secret).toString('hex') },
        ...{ expiresAt: new Date(Date.now() + sessionForS * 1_000), address: from.address },
        agent: from.agent.slice(0, 300),
      },
      maxSessionsPerUser,
    );
    await directory.reload();
    const user = directory.user(found.id);
    if (!user) throw new Refusal('unauthorized', 'name or password is wrong'); // deleted this very moment
    metrics.logins.inc({ outcome: 'accepted' });
    logger.info({ userId: user.id, address: from.address }, 'user signed in');
    return { cookie: writeToken({ kind: 'fls', id: session.id, secret }), user };
  }

  /** Ends the user's other sessions. */
  async changePassword(
    { userId, sessionId, address }: { userId: string; sessionId: string; address: string },
    { current, password }: { current: string; password: string },
  ): Promise<void> {
    const { store, directory, logger } = this.#options;
    const user = directory.user(userId);
    if (!user) throw new Refusal('notFound', 'there is no such user');
    checkPassword(user.name, password);
    this.#take(address, user.name);
    const known = await store.passwordOf(user.name);
    if (!(await this.#hasher.verify(current, known?.passwordHash))) {
      throw new Refusal('forbidden', 'the current password is wrong');
    }
    await store.setPassword(userId, await this.#hasher.hash(password), sessionId);
    logger.info({ userId }, 'password changed');
    await directory.reload();
  }

  async endSession(id: string): Promise<void> {
    const { store, directory, logger } = this.#options;
    if (!(await store.deleteSession(id))) throw new Refusal('notFound', 'there is no such session');
    logger.info({ sessionId: id }, 'session ended');
    await directory.reload();
  }

  #take(address: string, name: string): void {
    const isFree = this.#addresses.take(address) && this.#names.take(name.trim().toLowerCase());
    if (isFree) return;
    this.#options.metrics.logins.inc({ outcome: 'limited' });
    throw new Refusal('rateLimited', 'too many tries: wait a minute', { retryAfterS: 60 });
  }
}

function checkPassword(name: string, password: string): void {
  if (password.toLowerCase().includes(name.trim().toLowerCase()) && name.trim().length >= 4) {
    throw new Refusal('badRequest', 'password: the name is no part of it');
  }
  if (/^(.)\1*$/su.test(password)) throw new Refusal('badRequest', 'password: not one character again and again');
}

const lastAdmin = () =>
  new Refusal('conflict', 'this is the last administrator who may sign in: make another one first');
