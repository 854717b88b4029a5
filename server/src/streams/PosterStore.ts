import { createHash } from 'node:crypto';
import { Refusal } from '../protocol/index.ts';

export const maxPosterBytes = 200 * 1024;
/** Over all Streams; the least recently renewed one goes first. */
const maxTotalBytes = 64 * 1024 * 1024;

export interface Poster {
  jpeg: Uint8Array<ArrayBuffer>;
  /** Short hash of the picture: its ETag, and what makes its URL change. */
  version: string;
}

/** The last picture of each live Stream, in memory: it is worth nothing after a restart. */
export class PosterStore {
  readonly #posters = new Map<string, Poster>();
  #totalBytes = 0;

  get bytes(): number {
    return this.#totalBytes;
  }

  get(streamId: string): Poster | undefined {
    return this.#posters.get(streamId);
  }

  /** Refuses what is not a whole JPEG. */
  set(streamId: string, jpeg: Uint8Array<ArrayBuffer>): Poster {
    if (jpeg.byteLength > maxPosterBytes) throw new Refusal('tooLarge', `a poster has at most ${maxPosterBytes} bytes`);
    if (!isJpeg(jpeg)) throw new Refusal('badRequest', 'this is not a JPEG picture');
    this.delete(streamId);
    const poster = { jpeg, version: createHash('sha256').update(jpeg).digest('hex').slice(0, 16) };
    this.#posters.set(streamId, poster);
    this.#totalBytes += jpeg.byteLength;
    for (const oldest of this.#posters.keys()) {
      if (this.#totalBytes <= maxTotalBytes) break;
      this.delete(oldest);
    }
    return poster;
  }

  delete(streamId: string): void {
    this.#totalBytes -= this.#posters.get(streamId)?.jpeg.byteLength ?? 0;
    this.#posters.delete(streamId);
  }
}

/** SOI and the next marker at the start, EOI at the end (ITU-T T.81, B.1.1.3). */
function isJpeg(bytes: Uint8Array): boolean {
  const last = bytes.length - 1;
  return (
    bytes.length >= 125 &&
    bytes[0] === 0xff &&
    bytes[1] === 0xd8 &&
    bytes[2] === 0xff &&
    bytes[last - 1] === 0xff &&
    bytes[last] === 0xd9
  );
}
