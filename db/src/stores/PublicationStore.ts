import { and, desc, eq, isNull, notInArray, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { nodes, type PublicationRow, publications } from '../schema.ts';

export class PublicationStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  async begin(publication: Pick<PublicationRow, 'id' | 'streamId' | 'sfuNodeId' | 'serverId'>): Promise<void> {
    await this.#drizzle.insert(publications).values(publication);
  }

  /** Does nothing to one that has ended already. */
  async end(id: string, endReason: string): Promise<void> {
    await this.#drizzle
      .update(publications)
      .set({ endedAt: sql`now()`, endReason })
      .where(and(eq(publications.id, id), isNull(publications.endedAt)));
  }

  async get(id: string): Promise<PublicationRow | undefined> {
    const [row] = await this.#drizzle.select().from(publications).where(eq(publications.id, id));
    return row;
  }

  /** The one that runs, also on another server. */
  async openOfStream(streamId: string): Promise<PublicationRow | undefined> {
    const [row] = await this.#drizzle
      .select()
      .from(publications)
      .where(and(eq(publications.streamId, streamId), isNull(publications.endedAt)))
      .orderBy(desc(publications.startedAt))
      .limit(1);
    return row;
  }

  /** Newest first. */
  async listOfStream(streamId: string, limit = 50): Promise<PublicationRow[]> {
    return this.#drizzle
      .select()
      .from(publications)
      .where(eq(publications.streamId, streamId))
      .orderBy(desc(publications.startedAt), desc(publications.id))
      .limit(limit);
  }

  /**
   * Ends the open Publications whose server is no longer alive, as `serverRestarted`; answers which. A server is
   * alive while its row in `nodes` is younger than `serverTimeoutMs` (by the database's own clock).
   */
  async endAbandoned(options: { serverTimeoutMs: number }): Promise<Pick<PublicationRow, 'id' | 'streamId'>[]> {
    const alive = this.#drizzle
      .select({ id: nodes.id })
      .from(nodes)
      .where(
        and(
          eq(nodes.kind, 'server'),
          sql`${nodes.lastSeenAt} > now() - ${options.serverTimeoutMs} * interval '1 millisecond'`,
        ),
      );
    return this.#drizzle
      .update(publications)
      .set({ endedAt: sql`now()`, endReason: 'serverRestarted' })
      .where(and(isNull(publications.endedAt), notInArray(publications.serverId, alive)))
      .returning({ id: publications.id, streamId: publications.streamId });
  }
}
