import { Buffer } from 'node:buffer';

const firstBytes = 64 * 1024;
const lengthBytes = 4;

/** Detection messages one after another, each behind its length (u32 little endian), in memory that is used again. */
export class MessageLog {
  #bytes = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies it. */
  add(message: Uint8Array): void {
    const end = this.#length + lengthBytes + message.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.writeUInt32LE(message.length, this.#length);
    this.#bytes.set(message, this.#length + lengthBytes);
    this.#length = end;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafe(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  /** All of it; holds until `clear` or the next `add`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}
