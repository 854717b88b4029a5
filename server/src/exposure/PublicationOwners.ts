import type { PublicationStore } from '@framelock/db';

const maxKnown = 2_000;

/** `elsewhere`: another server of ours has this Publication and stores it. `unknown`: there is none such on that Stream. */
export type Owner = 'ours' | 'elsewhere' | 'unknown';

/** Whose a Publication is that an inference node tells of: nodes tell every server that is connected to them. */
export class PublicationOwners {
  readonly #publications: PublicationStore;
  readonly #serverId: string;
  /** Stream by Publication: of ours, and of ended ones, which nobody else takes. Outlives a Stream that is deleted. */
  readonly #ours = new Map<string, string>();

  constructor(publications: PublicationStore, serverId: string) {
    this.#publications = publications;
    this.#serverId = serverId;
  }

  /** Rejects when the database does not answer. */
  async whose({ publicationId, streamId }: { publicationId: string; streamId: string }): Promise<Owner> {
    const known = this.#ours.get(publicationId);
    if (known !== undefined) return known === streamId ? 'ours' : 'unknown';
    const row = await this.#publications.get(publicationId);
    if (!row || row.streamId !== streamId) return 'unknown';
    if (row.serverId !== this.#serverId && row.endedAt === null) return 'elsewhere';
    this.#ours.set(publicationId, row.streamId);
    if (this.#ours.size > maxKnown) this.#ours.delete(this.#ours.keys().next().value!);
    return 'ours';
  }
}
