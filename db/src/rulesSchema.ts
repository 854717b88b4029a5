import { boolean, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.ts';

/** Where events go: a webhook or an MQTT broker, with its secret. */
export const eventTargets = pgTable('event_targets', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  kind: text('kind', { enum: ['webhook', 'mqtt'] }).notNull(),
  enabled: boolean('enabled').notNull().default(true),
  /** The server's settings of its kind: url, topic, headers. */
  settings: jsonb('settings').notNull(),
  /** HMAC key of a webhook, password of a broker. Shown once, or never. */
  secret: text('secret'),
  createdAt: instant('created_at').notNull().defaultNow(),
});

/** When something is said to somebody. */
export const eventRules = pgTable('event_rules', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  enabled: boolean('enabled').notNull().default(true),
  /** Null = every Stream. */
  streamId: text('stream_id'),
  /** The server's RuleCondition. */
  condition: jsonb('condition').notNull(),
  targetIds: text('target_ids').array().notNull(),
  cooldownSeconds: integer('cooldown_seconds').notNull().default(0),
  createdAt: instant('created_at').notNull().defaultNow(),
  firedAt: instant('fired_at'),
});

/** What is to be sent, and what was not: dead letters stay until somebody sends them again or throws them away. */
export const eventDeliveries = pgTable(
  'event_deliveries',
  {
    id: text('id').primaryKey(),
    targetId: text('target_id')
      .notNull()
      .references(() => eventTargets.id, { onDelete: 'cascade' }),
    ruleId: text('rule_id'),
    eventId: text('event_id').notNull(),
    body: bytes('body').notNull(),
    state: text('state', { enum: ['waiting', 'delivered', 'dead'] }).notNull(),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: instant('next_attempt_at').notNull().defaultNow(),
    lastError: text('last_error'),
    createdAt: instant('created_at').notNull().defaultNow(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    index('event_deliveries_due').on(table.state, table.nextAttemptAt),
    index('event_deliveries_target').on(table.targetId, table.createdAt),
    index('event_deliveries_ended').on(table.endedAt),
  ],
);
