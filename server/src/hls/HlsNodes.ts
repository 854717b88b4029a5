import type { PublicationRow } from '@framelock/db';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { hlsIsOff, Refusal } from '../protocol/index.ts';
import type { LiveStream } from '../streams/LiveStream.ts';

/** Which node has a Publication never changes, but a Recording can be deleted, and its node come back by another name. */
const knownForMs = 2_000;
const maxKnown = 10_000;

export interface HlsNodesOptions {
  live(streamId: string): LiveStream | undefined;
  /** Also one that is being dialled again. */
  sfuNode(nodeId: string): SfuNode | undefined;
  recording(id: string): Promise<{ streamId: string; nodeId: string } | undefined>;
  publications: {
    get(id: string): Promise<PublicationRow | undefined>;
    openOfStream(streamId: string): Promise<PublicationRow | undefined>;
  };
}

interface Place {
  nodeId: string;
  /** It is somewhere, though its node may be away. */
  lasting: boolean;
}

/** Which origin has a Stream's live Publication, one that has ended, or a Recording. */
export class HlsNodes {
  readonly #options: HlsNodesOptions;
  readonly #known = new Map<string, { place: Place | undefined; atMs: number }>();

  constructor(options: HlsNodesOptions) {
    this.#options = options;
  }

  /** Base URL of the origin. Refuses: `notFound` where there is no such thing, `unavailable` where its node is away. */
  async originOf(streamId: string, publicationId: string | undefined): Promise<string> {
    const live = this.#options.live(streamId);
    const node = live?.publishedOn(publicationId);
    if (node && live) {
      // Of one by its id there may be a Recording: its node says.
      if (publicationId === undefined && hlsIsOff(live.hls.settings))
        throw new Refusal('notFound', 'HLS is switched off for this Stream');
      return baseOf(node);
    }
    const place = await this.#place(streamId, publicationId);
    const found = place && this.#options.sfuNode(place.nodeId);
    if (found) return baseOf(found);
    if (place?.lasting) throw away();
    throw new Refusal(
      'notFound',
      publicationId === undefined ? 'this Stream is not live' : 'there is no such Publication or Recording',
    );
  }

  async #place(streamId: string, publicationId: string | undefined): Promise<Place | undefined> {
    const key = `${streamId}/${publicationId ?? ''}`;
    const known = this.#known.get(key);
    if (known && performance.now() - known.atMs < knownForMs) return known.place;
    const place = await this.#look(streamId, publicationId);
    this.#known.delete(key);
    this.#known.set(key, { place, atMs: performance.now() });
    if (this.#known.size > maxKnown) this.#known.delete(this.#known.keys().next().value!);
    return place;
  }

  /** Players of a Publication that has just ended still fetch its last Segments. */
  async #look(streamId: string, publicationId: string | undefined): Promise<Place | undefined> {
    const { recording, publications } = this.#options;
    if (publicationId === undefined) {
      const open = await publications.openOfStream(streamId);
      return open && { nodeId: open.sfuNodeId, lasting: true };
    }
    const recorded = await recording(publicationId);
    if (recorded) return recorded.streamId === streamId ? { nodeId: recorded.nodeId, lasting: true } : undefined;
    const row = await publications.get(publicationId);
    if (row?.streamId !== streamId) return undefined;
    return { nodeId: row.sfuNodeId, lasting: row.endedAt === null };
  }
}

function baseOf(node: SfuNode): string {
  const { hlsUrl } = node.heartbeat;
  if (hlsUrl === undefined) throw away();
  return hlsUrl;
}

const away = () => new Refusal('unavailable', 'the node that has this is away: try again shortly', { retryAfterS: 2 });
