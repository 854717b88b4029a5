import type { RawData, WebSocket } from 'ws';
import type { DetectionFeed, FeedWriter } from '../tap/DetectionFeed.ts';

const maxRefusals = 10;

/** One inference node's binary WebSocket into a DetectionFeed: one MessagePack message per analysed frame. */
export class FeedConnection implements FeedWriter {
  readonly #socket: WebSocket;
  readonly #feed: DetectionFeed;
  #refusals = 0;

  constructor(socket: WebSocket, feed: DetectionFeed) {
    this.#socket = socket;
    this.#feed = feed;
    feed.attach(this);
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on('error', (error) => this.#onError(error));
    socket.on('close', () => feed.detach(this));
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      if (this.#feed.send(this, data as Buffer)) this.#onRefused();
      return;
    }
    this.#feed.refuse('notBinary');
    this.#onRefused();
  }

  /** ws closes the connection itself on these. */
  #onError(error: Error): void {
    if ((error as { code?: string }).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#feed.refuse('oversized');
  }

  #onRefused(): void {
    if (++this.#refusals === maxRefusals) this.replaced('too many messages refused', 1008);
  }

  replaced(reason: string, code = 1000): void {
    this.#feed.detach(this);
    this.#socket.close(code, reason.slice(0, 120));
  }
}
