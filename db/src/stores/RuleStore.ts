import { asc, eq, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type EventRuleRow, eventRules, type EventTargetRow, eventTargets } from '../rulesSchema.ts';

export type NewEventRule = Pick<
  EventRuleRow,
  'id' | 'name' | 'enabled' | 'streamId' | 'condition' | 'targetIds' | 'cooldownSeconds'
>;
export type NewEventTarget = Pick<EventTargetRow, 'id' | 'name' | 'kind' | 'enabled' | 'settings' | 'secret'>;

/** What one rule did since it was last written down. */
export interface RuleCounts {
  ruleId: string;
  fired: number;
  suppressed: number;
  firedAt: Date | null;
  /** ISO 8601 by Stream. */
  firedByStream: Record<string, string>;
}

/** Rules, and the targets that they send to. */
export class RuleStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  async rules(): Promise<EventRuleRow[]> {
    return this.#drizzle.select().from(eventRules).orderBy(asc(eventRules.createdAt), asc(eventRules.id));
  }

  async insertRule(rule: NewEventRule): Promise<EventRuleRow> {
    const [row] = await this.#drizzle.insert(eventRules).values(rule).returning();
    return row!;
  }

  /** Undefined: there is none such. */
  async changeRule(id: string, change: Partial<Omit<NewEventRule, 'id'>>): Promise<EventRuleRow | undefined> {
    // An update of nothing is no SQL.
    const [row] = await this.#drizzle
      .update(eventRules)
      .set({ id, ...change })
      .where(eq(eventRules.id, id))
      .returning();
    return row;
  }

  async deleteRule(id: string): Promise<boolean> {
    const rows = await this.#drizzle.delete(eventRules).where(eq(eventRules.id, id)).returning({ id: eventRules.id });
    return rows.length > 0;
  }

  /** Adds to what is known; a later `firedAt` wins. */
  async addCounts(counts: RuleCounts): Promise<void> {
    const { ruleId, fired, suppressed, firedAt, firedByStream } = counts;
    const at = firedAt === null ? sql`${eventRules.firedAt}` : sql`${firedAt.toISOString()}::timestamptz`;
    await this.#drizzle
      .update(eventRules)
      .set({
        fired: sql`${eventRules.fired} + ${fired}`,
        suppressed: sql`${eventRules.suppressed} + ${suppressed}`,
        firedAt: sql`greatest(${eventRules.firedAt}, ${at})`,
        firedByStream: sql`${eventRules.firedByStream} || ${JSON.stringify(firedByStream)}::text::jsonb`,
      })
      .where(eq(eventRules.id, ruleId));
  }

  async targets(): Promise<EventTargetRow[]> {
    return this.#drizzle.select().from(eventTargets).orderBy(asc(eventTargets.createdAt), asc(eventTargets.id));
  }

  async target(id: string): Promise<EventTargetRow | undefined> {
    const [row] = await this.#drizzle.select().from(eventTargets).where(eq(eventTargets.id, id));
    return row;
  }

  async insertTarget(target: NewEventTarget): Promise<EventTargetRow> {
    const [row] = await this.#drizzle.insert(eventTargets).values(target).returning();
    return row!;
  }

  async changeTarget(
    id: string,
    change: Partial<Pick<EventTargetRow, 'name' | 'enabled' | 'settings' | 'secret' | 'problem'>>,
  ): Promise<EventTargetRow | undefined> {
    const [row] = await this.#drizzle
      .update(eventTargets)
      .set({ id, ...change })
      .where(eq(eventTargets.id, id))
      .returning();
    return row;
  }

  /** With its deliveries; rules forget it. */
  async deleteTarget(id: string): Promise<boolean> {
    await this.#drizzle
      .update(eventRules)
      .set({ targetIds: sql`array_remove(${eventRules.targetIds}, ${id})` })
      .where(sql`${id} = any(${eventRules.targetIds})`);
    const rows = await this.#drizzle
      .delete(eventTargets)
      .where(eq(eventTargets.id, id))
      .returning({ id: eventTargets.id });
    return rows.length > 0;
  }
}
