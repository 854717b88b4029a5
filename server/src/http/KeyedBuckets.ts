import { TokenBucket } from '../signaling/TokenBucket.ts';

/** A TokenBucket for each key (an address, a Stream), in bounded memory: the key not asked for the longest goes first. */
export class KeyedBuckets {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #bucket: { capacity: number; perSecond: number };
  readonly #maxKeys: number;

  constructor(options: { capacity: number; perSecond: number; maxKeys?: number }) {
    const { capacity, perSecond, maxKeys = 10_000 } = options;
    this.#bucket = { capacity, perSecond };
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Whether `take` would answer false. */
  isEmpty(key: string): boolean {
    return this.#buckets.get(key)?.isEmpty ?? false;
  }

  /** False = over the limit. */
  take(key: string): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#bucket);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket.take();
  }
}
