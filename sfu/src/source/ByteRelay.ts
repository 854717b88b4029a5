import { Readable } from 'node:stream';

const keptBytes = 4 * 1024 * 1024;
/** A reader that is this far behind does not get on with it. */
const maxBehindBytes = 16 * 1024 * 1024;

/** Bytes of a live MPEG-TS for one reader after the other; each begins with the last few MiB, since TS can be cut anywhere. */
export class ByteRelay {
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #reader: Readable | undefined;
  #ended = false;
  /** Chunks that fell out of what is kept, and readers that were cut off. */
  droppedChunks = 0;

  push(chunk: Buffer): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    while (this.#keptBytes > keptBytes) {
      this.#keptBytes -= this.#kept.shift()!.length;
      this.droppedChunks++;
    }
    const reader = this.#reader;
    if (!reader || reader.destroyed) return;
    if (reader.readableLength > maxBehindBytes) reader.destroy(new Error('the reader does not keep up'));
    else reader.push(chunk);
  }

  open(): Readable {
    this.#reader?.destroy();
    const reader = new Readable({ read() {} });
    for (const chunk of this.#kept) reader.push(chunk);
    if (this.#ended) reader.push(null);
    this.#reader = reader;
    return reader;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reader?.push(null);
  }
}
