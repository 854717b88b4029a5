import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type * as schema from './schema.ts';

/** What the stores speak: drizzle over whichever engine runs. */
export type Drizzle = PgDatabase<PgQueryResultHKT, typeof schema>;

/** One opened engine, migrated. */
export interface DatabaseConnection {
  readonly drizzle: Drizzle;
  readonly engine: 'pglite' | 'postgres';
  close(): Promise<void>;
}

export const migrationsFolder = new URL('../migrations', import.meta.url).pathname;
