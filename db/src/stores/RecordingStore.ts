import { and, asc, desc, eq, inArray, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import { type RecordingRow, recordings, streams } from '../schema.ts';

/** What a node tells of a Recording. */
export type RecordingFacts = Omit<RecordingRow, 'streamName' | 'streamSettings' | 'deletedAt'>;

/** A Recording with what is known of its Stream: the Stream's own, or the copy of one that was deleted. */
export interface KnownRecording extends RecordingRow {
  streamExists: boolean;
}

/** Where a page ended. */
export interface RecordingPosition {
  startedAt: Date;
  id: string;
}

const columns = {
  recording: recordings,
  name: streams.name,
  settings: streams.settings,
  existing: streams.id,
};

export class RecordingStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** Inserts, or takes what is new; what was deleted stays so. */
  async put(facts: RecordingFacts): Promise<void> {
    const { id: _id, ...rest } = facts;
    await this.#drizzle.insert(recordings).values(facts).onConflictDoUpdate({ target: recordings.id, set: rest });
  }

  /** Also one that is marked as deleted. */
  async get(id: string): Promise<KnownRecording | undefined> {
    return (await this.#select(eq(recordings.id, id), 1))[0];
  }

  /** Newest first, without those marked as deleted. */
  async list(options: {
    streamId?: string | undefined;
    after?: RecordingPosition | undefined;
    limit: number;
  }): Promise<KnownRecording[]> {
    const { streamId, after, limit } = options;
    const older = after && [
      lt(recordings.startedAt, after.startedAt),
      and(eq(recordings.startedAt, after.startedAt), lt(recordings.id, after.id)),
    ];
    return this.#select(
      and(
        isNull(recordings.deletedAt),
        streamId === undefined ? undefined : eq(recordings.streamId, streamId),
        older && or(...older),
      ),
      limit,
    );
  }

  async #select(which: SQL | undefined, limit: number): Promise<KnownRecording[]> {
    const rows = await this.#drizzle
      .select(columns)
      .from(recordings)
      .leftJoin(streams, eq(streams.id, recordings.streamId))
      .where(which)
      .orderBy(desc(recordings.startedAt), desc(recordings.id))
      .limit(limit);
    return rows.map(({ recording, name, settings, existing }) =>
      existing === null
        ? { ...recording, streamExists: false }
        : { ...recording, streamName: name, streamSettings: settings, streamExists: true },
    );
  }

  /** Every one of these Streams, newest first; for retention. */
  async listOfStream(streamId: string): Promise<KnownRecording[]> {
    return this.#select(and(isNull(recordings.deletedAt), eq(recordings.streamId, streamId)), 100_000);
  }

  /** Streams, also deleted ones, of which there is a Recording. */
  async streamIds(): Promise<string[]> {
    const rows = await this.#drizzle
      .selectDistinct({ streamId: recordings.streamId })
      .from(recordings)
      .where(isNull(recordings.deletedAt))
      .orderBy(asc(recordings.streamId));
    return rows.map(({ streamId }) => streamId);
  }

  /** Also those marked as deleted. */
  async idsOfNode(nodeId: string): Promise<string[]> {
    const rows = await this.#drizzle
      .select({ id: recordings.id })
      .from(recordings)
      .where(eq(recordings.nodeId, nodeId));
    return rows.map(({ id }) => id);
  }

  /** Those that wait for their node. */
  async listDeleted(): Promise<RecordingRow[]> {
    return this.#drizzle
      .select()
      .from(recordings)
      .where(sql`${recordings.deletedAt} is not null`)
      .limit(10_000);
  }

  /** Hides it until its node is back. False when there is none. */
  async markDeleted(id: string): Promise<boolean> {
    const rows = await this.#drizzle
      .update(recordings)
      .set({ deletedAt: sql`now()` })
      .where(eq(recordings.id, id))
      .returning({ id: recordings.id });
    return rows.length > 0;
  }

  /** Answers how many there were. */
  async delete(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const rows = await this.#drizzle
      .delete(recordings)
      .where(inArray(recordings.id, [...ids]))
      .returning({ id: recordings.id });
    return rows.length;
  }

  /** Before a Stream is deleted: its Recordings keep its name, and the settings that say how long they stay. */
  async keepStreamFacts(streamId: string): Promise<void> {
    await this.#drizzle
      .update(recordings)
      .set({ streamName: sql`${streams.name}`, streamSettings: sql`${streams.settings}` })
      .from(streams)
      .where(and(eq(streams.id, streamId), eq(recordings.streamId, streams.id)));
  }
}
