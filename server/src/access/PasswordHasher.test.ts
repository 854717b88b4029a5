import { expect, it, vi } from 'vitest';
import { PasswordHasher } from './PasswordHasher.ts';

// Each takes a tenth of a second, and several on a busy machine.
vi.setConfig({ testTimeout: 60_000 });
const hasher = new PasswordHasher();

it('knows a password again, however its letters are written, and no other', async () => {
  const hash = await hasher.hash('Käse-und-Brot');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await hasher.verify('Käse-und-Brot', hash)).toBe(true);
  expect(await hasher.verify('Ka\u0308se-und-Brot', hash)).toBe(true);
  expect(await hasher.verify('Kase-und-Brot', hash)).toBe(false);
  expect(await hasher.hash('Käse-und-Brot')).not.toBe(hash);
});

it('says no where there is no hash, and fails on one that is none of ours', async () => {
  expect(await hasher.verify('anything at all', undefined)).toBe(false);
  await expect(hasher.verify('anything', 'plain text')).rejects.toThrow('none of ours');
});

it('takes the parameters from the hash: of argon2’s reference implementation', async () => {
  // printf %s password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -e
  const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  expect(await hasher.verify('password', hash)).toBe(true);
});

it('refuses a crowd in place of starving everybody', { timeout: 120_000 }, async () => {
  const crowd = await Promise.allSettled(Array.from({ length: 40 }, () => hasher.verify('x', undefined)));
  const refused = crowd.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(40 - 2 - 32);
  expect(await hasher.verify('x', undefined)).toBe(false);
});
