import { Readable } from 'node:stream';
import { flvHeader, flvTag, type FlvMedia } from './flvTags.ts';

export interface FlvQueueLimits {
  bytes: number;
  /** How long the oldest tag may wait for FFmpeg. */
  waitMs: number;
}

export const flvQueueLimits: FlvQueueLimits = { bytes: 16 * 1024 * 1024, waitMs: 3_000 };

interface Waiting {
  tag: Buffer;
  sinceMs: number;
}

export interface TimedMedia extends FlvMedia {
  /** As the publisher gave it: u32, any start. */
  timestampMs: number;
}

/**
 * What one FFmpeg reads of a publisher: header, sequence headers, then tags from a key frame on, timestamps from 0. When
 * FFmpeg is slower than the publisher, everything that waits is dropped and the next key frame goes on.
 */
export class FlvBytes extends Readable {
  readonly #limits: FlvQueueLimits;
  readonly #onDropped: (tags: number) => void;
  readonly #queue: Waiting[] = [];
  readonly #configs = new Map<FlvMedia['type'], Buffer>();
  #queuedBytes = 0;
  #wanted = false;
  #ending = false;
  #awaitsKey: boolean;
  #configsAreStale = false;
  #lastTimestampMs: number | undefined;
  #elapsedMs = 0;

  /** @param has what the header promises; with video, nothing goes out before a key frame. */
  constructor(options: {
    script: Buffer | undefined;
    has: { audio: boolean; video: boolean };
    limits?: FlvQueueLimits;
    onDropped(tags: number): void;
  }) {
    super();
    this.#limits = options.limits ?? flvQueueLimits;
    this.#onDropped = options.onDropped;
    this.#awaitsKey = options.has.video;
    // Not through the queue: whatever is dropped, FFmpeg needs these.
    this.push(flvHeader(options.has));
    if (options.script) this.push(flvTag('script', 0, options.script));
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  add(media: TimedMedia): void {
    if (this.destroyed || this.#ending) return;
    if (media.part === 'config') return this.#addConfig(media);
    if (media.part === 'key') this.#awaitsKey = false;
    else if (this.#awaitsKey) {
      if (this.#lastTimestampMs !== undefined) this.#onDropped(1);
      return;
    }
    if (this.#isOver(media.payload.length)) {
      this.#drop();
      // A key frame, or sound alone, can be what goes on; anything else waits for a key frame.
      if (media.part === 'inter' || (media.part === 'sound' && this.#configs.has('video'))) {
        this.#awaitsKey = true;
        this.#onDropped(1);
        return;
      }
    }
    this.#advance(media.timestampMs);
    if (this.#configsAreStale) this.#repeatConfigs();
    this.#enqueue(flvTag(media.type, this.#tagMs, media.payload));
  }

  /** The publisher ended: what waits is still read, then the stream ends. */
  finish(): void {
    this.#ending = true;
    this.#flush();
  }

  override _read(): void {
    this.#wanted = true;
    this.#flush();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    callback(error);
  }

  #addConfig(media: TimedMedia): void {
    this.#configs.set(media.type, media.payload);
    if (this.#configsAreStale) return; // goes out with the next key frame
    this.#enqueue(flvTag(media.type, this.#tagMs, media.payload));
  }

  #repeatConfigs(): void {
    this.#configsAreStale = false;
    for (const [type, payload] of this.#configs) this.#enqueue(flvTag(type, this.#tagMs, payload));
  }

  #advance(timestampMs: number): void {
    const sinceMs = this.#lastTimestampMs === undefined ? 0 : (timestampMs - this.#lastTimestampMs) | 0;
    this.#lastTimestampMs = timestampMs;
    this.#elapsedMs += sinceMs;
  }

  /** Milliseconds since this reader's first tag; sound may come a little before its key frame, and begins with it then. */
  get #tagMs(): number {
    return Math.max(0, this.#elapsedMs) >>> 0;
  }

  #isOver(bytes: number): boolean {
    const [oldest] = this.#queue;
    if (!oldest) return false;
    return this.#queuedBytes + bytes > this.#limits.bytes || performance.now() - oldest.sinceMs > this.#limits.waitMs;
  }

  #drop(): void {
    this.#onDropped(this.#queue.length);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#configsAreStale = true;
  }

  #enqueue(tag: Buffer): void {
    this.#queue.push({ tag, sinceMs: performance.now() });
    this.#queuedBytes += tag.length;
    this.#flush();
  }

  #flush(): void {
    while (this.#wanted) {
      const next = this.#queue.shift();
      if (!next) break;
      this.#queuedBytes -= next.tag.length;
      this.#wanted = this.push(next.tag);
    }
    if (this.#ending && this.#wanted && this.#queue.length === 0) {
      this.#wanted = false;
      this.push(null);
    }
  }
}
