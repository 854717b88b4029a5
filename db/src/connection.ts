import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type * as schema from './schema.ts';

/** What the stores speak: drizzle over whichever engine runs. */
export type Drizzle = PgDatabase<PgQueryResultHKT, typeof schema>;

/** What drizzle builds, not sent yet. */
export interface BuiltQuery {
  toSQL(): { sql: string; params: unknown[] };
}

/** One opened engine, migrated. */
export interface DatabaseConnection {
  readonly drizzle: Drizzle;
  readonly engine: 'pglite' | 'postgres';
  /** All of them or none, one after another. Answers the rows of each as objects by column name. */
  transaction(queries: readonly BuiltQuery[]): Promise<Record<string, unknown>[][]>;
  close(): Promise<void>;
}

export const migrationsFolder = new URL('../migrations', import.meta.url).pathname;
