import { decode } from '@msgpack/msgpack';
import type { types } from 'mediasoup';
import { detectionChannel, type DetectionMessage, type ModelDescription } from '@framelock/server/protocol';
import { filterDetections } from '@framelock/server/protocol/analysis';

/** Different wishes of one Publication's viewers; whoever comes with one more gets everything. */
const maxFilters = 16;
/** Messages of the revision before still come after a change. */
const keptDescriptions = 8;

interface Filter {
  readonly hidden: ReadonlySet<string>;
  readonly dataProducer: types.DataProducer;
  viewers: number;
}

/**
 * The detections of one Publication for viewers who do not want all labels: a DataProducer for each different wish, so
 * that what they hide does not travel. A message costs one reading, and one writing for each wish, whatever the viewers.
 */
export class FilteredDetections {
  readonly #transport: types.DirectTransport;
  readonly #filters = new Map<string, Promise<Filter>>();
  /** Those that are made: `send` waits for none. */
  readonly #made = new Set<Filter>();
  readonly #labels = new Map<number, readonly string[]>();

  constructor(transport: types.DirectTransport) {
    this.#transport = transport;
  }

  get size(): number {
    return this.#made.size;
  }

  /** What label indices of messages with this revision mean; until it is told they are sent whole. */
  describe({ revision, labels }: Pick<ModelDescription, 'revision' | 'labels'>): void {
    this.#labels.set(revision, labels);
    for (const oldest of this.#labels.keys()) {
      if (this.#labels.size <= keptDescriptions) break;
      this.#labels.delete(oldest);
    }
  }

  /** A DataProducer that does without these labels, until `release`; nothing where there are too many wishes. */
  async open(hiddenLabels: readonly string[]): Promise<{ dataProducerId: string; release(): void } | undefined> {
    const hidden = new Set(hiddenLabels);
    const key = JSON.stringify([...hidden].sort());
    if (!this.#filters.has(key) && this.#filters.size >= maxFilters) return undefined;
    let making = this.#filters.get(key);
    if (!making) {
      making = this.#make(hidden);
      this.#filters.set(key, making);
      making.catch(() => this.#filters.delete(key));
    }
    const filter = await making;
    // It may have lost its last viewer while this one waited.
    if (this.#filters.get(key) !== making) return this.open(hiddenLabels);
    filter.viewers++;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (--filter.viewers > 0) return;
      this.#filters.delete(key);
      this.#made.delete(filter);
      filter.dataProducer.close();
    };
    return { dataProducerId: filter.dataProducer.id, release };
  }

  async #make(hidden: ReadonlySet<string>): Promise<Filter> {
    const dataProducer = await this.#transport.produceData({ ...detectionChannel });
    const filter = { hidden, dataProducer, viewers: 0 };
    this.#made.add(filter);
    return filter;
  }

  /** Called per analysed Frame; costs nothing while nobody hides anything. */
  send(message: Buffer): void {
    if (this.#made.size === 0) return;
    const { read, labels } = this.#read(message);
    for (const { hidden, dataProducer } of this.#made) {
      if (dataProducer.closed) continue;
      const less = read && labels && filterDetections(read, (index) => !hidden.has(labels[index] ?? ''));
      dataProducer.send(less ? Buffer.from(less.buffer, less.byteOffset, less.byteLength) : message);
    }
  }

  /** Nothing of what is no message: viewers say so themselves. */
  #read(message: Buffer): { read?: DetectionMessage; labels?: readonly string[] } {
    try {
      const read = decode(message) as DetectionMessage;
      const labels = this.#labels.get(read.model);
      return Array.isArray(read.o) && labels ? { read, labels } : {};
    } catch {
      return {};
    }
  }
}
