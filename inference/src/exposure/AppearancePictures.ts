import { type AnalysedPicture, cropThumbnail, type Thumbnail } from './cropThumbnail.ts';

/** How often a mark that is there is cropped, so that its last picture is at most this old when it goes. */
const cropEveryMs = 500;
const refreshEveryMs = 2_000;
/** As for reports: what was sent and is not stored after this is sent again. */
const resendAfterMs = 3_000;

/** A JPEG on its way into the database. */
interface Sent {
  base64: string;
  /** -1: not sent yet. */
  sentIn: number;
  sentAtMs: number;
}

/** First and last picture of one Appearance: crops wait here to be encoded, JPEGs to be stored. */
export class AppearancePictures {
  #first: Thumbnail | undefined;
  #last: Thumbnail | undefined;
  /** `#last` was not encoded as it is. */
  #lastIsNew = false;
  #croppedAtMs = -Infinity;
  #encodedAtMs = -Infinity;
  #ended = false;
  #firstJpeg: Sent | undefined;
  #lastJpeg: Sent | undefined;

  /** Never cropped. */
  get isNew(): boolean {
    return this.#croppedAtMs === -Infinity;
  }

  /** Whether it is to be cropped again. */
  isCropDue(nowMs: number): boolean {
    return nowMs - this.#croppedAtMs >= cropEveryMs;
  }

  /** 0.2 ms for a mark of 40 pixels, 2 ms for one of 400. */
  crop(picture: AnalysedPicture, box: { x: number; y: number; w: number; h: number }, nowMs: number): void {
    if (this.isNew) this.#first = cropThumbnail(picture, box);
    else {
      this.#last = cropThumbnail(picture, box, this.#last) ?? this.#last;
      this.#lastIsNew = this.#last !== undefined;
    }
    this.#croppedAtMs = nowMs;
  }

  end(): void {
    this.#ended = true;
  }

  /** Whether `encode` has something to do: 2 = a first picture, 1 = a last one, 0 = nothing. */
  due(nowMs: number): 0 | 1 | 2 {
    if (this.#first) return 2;
    return this.#lastIsNew && this.#last && (this.#ended || nowMs - this.#encodedAtMs >= refreshEveryMs) ? 1 : 0;
  }

  /** Makes what is due; the first picture is the last one, too, until there is another. */
  encode(encode: (thumbnail: Thumbnail) => Uint8Array | undefined, nowMs: number): void {
    const jpegOf = (thumbnail: Thumbnail): Sent | undefined => {
      const jpeg = encode(thumbnail);
      if (!jpeg) return undefined;
      const base64 = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength).toString('base64');
      return { base64, sentIn: -1, sentAtMs: -Infinity };
    };
    if (this.#first) {
      this.#firstJpeg = jpegOf(this.#first);
      this.#lastJpeg = this.#firstJpeg && { ...this.#firstJpeg };
      this.#first = undefined;
    } else {
      this.#lastJpeg = (this.#last && jpegOf(this.#last)) ?? this.#lastJpeg;
      this.#lastIsNew = false;
    }
    this.#encodedAtMs = nowMs;
    // Nothing replaces the last crop any more, once that is encoded.
    if (this.#ended && !this.#lastIsNew) this.#last = undefined;
  }

  /** For the report of this sequence: what is not known to be stored. */
  take(sequence: number, nowMs: number): { firstJpeg?: string; lastJpeg?: string } {
    const taken: { firstJpeg?: string; lastJpeg?: string } = {};
    for (const [name, jpeg] of [
      ['firstJpeg', this.#firstJpeg],
      ['lastJpeg', this.#lastJpeg],
    ] as const) {
      if (!jpeg || nowMs - jpeg.sentAtMs < resendAfterMs) continue;
      jpeg.sentIn = sequence;
      jpeg.sentAtMs = nowMs;
      taken[name] = jpeg.base64;
    }
    return taken;
  }

  stored(sequence: number): void {
    if (this.#firstJpeg?.sentIn === sequence) this.#firstJpeg = undefined;
    if (this.#lastJpeg?.sentIn === sequence) this.#lastJpeg = undefined;
  }

  /** Of what waits to be stored, roughly. */
  get bytes(): number {
    return (this.#firstJpeg?.base64.length ?? 0) + (this.#lastJpeg?.base64.length ?? 0);
  }

  /** Of its JPEGs; its crops are few. */
  drop(): void {
    this.#firstJpeg = this.#lastJpeg = undefined;
  }
}
