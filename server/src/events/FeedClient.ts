import type { EventView } from '../protocol/index.ts';

/** Messages that wait for one reader; beyond it the oldest go, and the reader is told how many. */
export const defaultMaxWaiting = 500;
const encoder = new TextEncoder();

/** One reader of the event stream: text/event-stream (WHATWG HTML, "Server-sent events"), as fast as it is read. */
export class FeedClient {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #maxWaiting: number;
  readonly #onLost: () => void;
  readonly #waiting: string[] = [];
  #lost = 0;
  /** Ends the present wait for something to send. */
  #pull: (() => void) | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #closed = false;

  constructor(options: { onClosed(): void; onLost(): void; maxWaiting?: number }) {
    this.#maxWaiting = options.maxWaiting ?? defaultMaxWaiting;
    this.#onLost = options.onLost;
    this.stream = new ReadableStream(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#next(),
        cancel: () => {
          this.#closed = true;
          this.#pull?.();
          options.onClosed();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Nothing is written here before `start`, so that what was missed comes first. */
  get closed(): boolean {
    return this.#closed;
  }

  event(event: EventView): void {
    this.#put(`id: ${feedId(event)}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Not all of what was missed is known or was kept. Null = nobody knows how many. */
  lost(count: number | null): void {
    this.#put(lostMessage(count));
  }

  /** Proxies end connections that are silent, and a reader that is gone is noticed by a write. */
  beat(): void {
    if (this.#waiting.length === 0) this.#put(': beat\n\n');
  }

  /** How long a reader waits before it comes again. */
  hello(): void {
    this.#put('retry: 3000\n\n');
  }

  #put(text: string): void {
    if (this.#closed) return;
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#waiting.shift();
      this.#lost++;
      this.#onLost();
    }
    this.#waiting.push(text);
    this.#pull?.();
  }

  async #next(): Promise<void> {
    if (this.#lost === 0 && this.#waiting.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => (this.#pull = resolve));
      this.#pull = undefined;
    }
    if (this.#closed) return;
    const text = this.#lost > 0 ? lostMessage(this.#lost) : this.#waiting.shift()!;
    this.#lost = 0;
    this.#controller?.enqueue(encoder.encode(text));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller?.close();
    this.#pull?.();
  }
}

const lostMessage = (count: number | null): string => `event: lost\ndata: ${JSON.stringify({ count })}\n\n`;

/** With its time, so that whoever comes again says since when. */
const feedId = ({ at, id }: EventView): string => `${Date.parse(at)}_${id}`;

/** Undefined: this server never gave such a one. */
export function readFeedId(text: string): { atMs: number; id: string } | undefined {
  const [, at, id] = /^(\d{1,15})_([\x20-\x7e]{1,200})$/.exec(text) ?? [];
  return at === undefined || id === undefined ? undefined : { atMs: Number(at), id };
}
