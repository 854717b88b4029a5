import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';

const gzipAside = promisify(gzip);
/** Above, compressing would stop this process for milliseconds. */
const aside = 100_000;
/** Below, gzip's own header eats what it saves. */
const worth = 200;

/** What answers a request for a text, or for bytes that compress like one: made once, sent to many. */
export class TextBody {
  readonly plain: Buffer;
  readonly #tag: string;
  #compressed: Buffer | Promise<Buffer> | undefined;

  constructor(plain: Buffer) {
    this.plain = plain;
    this.#tag = hash('sha1', plain, 'hex').slice(0, 20);
  }

  get worthCompressing(): boolean {
    return this.plain.length >= worth;
  }

  etag(compressed: boolean): string {
    return compressed ? `"${this.#tag}-gz"` : `"${this.#tag}"`;
  }

  compressed(): Buffer | Promise<Buffer> {
    this.#compressed ??= this.plain.length < aside ? gzipSync(this.plain) : this.#compressAside();
    return this.#compressed;
  }

  async #compressAside(): Promise<Buffer> {
    const compressed = await gzipAside(this.plain);
    this.#compressed = compressed;
    return compressed;
  }
}

/** The bodies of the last texts, so that each version of a playlist is encoded and compressed once for all players. */
export class TextBodies<Key> {
  readonly #bodies = new Map<Key, TextBody>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: Key, bytes: () => Buffer): TextBody {
    return this.find(key) ?? this.keep(key, new TextBody(bytes()));
  }

  find(key: Key): TextBody | undefined {
    return this.#bodies.get(key);
  }

  keep(key: Key, body: TextBody): TextBody {
    this.#bodies.set(key, body);
    this.#bytes += body.plain.length;
    for (const [oldest, old] of this.#bodies) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break;
      this.#bodies.delete(oldest);
      this.#bytes -= old.plain.length;
    }
    return body;
  }
}
