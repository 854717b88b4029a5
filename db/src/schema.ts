import { index, integer, jsonb, pgTable, real, text, timestamp } from 'drizzle-orm/pg-core';

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** A publishable feed with a durable id and a key. */
export const streams = pgTable('streams', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  streamKey: text('stream_key').notNull(),
  /** Null = the inference node's default Model. */
  modelId: text('model_id'),
  /** The SourceSpec that feeds it, as the API took it; the server checks it again when it reads it. */
  source: jsonb('source'),
  createdAt: instant('created_at').notNull().defaultNow(),
});

/** One run of a Stream. `endedAt` null = running, or its server died without saying so. */
export const publications = pgTable(
  'publications',
  {
    id: text('id').primaryKey(),
    streamId: text('stream_id')
      .notNull()
      .references(() => streams.id, { onDelete: 'cascade' }),
    sfuNodeId: text('sfu_node_id').notNull(),
    /** Which server holds it, so that a restart closes its own dead ones and not those of another replica. */
    serverId: text('server_id').notNull(),
    startedAt: instant('started_at').notNull().defaultNow(),
    endedAt: instant('ended_at'),
    endReason: text('end_reason'),
  },
  (table) => [
    index('publications_stream').on(table.streamId, table.startedAt),
    index('publications_open').on(table.endedAt),
  ],
);

/** Nodes that announced themselves, and the servers themselves (kind `server`, for the liveness of their Publications). */
export const nodes = pgTable('nodes', {
  id: text('id').primaryKey(),
  kind: text('kind', { enum: ['sfu', 'inference', 'server'] }).notNull(),
  controlUrl: text('control_url').notNull(),
  capacity: integer('capacity').notNull(),
  load: real('load').notNull(),
  version: text('version').notNull(),
  lastSeenAt: instant('last_seen_at').notNull().defaultNow(),
});

export type StreamRow = typeof streams.$inferSelect;
export type PublicationRow = typeof publications.$inferSelect;
export type NodeRow = typeof nodes.$inferSelect;
