import type { DetectedObject } from '@framelock/server/protocol/analysis';
import { type AnalysedPicture, cropThumbnail, type Thumbnail } from '../exposure/cropThumbnail.ts';
import { ThumbnailEncoder } from '../exposure/ThumbnailEncoder.ts';

/** Of all Publications of the node together: about 1 ms of the main thread each. */
const perSecond = 12;
const atOnce = 3;
/** Who cuts off a side of an object shows half of it. */
const edge = 0.005;
const cutOff = 0.5;

/** How good a picture of an object this Frame gives; only to be compared. Size counts less than score: a blur is large, too. */
export function pictureQuality({ score, x, y, w, h }: DetectedObject): number {
  const whole = x > edge && y > edge && x + w < 1 - edge && y + h < 1 - edge;
  return Math.max(1e-6, score) * (w * h) ** 0.25 * (whole ? 1 : cutOff);
}

/** Makes the small pictures of ObjectTracks, not more than the node has time for. */
export class TrackPictures {
  readonly #encoder = new ThumbnailEncoder();
  #crop: Thumbnail | undefined;
  #budget = atOnce;
  #budgetAtMs = NaN;

  /** Whether there is time for one; better ones of what has one already wait for more of it. */
  hasTime(isFirst: boolean, nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#budgetAtMs) || 0;
    this.#budgetAtMs = nowMs;
    this.#budget = Math.min(atOnce, this.#budget + (passedMs * perSecond) / 1000);
    return this.#budget >= (isFirst ? 1 : 2);
  }

  /** Base64 of a JPEG; undefined where none, or none that is small enough, could be made. */
  make(picture: AnalysedPicture, box: DetectedObject): string | undefined {
    this.#budget -= 1;
    const crop = cropThumbnail(picture, box, this.#crop);
    if (!crop) return undefined;
    this.#crop = crop;
    const jpeg = this.#encoder.encode(crop);
    return jpeg && Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength).toString('base64');
  }

  close(): void {
    this.#encoder.close();
  }
}
