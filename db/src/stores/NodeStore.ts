import { and, asc, eq, ne, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type NodeRow, nodes } from '../schema.ts';

/** Times are the database's own: replicas with different clocks then agree on who is alive. */
export class NodeStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** Inserts or refreshes; `lastSeenAt` becomes now. */
  async seen(node: Omit<NodeRow, 'lastSeenAt' | 'hlsUrl'> & { hlsUrl?: string | null | undefined }): Promise<void> {
    const { id: _id, ...rest } = { ...node, hlsUrl: node.hlsUrl ?? null };
    await this.#drizzle
      .insert(nodes)
      .values(node)
      .onConflictDoUpdate({ target: nodes.id, set: { ...rest, lastSeenAt: sql`now()` } });
  }

  /** Those seen within `timeoutMs`. */
  async listAlive(timeoutMs: number): Promise<NodeRow[]> {
    return this.#drizzle.select().from(nodes).where(youngerThan(timeoutMs)).orderBy(asc(nodes.id));
  }

  async delete(id: string): Promise<void> {
    await this.#drizzle.delete(nodes).where(eq(nodes.id, id));
  }

  /** For an engine with one server at a time: any other server's row is a dead one's. */
  async deleteServersExcept(id: string): Promise<void> {
    await this.#drizzle.delete(nodes).where(and(eq(nodes.kind, 'server'), ne(nodes.id, id)));
  }

  /** Forgets rows not seen within `timeoutMs`; answers how many. */
  async deleteOlderThan(timeoutMs: number): Promise<number> {
    const rows = await this.#drizzle
      .delete(nodes)
      .where(sql`not (${youngerThan(timeoutMs)})`)
      .returning({ id: nodes.id });
    return rows.length;
  }
}

function youngerThan(timeoutMs: number) {
  return sql`${nodes.lastSeenAt} > now() - ${timeoutMs} * interval '1 millisecond'`;
}
