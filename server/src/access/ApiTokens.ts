import type { AccessStore, ApiTokenRow, ShareLinkRow } from '@framelock/db';
import type { Logger } from 'pino';
import { newId, newSecret } from '../newId.ts';
import { type Grant, Refusal } from '../protocol/index.ts';
import type { AccessDirectory } from './AccessDirectory.ts';
import { digest, writeToken } from './secrets.ts';

const maxTokens = 5_000;
const maxSharesPerStream = 200;

export interface ApiTokensOptions {
  store: AccessStore;
  directory: AccessDirectory;
  logger: Logger;
}

/** Bearers for programs, and links for guests. Both are gone from the database and from what is live when revoked. */
export class ApiTokens {
  readonly #options: ApiTokensOptions;

  constructor(options: ApiTokensOptions) {
    this.#options = options;
  }

  /** The token itself is answered here and known to nobody afterwards. */
  async create(wish: {
    name: string;
    grants: readonly Grant[];
    expiresInS: number | null;
    createdBy: string;
  }): Promise<{ row: ApiTokenRow; token: string }> {
    const { store, directory, logger } = this.#options;
    if (directory.tokens.length >= maxTokens) throw new Refusal('conflict', `there are ${maxTokens} tokens already`);
    const { name, grants, createdBy } = wish;
    const id = newId();
    const secret = newSecret();
    const secretSha256 = digest(secret).toString('hex');
    const expiresAt = wish.expiresInS === null ? null : new Date(Date.now() + wish.expiresInS * 1_000);
    const row = await store.insertToken({ id, name, secretSha256, grants, createdBy, expiresAt });
    logger.info({ tokenId: id, expiresAt }, 'token created');
    await directory.reload();
    return { row, token: writeToken({ kind: 'flt', id, secret }) };
  }

  async revoke(id: string): Promise<void> {
    const { store, directory, logger } = this.#options;
    if (!(await store.deleteToken(id))) throw new Refusal('notFound', 'there is no such token');
    logger.info({ tokenId: id }, 'token revoked');
    await directory.reload();
  }

  async share(wish: {
    streamId: string;
    name: string;
    expiresInS: number;
    createdBy: string;
  }): Promise<{ row: ShareLinkRow; token: string }> {
    const { store, directory, logger } = this.#options;
    const { streamId, name, createdBy } = wish;
    if (directory.shares.filter((share) => share.streamId === streamId).length >= maxSharesPerStream) {
      throw new Refusal('conflict', `a Stream has at most ${maxSharesPerStream} share links: revoke one first`);
    }
    const expiresAt = new Date(Date.now() + wish.expiresInS * 1_000);
    const row = await store.insertShare({ id: newId(), streamId, name, createdBy, expiresAt });
    logger.info({ shareId: row.id, streamId, expiresAt }, 'share link created');
    await directory.reload();
    return { row, token: directory.shareToken(row) };
  }

  async revokeShare(streamId: string, id: string): Promise<void> {
    const { store, directory, logger } = this.#options;
    const isKnown = directory.shares.some((share) => share.id === id && share.streamId === streamId);
    if (!isKnown || !(await store.deleteShare(id))) throw new Refusal('notFound', 'there is no such share link');
    logger.info({ shareId: id, streamId }, 'share link revoked');
    await directory.reload();
  }
}
