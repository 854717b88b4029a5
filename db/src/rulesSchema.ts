import { sql } from 'drizzle-orm';
import { bigserial, boolean, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
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
  /** Why it was switched off by itself. */
  problem: text('problem'),
  /** One server at a time sends to a target, in order: who, and until when it may. */
  leasedBy: text('leased_by'),
  leasedUntil: instant('leased_until'),
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
  fired: integer('fired').notNull().default(0),
  suppressed: integer('suppressed').notNull().default(0),
  /** When it last fired, ISO 8601, by Stream: cooldowns outlive a restart. */
  firedByStream: jsonb('fired_by_stream').$type<Record<string, string>>().notNull().default({}),
});

/** What is to be sent, and what was not: dead letters stay until somebody sends them again or throws them away. */
export const eventDeliveries = pgTable(
  'event_deliveries',
  {
    /** Made of the event and the target, so that what is told twice is sent once. */
    id: text('id').primaryKey(),
    /** The order in which they are sent. */
    position: bigserial('position', { mode: 'number' }).notNull(),
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
    index('event_deliveries_waiting')
      .on(table.targetId, table.position)
      .where(sql`${table.state} = 'waiting'`),
    index('event_deliveries_newest').on(table.position),
    index('event_deliveries_state').on(table.state, table.position),
    index('event_deliveries_target').on(table.targetId, table.state, table.position),
    index('event_deliveries_ended').on(table.endedAt),
  ],
);

export type EventTargetRow = typeof eventTargets.$inferSelect;
export type EventRuleRow = typeof eventRules.$inferSelect;
export type EventDeliveryRow = typeof eventDeliveries.$inferSelect;
