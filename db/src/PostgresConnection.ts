import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { type BuiltQuery, type DatabaseConnection, type Drizzle, migrationsFolder } from './connection.ts';
import * as schema from './schema.ts';
import { UnusableDatabase } from './UnusableDatabase.ts';

/** Any number; the same in every replica, so that only one of them migrates at a time. */
const migrationLockKey = 7_301_522;

/** insufficient_privilege, read_only_sql_transaction. */
const mayNotCreate = '42501';
const readOnly = '25006';

/** A real Postgres by DATABASE_URL. */
export class PostgresConnection implements DatabaseConnection {
  readonly engine = 'postgres';
  readonly drizzle: Drizzle;
  readonly #sql: postgres.Sql;
  #closing: Promise<void> | undefined;

  private constructor(sql: postgres.Sql) {
    this.#sql = sql;
    this.drizzle = drizzle(sql, { schema });
  }

  static async create(options: { databaseUrl: string; connectWithinMs?: number }): Promise<PostgresConnection> {
    const sql = open(options.databaseUrl, 8);
    try {
      await waitUntilItAnswers(sql, options.connectWithinMs ?? 30_000);
      await migrateOnce(options.databaseUrl);
      return new PostgresConnection(sql);
    } catch (error) {
      await sql.end({ timeout: 1 });
      throw error;
    }
  }

  async transaction(queries: readonly BuiltQuery[]): Promise<Record<string, unknown>[][]> {
    // Sent without waiting in between: one round trip for all.
    return this.#sql.begin((transaction) =>
      Promise.all(
        queries.map(async (query) => {
          const { sql, params } = query.toSQL();
          return [...(await transaction.unsafe(sql, params as never[]))];
        }),
      ),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#sql.end({ timeout: 5 });
    return this.#closing;
  }
}

/** All that is asked waits for this; the library's own, of up to 20 s, would hide for so long that the database is back. */
const secondsUntilRetry = (failures: number): number => Math.min(0.05 * 2 ** failures, 1);

/** Its errors never carry the URL on: it has the password in it. */
function open(databaseUrl: string, max: number): postgres.Sql {
  try {
    return postgres(databaseUrl, { max, connect_timeout: 10, backoff: secondsUntilRetry, onnotice: () => undefined });
  } catch {
    throw new UnusableDatabase('DATABASE_URL is no URL: it looks like postgres://user:password@host:5432/name');
  }
}

/** In compose and Kubernetes the database often comes up after us: refused connections are tried again for a while. */
async function waitUntilItAnswers(sql: postgres.Sql, withinMs: number): Promise<void> {
  const giveUpAtMs = Date.now() + withinMs;
  for (;;) {
    try {
      await sql`select 1`;
      return;
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      const mayPass = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'CONNECT_TIMEOUT', '57P03'].includes(
        code,
      );
      if (!mayPass || Date.now() > giveUpAtMs) {
        const waited = mayPass ? ` after ${Math.round(withinMs / 1000)} s` : '';
        throw new UnusableDatabase(
          `the database of DATABASE_URL does not answer${waited}: ${(error as Error).message || code}`,
          { cause: error },
        );
      }
      await sleep(500);
    }
  }
}

async function migrateOnce(databaseUrl: string): Promise<void> {
  // One connection of its own: a session lock belongs to the connection that took it.
  const sql = open(databaseUrl, 1);
  try {
    await sql`select pg_advisory_lock(${migrationLockKey})`;
    await migrate(drizzle(sql), { migrationsFolder });
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as Error & { code?: string };
    if (code !== mayNotCreate && code !== readOnly) throw error;
    throw new UnusableDatabase(`the user of DATABASE_URL may not create tables there: ${message}`, { cause: error });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
