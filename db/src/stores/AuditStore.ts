import { and, desc, eq, gte, lt, lte, or, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { auditLog, type AuditRow } from '../schema.ts';

export type NewAuditEntry = Omit<AuditRow, 'id'>;

/** Who changed what. Rows are never changed, only deleted when they are old or too many. */
export class AuditStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  async insert(entries: readonly NewAuditEntry[]): Promise<void> {
    if (entries.length > 0) await this.#drizzle.insert(auditLog).values([...entries]);
  }

  /** Newest first. */
  async list(options: {
    before?: number | undefined;
    actorId?: string | undefined;
    action?: string | undefined;
    from?: Date | undefined;
    to?: Date | undefined;
    limit: number;
  }): Promise<AuditRow[]> {
    const { before, actorId, action, from, to, limit } = options;
    return this.#drizzle
      .select()
      .from(auditLog)
      .where(
        and(
          before === undefined ? undefined : lt(auditLog.id, before),
          actorId === undefined ? undefined : eq(auditLog.actorId, actorId),
          action === undefined ? undefined : eq(auditLog.action, action),
          from === undefined ? undefined : gte(auditLog.at, from),
          to === undefined ? undefined : lte(auditLog.at, to),
        ),
      )
      .orderBy(desc(auditLog.id))
      .limit(limit);
  }

  /** Those of before `before`, and all but the newest `maxRows`; answers how many there were. */
  async trim(before: Date, maxRows: number): Promise<number> {
    const newest = sql`(select max(${auditLog.id}) from ${auditLog})`;
    const rows = await this.#drizzle
      .delete(auditLog)
      .where(or(lt(auditLog.at, before), sql`${auditLog.id} <= ${newest} - ${maxRows}::bigint`))
      .returning({ id: auditLog.id });
    return rows.length;
  }
}
