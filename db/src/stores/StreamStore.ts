import { asc, eq, isNotNull, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type StreamRow, streams } from '../schema.ts';

export class StreamStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  async insert(stream: Pick<StreamRow, 'id' | 'name' | 'streamKey'>): Promise<StreamRow> {
    const [row] = await this.#drizzle.insert(streams).values(stream).returning();
    return row!;
  }

  /** Oldest first. */
  async list(): Promise<StreamRow[]> {
    return this.#drizzle.select().from(streams).orderBy(asc(streams.createdAt), asc(streams.id));
  }

  async get(id: string): Promise<StreamRow | undefined> {
    const [row] = await this.#drizzle.select().from(streams).where(eq(streams.id, id));
    return row;
  }

  /** The one before is no key from then on. Undefined when there is no such Stream. */
  async setKey(id: string, streamKey: string): Promise<StreamRow | undefined> {
    const [row] = await this.#drizzle.update(streams).set({ streamKey }).where(eq(streams.id, id)).returning();
    return row;
  }

  /** Undefined when there is no such Stream. */
  async setModel(id: string, modelId: string | null): Promise<StreamRow | undefined> {
    const [row] = await this.#drizzle.update(streams).set({ modelId }).where(eq(streams.id, id)).returning();
    return row;
  }

  /** `settings` goes over those that were set before, in one step. Undefined when there is no such Stream. */
  async change(
    id: string,
    { name, settings }: { name?: string | undefined; settings?: Record<string, unknown> | undefined },
  ): Promise<StreamRow | undefined> {
    if (name === undefined && settings === undefined) return this.get(id);
    const [row] = await this.#drizzle
      .update(streams)
      .set({
        ...(name === undefined ? {} : { name }),
        ...(settings === undefined
          ? {}
          : { settings: sql`coalesce(${streams.settings}, '{}'::jsonb) || ${JSON.stringify(settings)}::jsonb` }),
      })
      .where(eq(streams.id, id))
      .returning();
    return row;
  }

  /** Null = none. Undefined when there is no such Stream. */
  async setSource(id: string, source: unknown): Promise<StreamRow | undefined> {
    const [row] = await this.#drizzle.update(streams).set({ source }).where(eq(streams.id, id)).returning();
    return row;
  }

  /** What is drawn on its picture, whole. Undefined when there is no such Stream. */
  async setZones(id: string, zones: unknown): Promise<StreamRow | undefined> {
    const [row] = await this.#drizzle.update(streams).set({ zones }).where(eq(streams.id, id)).returning();
    return row;
  }

  /** Those that have a Source, oldest first. */
  async listWithSource(): Promise<StreamRow[]> {
    const ordered = [asc(streams.createdAt), asc(streams.id)];
    return this.#drizzle
      .select()
      .from(streams)
      .where(isNotNull(streams.source))
      .orderBy(...ordered);
  }

  /** Also its Publications. False when there was no such Stream. */
  async delete(id: string): Promise<boolean> {
    const rows = await this.#drizzle.delete(streams).where(eq(streams.id, id)).returning({ id: streams.id });
    return rows.length > 0;
  }
}
