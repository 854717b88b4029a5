import { and, asc, desc, eq, exists, inArray, lt, notInArray, type SQL, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type EventDeliveryRow, eventDeliveries, type EventTargetRow, eventTargets } from '../rulesSchema.ts';
import { nodes } from '../schema.ts';

export interface NewDelivery {
  id: string;
  targetId: string;
  ruleId: string | null;
  eventId: string;
  /** JSON. */
  body: string;
}

export interface DeliveryFigures {
  targetId: string;
  waiting: number;
  dead: number;
  lastDeliveredAt: Date | null;
}

const isWaiting = eq(eventDeliveries.state, 'waiting');
/** A server that was not heard of for so long is dead, as for its Publications. */
const serverTimeoutMs = 10_000;
/** Nobody sends to the target, or a server that died meanwhile. */
const isFree = sql`(${eventTargets.leasedUntil} is null or ${eventTargets.leasedUntil} < now() or not exists (
  select 1 from ${nodes} where ${nodes.id} = ${eventTargets.leasedBy}
  and ${nodes.lastSeenAt} > now() - ${serverTimeoutMs} * interval '1 millisecond'))`;
const inMs = (ms: number): SQL => sql`now() + ${Math.round(ms)} * interval '1 millisecond'`;

/** What is to be sent to targets. One server at a time holds a target's lease and sends to it in order. */
export class DeliveryStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** In this order. Known ids change nothing, and targets that are gone get nothing. Answers the ids that are new. */
  async insert(deliveries: readonly NewDelivery[]): Promise<string[]> {
    if (deliveries.length === 0) return [];
    const known = new Set((await this.#drizzle.select({ id: eventTargets.id }).from(eventTargets)).map(({ id }) => id));
    const rows = deliveries
      .filter(({ targetId }) => known.has(targetId))
      .map((one) => ({ ...one, body: new TextEncoder().encode(one.body), state: 'waiting' as const }));
    if (rows.length === 0) return [];
    const inserted = await this.#drizzle
      .insert(eventDeliveries)
      .values(rows)
      .onConflictDoNothing()
      .returning({ id: eventDeliveries.id });
    return inserted.map(({ id }) => id);
  }

  /** Targets with something due that no living server sends to, and not `except`; leased to this one for as long as said. */
  async claimTargets(
    serverId: string,
    options: { leaseMs: number; limit: number; except?: readonly string[] },
  ): Promise<EventTargetRow[]> {
    const { leaseMs, limit, except = [] } = options;
    const due = this.#drizzle
      .select({ id: eventDeliveries.id })
      .from(eventDeliveries)
      .where(
        and(eq(eventDeliveries.targetId, eventTargets.id), isWaiting, sql`${eventDeliveries.nextAttemptAt} <= now()`),
      );
    const free = this.#drizzle
      .select({ id: eventTargets.id })
      .from(eventTargets)
      .where(and(eq(eventTargets.enabled, true), notInArray(eventTargets.id, [...except]), isFree, exists(due)))
      .limit(limit)
      .for('update', { skipLocked: true });
    return this.#drizzle
      .update(eventTargets)
      .set({ leasedBy: serverId, leasedUntil: inMs(leaseMs) })
      .where(inArray(eventTargets.id, free))
      .returning();
  }

  /** Longer; false where it is another's by now, or the target was switched off or deleted. */
  async renew(targetId: string, serverId: string, leaseMs: number): Promise<boolean> {
    const rows = await this.#drizzle
      .update(eventTargets)
      .set({ leasedUntil: inMs(leaseMs) })
      .where(and(eq(eventTargets.id, targetId), eq(eventTargets.leasedBy, serverId), eq(eventTargets.enabled, true)))
      .returning({ id: eventTargets.id });
    return rows.length > 0;
  }

  async release(targetId: string, serverId: string): Promise<void> {
    await this.#drizzle
      .update(eventTargets)
      .set({ leasedBy: null, leasedUntil: null })
      .where(and(eq(eventTargets.id, targetId), eq(eventTargets.leasedBy, serverId)));
  }

  /** Oldest first. */
  async due(targetId: string, limit: number): Promise<EventDeliveryRow[]> {
    return this.#drizzle
      .select()
      .from(eventDeliveries)
      .where(and(eq(eventDeliveries.targetId, targetId), isWaiting, sql`${eventDeliveries.nextAttemptAt} <= now()`))
      .orderBy(asc(eventDeliveries.position))
      .limit(limit);
  }

  /** Ms until the next one is due of a target that is on and that nobody sends to, 0 where one is; undefined: none. */
  async nextDueInMs(except: readonly string[] = []): Promise<number | undefined> {
    const [row] = await this.#drizzle
      .select({
        ms: sql<number | null>`(extract(epoch from min(${eventDeliveries.nextAttemptAt}) - now()) * 1000)::float8`,
      })
      .from(eventDeliveries)
      .innerJoin(eventTargets, eq(eventTargets.id, eventDeliveries.targetId))
      .where(and(isWaiting, eq(eventTargets.enabled, true), notInArray(eventTargets.id, [...except]), isFree));
    const ms = row?.ms ?? undefined;
    return ms === undefined ? undefined : Math.max(0, ms);
  }

  async delivered(id: string): Promise<void> {
    await this.#end(id, { state: 'delivered', lastError: null });
  }

  async dead(id: string, lastError: string): Promise<void> {
    await this.#end(id, { state: 'dead', lastError });
  }

  async #end(id: string, end: Pick<EventDeliveryRow, 'state' | 'lastError'>): Promise<void> {
    await this.#drizzle
      .update(eventDeliveries)
      .set({ ...end, endedAt: sql`now()`, attempts: sql`${eventDeliveries.attempts} + 1` })
      .where(and(eq(eventDeliveries.id, id), isWaiting));
  }

  /** Once more after so long. */
  async failed(id: string, lastError: string, delayMs: number): Promise<void> {
    await this.#drizzle
      .update(eventDeliveries)
      .set({ lastError, nextAttemptAt: inMs(delayMs), attempts: sql`${eventDeliveries.attempts} + 1` })
      .where(and(eq(eventDeliveries.id, id), isWaiting));
  }

  /** All that waits for a target waits so long at least. */
  async postpone(targetId: string, delayMs: number): Promise<void> {
    await this.#drizzle
      .update(eventDeliveries)
      .set({ nextAttemptAt: inMs(delayMs) })
      .where(
        and(
          eq(eventDeliveries.targetId, targetId),
          isWaiting,
          sql`${eventDeliveries.nextAttemptAt} < ${inMs(delayMs)}`,
        ),
      );
  }

  async get(id: string): Promise<EventDeliveryRow | undefined> {
    const [row] = await this.#drizzle.select().from(eventDeliveries).where(eq(eventDeliveries.id, id));
    return row;
  }

  /** Newest first. */
  async list(query: {
    state?: EventDeliveryRow['state'] | undefined;
    targetId?: string | undefined;
    before?: number | undefined;
    limit: number;
  }): Promise<EventDeliveryRow[]> {
    const { state, targetId, before, limit } = query;
    return this.#drizzle
      .select()
      .from(eventDeliveries)
      .where(
        and(
          state && eq(eventDeliveries.state, state),
          targetId === undefined ? undefined : eq(eventDeliveries.targetId, targetId),
          before === undefined ? undefined : lt(eventDeliveries.position, before),
        ),
      )
      .orderBy(desc(eventDeliveries.position))
      .limit(limit);
  }

  /** A dead one is sent again, a waiting one at once; a delivered one is not. */
  async retry(id: string): Promise<EventDeliveryRow | undefined> {
    const [row] = await this.#drizzle
      .update(eventDeliveries)
      .set({ state: 'waiting', attempts: 0, nextAttemptAt: sql`now()`, endedAt: null })
      .where(and(eq(eventDeliveries.id, id), inArray(eventDeliveries.state, ['dead', 'waiting'])))
      .returning();
    return row;
  }

  async delete(id: string): Promise<boolean> {
    const rows = await this.#drizzle
      .delete(eventDeliveries)
      .where(eq(eventDeliveries.id, id))
      .returning({ id: eventDeliveries.id });
    return rows.length > 0;
  }

  /** Of every target. */
  async figures(): Promise<DeliveryFigures[]> {
    const ofTarget = eq(eventDeliveries.targetId, eventTargets.id);
    const count = (state: EventDeliveryRow['state']) =>
      sql<number>`(${this.#drizzle
        .select({ count: sql`count(*)::int` })
        .from(eventDeliveries)
        .where(and(ofTarget, eq(eventDeliveries.state, state)))})`;
    const last = this.#drizzle
      .select({ endedAt: eventDeliveries.endedAt })
      .from(eventDeliveries)
      .where(and(ofTarget, eq(eventDeliveries.state, 'delivered')))
      .orderBy(desc(eventDeliveries.position))
      .limit(1);
    const rows = await this.#drizzle
      .select({
        targetId: eventTargets.id,
        waiting: count('waiting'),
        dead: count('dead'),
        lastMs: sql<number | null>`(extract(epoch from (${last})) * 1000)::float8`,
      })
      .from(eventTargets);
    return rows.map(({ lastMs, ...row }) => ({ ...row, lastDeliveredAt: lastMs === null ? null : new Date(lastMs) }));
  }

  /** Beyond so many that wait for one target the oldest are dead. Answers how many became so. */
  async endExcessWaiting(targetId: string, max: number, lastError: string): Promise<number> {
    const excess = this.#newest(targetId, 'waiting').offset(max).limit(10_000);
    const rows = await this.#drizzle
      .update(eventDeliveries)
      .set({ state: 'dead', endedAt: sql`now()`, lastError })
      .where(and(inArray(eventDeliveries.id, excess), isWaiting))
      .returning({ id: eventDeliveries.id });
    return rows.length;
  }

  /** Beyond so many dead ones of one target the oldest are deleted. Answers how many. */
  async deleteExcessDead(targetId: string, max: number): Promise<number> {
    const excess = this.#newest(targetId, 'dead').offset(max).limit(10_000);
    const rows = await this.#drizzle
      .delete(eventDeliveries)
      .where(inArray(eventDeliveries.id, excess))
      .returning({ id: eventDeliveries.id });
    return rows.length;
  }

  #newest(targetId: string, state: EventDeliveryRow['state']) {
    return this.#drizzle
      .select({ id: eventDeliveries.id })
      .from(eventDeliveries)
      .where(and(eq(eventDeliveries.targetId, targetId), eq(eventDeliveries.state, state)))
      .orderBy(desc(eventDeliveries.position));
  }

  /** What was delivered before; some thousand rows a statement. */
  async deleteDeliveredBefore(before: Date): Promise<number> {
    let deleted = 0;
    for (let some = 1; some > 0; deleted += some) {
      const oldest = this.#drizzle
        .select({ id: eventDeliveries.id })
        .from(eventDeliveries)
        .where(and(eq(eventDeliveries.state, 'delivered'), lt(eventDeliveries.endedAt, before)))
        .limit(2_000);
      const rows = await this.#drizzle
        .delete(eventDeliveries)
        .where(inArray(eventDeliveries.id, oldest))
        .returning({ id: eventDeliveries.id });
      some = rows.length;
    }
    return deleted;
  }
}
