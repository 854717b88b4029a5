import { defineConfig } from 'drizzle-kit';

/** `drizzle-kit generate --config db/drizzle.config.ts` (from the repository root) writes the next migration. */
export default defineConfig({ dialect: 'postgresql', schema: './db/src/schema.ts', out: './db/migrations' });
