import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, expect, it } from 'vitest';
import { FailingProxy, type Fate } from '../test/FailingProxy.ts';
import { seeded } from '../test/madeTracks.ts';
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

it.runIf(scratch)('connections lost at any byte end no process, and no query waits forever', async () => {
  const seed = Number(process.env.LOST_SEED ?? Date.now() % 100_000);
  const random = seeded(seed);
  const unhandled: unknown[] = [];
  const collect = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', collect);
  const by = (): Fate['by'] => (random() < 0.5 ? 'end' : 'reset');
  let mayFail = false;
  // Most are lost while they are opened, the types of arrays being fetched.
  const proxy = await FailingProxy.create(scratch!.url, () =>
    mayFail && random() < 0.5 ? { afterBytes: random() * 3_000, by: by() } : undefined,
  );
  const connection = await PostgresConnection.create({ databaseUrl: proxy.url });
  const answered = { yes: 0, no: 0 };
  const ask = async (): Promise<void> => {
    const word = 'x'.repeat(random() < 0.3 ? 4_000 : 3);
    const one = sql`select ${word}::text, pg_sleep(0.002)`;
    const asked =
      random() < 0.5
        ? connection.drizzle.execute(one)
        : connection.drizzle.transaction(async (transaction) => {
            await transaction.execute(one);
            await sleep(random() * 10);
            await transaction.execute(one);
          });
    const outcome = await Promise.race([
      asked.then(
        () => 'yes' as const,
        () => 'no' as const,
      ),
      sleep(10_000, 'never' as const, { ref: false }),
    ]);
    if (outcome === 'never') throw new Error(`a query is never answered (LOST_SEED=${seed})`);
    answered[outcome]++;
    if (outcome === 'no') await sleep(10);
  };
  try {
    mayFail = true;
    const untilMs = Date.now() + 5_000;
    const askers = Array.from({ length: 12 }, async () => {
      while (Date.now() < untilMs) await ask();
    });
    while (Date.now() < untilMs - 1_000) {
      await sleep(random() * 200);
      if (random() < 0.6) proxy.lose(by());
      else {
        await proxy.refuse(by());
        await sleep(random() * 200);
        await proxy.listen();
      }
    }
    mayFail = false;
    await Promise.all(askers);
    expect(unhandled, `LOST_SEED=${seed}`).toEqual([]);
    expect(answered.yes).toBeGreaterThan(0);
    expect(answered.no).toBeGreaterThan(0);
  } finally {
    process.off('unhandledRejection', collect);
    await connection.close();
    await proxy.close();
  }
});
