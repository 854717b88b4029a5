import type { AccessSnapshot, AccessStore } from '@framelock/db';
import pino from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Metrics } from '../Metrics.ts';
import { AccessDirectory } from './AccessDirectory.ts';
import { digest, writeToken } from './secrets.ts';

const secret = 's'.repeat(32);
const token = writeToken({ kind: 'flt', id: 'abcdefghjkm2', secret });
const row = {
  ...{ id: 'abcdefghjkm2', name: 't', secretSha256: digest(secret).toString('hex'), createdBy: 'x' },
  ...{ grants: [{ right: 'watch', streamId: null }, { right: 'unheard of' }], createdAt: new Date() },
  ...{ expiresAt: null, lastUsedAt: null },
};
let stored: AccessSnapshot;
let isAway = false;
const touched: string[][] = [];
const looks: boolean[] = [];
let directory: AccessDirectory;

const answer = <T>(value: () => T): Promise<T> =>
  isAway ? Promise.reject(new Error('away')) : Promise.resolve(value());
const store = {
  revision: () => answer(() => stored.revision),
  snapshot: () => answer(() => structuredClone(stored)),
  touch: ({ tokenIds }: { tokenIds: string[] }) => answer(() => void touched.push(tokenIds)),
  deleteExpired: () => answer(() => undefined),
} as unknown as AccessStore;

beforeEach(async () => {
  vi.useFakeTimers();
  isAway = false;
  touched.length = looks.length = 0;
  stored = { revision: 1, users: [], sessions: [], tokens: [row], shares: [] };
  directory = await AccessDirectory.create({
    ...{ store, shareKey: Buffer.alloc(32), logger: pino({ level: 'silent' }), metrics: new Metrics() },
    onLook: ({ keys }) => looks.push(keys),
  });
});
afterEach(async () => {
  await directory.close();
  vi.useRealTimers();
});

it('knows a token by id and secret, with the grants that it understands', () => {
  expect(directory.ofToken(token)?.grants).toEqual([{ right: 'watch', streamId: null }]);
  expect(directory.ofToken(writeToken({ kind: 'flt', id: row.id, secret: 'x'.repeat(32) }))).toBeUndefined();
  expect(directory.ofToken(writeToken({ kind: 'fll', id: row.id, secret }))).toBeUndefined();
  expect(directory.ofSession(token)).toBeUndefined();
});

it('hears within a second of what another server changed', async () => {
  stored = { ...stored, revision: 2, tokens: [] };
  expect(directory.ofToken(token)).toBeDefined();
  await vi.advanceTimersByTimeAsync(1_100);
  expect(directory.ofToken(token)).toBeUndefined();
  expect(directory.ofRef(`flt:${row.id}`)).toBeUndefined();
  expect(looks).toEqual([false, true]);
});

it('keeps what it knows while the database is away, and ends what expires', async () => {
  stored = { ...stored, revision: 2, tokens: [{ ...row, expiresAt: new Date(Date.now() + 5_000) }] };
  await directory.reload();
  isAway = true;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(directory.ofToken(token)).toBeDefined();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(directory.ofToken(token)).toBeUndefined();
  isAway = false;
  stored = { ...stored, revision: 3, tokens: [row] };
  await vi.advanceTimersByTimeAsync(1_100);
  expect(directory.ofToken(token)).toBeDefined();
});

it('an older reading does not undo a newer one', async () => {
  const old = structuredClone(stored);
  stored = { ...stored, revision: 5, tokens: [] };
  await directory.reload();
  stored = old;
  await directory.reload();
  expect(directory.ofToken(token)).toBeUndefined();
});

it('tells now and then what was used', async () => {
  directory.ofToken(token);
  directory.ofToken(token);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(touched).toEqual([[row.id]]);
  expect(directory.tokens[0]!.lastUsedAt).toBeInstanceOf(Date);
});
