/** One live Publication with a real store and playlists that only say which version they are. For tests of the Origin. */
import { Readable } from 'node:stream';
import { Refusal } from '@framelock/server/protocol';
import type { SegmentStore } from '../../store/SegmentStore.ts';
import { partsPerSegment, testSegment } from '../../store/testing/testMedia.ts';
import type {
  DeliveryDirectives,
  Mp4Download,
  PackagedPublication,
  PackagedPublications,
} from '../PackagedPublications.ts';

interface Waiter {
  parts: number;
  promise: Promise<string>;
  resolve(text: string): void;
}

export class FakePublications implements PackagedPublications, PackagedPublication {
  readonly streamId = 'stream';
  readonly publicationId = 'pub';
  readonly files: SegmentStore;
  ended = false;
  wanted = 0;
  stopped = 0;
  /** Parts that were put. */
  #parts = 0;
  #text: string | undefined;
  readonly #waiters = new Map<number, Waiter>();

  constructor(store: SegmentStore) {
    this.files = store;
  }

  nextPart(bytes = 1_000): void {
    const msn = Math.floor(this.#parts / partsPerSegment);
    const index = this.#parts % partsPerSegment;
    const segment = testSegment(msn, bytes);
    this.files.putPart(segment.parts[index]!, segment);
    if (index === partsPerSegment - 1) this.files.endSegment(segment);
    this.#parts++;
    if (this.#parts >= partsPerSegment) this.#text = `#EXTM3U\n#parts=${this.#parts}\n${'#padding\n'.repeat(60)}`;
    for (const waiter of this.#waiters.values()) {
      if (this.#parts < waiter.parts) continue;
      this.#waiters.delete(waiter.parts);
      waiter.resolve(this.#text!);
    }
  }

  want(streamId: string): PackagedPublication | 'starting' | undefined {
    this.wanted++;
    if (streamId === 'cold') return 'starting';
    return streamId === this.streamId ? this : undefined;
  }

  find(streamId: string, publicationId: string): PackagedPublication | undefined {
    return streamId === this.streamId && publicationId === this.publicationId ? this : undefined;
  }

  multivariant(base: string, media: string): string | undefined {
    return this.#text && `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\n${base}${media}\n`;
  }

  plain(): string | undefined {
    return this.#text;
  }

  lowLatency({ msn, part, skip }: DeliveryDirectives): string | Promise<string> | undefined {
    if (msn === undefined) return this.#text && (skip ? `${this.#text}#skipped\n` : this.#text);
    const parts = part === undefined ? (msn + 1) * partsPerSegment : msn * partsPerSegment + part + 1;
    if (parts <= this.#parts) return this.#text;
    if (parts > this.#parts + 2 * partsPerSegment) throw new Refusal('badRequest', 'that is too far ahead');
    let waiter = this.#waiters.get(parts);
    if (!waiter) this.#waiters.set(parts, (waiter = { parts, ...Promise.withResolvers<string>() }));
    return waiter.promise;
  }

  async download(): Promise<Mp4Download> {
    await Promise.resolve();
    let sent = 0;
    const stream = new Readable({
      read(this: Readable) {
        this.push(sent++ < 100_000 ? Buffer.alloc(65_536, 7) : null);
      },
    });
    const stop = (): void => {
      this.stopped++;
      stream.destroy();
    };
    return { fileName: 'recording.mp4', stream, stop };
  }
}
