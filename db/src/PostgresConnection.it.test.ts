import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, expect, it } from 'vitest';
import { ScratchPostgres } from '../test/ScratchPostgres.ts';
import { PostgresConnection } from './PostgresConnection.ts';

const problems: string[] = [];
const scratch = await ScratchPostgres.create(problems);
if (!scratch) console.warn(`not tested, for no real Postgres could be started:\n${problems.join('\n')}`);
afterAll(() => scratch?.close());

it.runIf(scratch)(
  'a query in a transaction whose connection is gone is refused; nobody ends, and none waits forever',
  async () => {
    const { url } = scratch!;
    const client = postgres(url, { max: 1, onnotice: () => undefined });
    try {
      await expect(
        client.begin(async (transaction) => {
          await transaction`select 1`;
          await scratch!.kill();
          await sleep(100);
          // One that is written at the end of the turn, and one that is too long for that.
          const short = transaction`select 2`.catch((error: Error & { code?: string }) => error.code);
          const long = transaction`select ${'x'.repeat(5_000)}`.catch((error: Error & { code?: string }) => error.code);
          expect(await Promise.all([short, long])).toEqual(['CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
          throw new Error('over');
        }),
      ).rejects.toThrow();
    } finally {
      await scratch!.restart();
    }
    expect(await client`select 3 as three`).toEqual([{ three: 3 }]);
    await client.end({ timeout: 1 });
  },
);

it.runIf(scratch)('answers soon after a database that was away is back', async () => {
  const connection = await PostgresConnection.create({ databaseUrl: scratch!.url });
  const ask = (): Promise<boolean> =>
    connection.drizzle.execute(sql`select 4`).then(
      () => true,
      () => false,
    );
  try {
    await scratch!.kill();
    // Each that fails lets the next one wait longer.
    for (let asked = 0; asked < 60; asked++) {
      void ask();
      await sleep(100);
    }
    await scratch!.restart();
    await expect.poll(ask, { timeout: 8_000 }).toBe(true);
  } finally {
    await connection.close();
  }
});
