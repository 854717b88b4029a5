import { Readable } from 'node:stream';

/** What waits to go into a child's stdin. It takes what it is given: whoever feeds it asks for `bytes` first. */
export class FeedQueue {
  readonly stream: Readable;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #wanted = false;
  #ended = false;

  constructor() {
    this.stream = new Readable({
      highWaterMark: 1,
      read: () => {
        this.#wanted = true;
        this.#pump();
      },
    });
  }

  /** Not yet taken by the pipe. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    if (this.#ended || chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#pump();
  }

  /** After what waits. */
  end(): void {
    this.#ended = true;
    this.#pump();
  }

  #pump(): void {
    while (this.#wanted && !this.stream.destroyed) {
      const chunk = this.#waiting.shift();
      if (!chunk) {
        if (this.#ended) this.stream.push(null);
        this.#wanted = !this.#ended;
        return;
      }
      this.#bytes -= chunk.length;
      this.#wanted = this.stream.push(chunk);
    }
  }
}
