import type { Gallery } from '@framelock/server/protocol';
import {
  BrandNamer,
  type DetectedObject,
  GalleryIndex,
  Tracker,
  type TrackParameters,
} from '@framelock/server/protocol/analysis';
import type { BrandNaming } from './BrowserModelSpec.ts';

const noGallery: Gallery = { revision: 0, modelSha256: '0'.repeat(64), brands: [] };

/** Follows the objects of one capture over its analysed frames, and names them by a gallery where the model has no names. */
export class ObjectNamer {
  readonly #brands: BrandNaming | undefined;
  readonly #track: TrackParameters | undefined;
  #tracker!: Tracker;
  #index: GalleryIndex;
  #namer: BrandNamer | undefined;
  #galleryVersion = 0;

  /** `track`: how the model's objects are followed, where it is not as usual. */
  constructor(brands: BrandNaming | undefined, track?: TrackParameters) {
    this.#brands = brands;
    this.#track = track;
    this.#index = new GalleryIndex(noGallery, brands?.matchThreshold ?? 1);
    this.startScene();
  }

  get galleryVersion(): number {
    return this.#galleryVersion;
  }

  /** Many brands take some ten ms: not on the way of video. */
  setGallery(gallery: Gallery, version: number): void {
    if (!this.#brands) return;
    this.#index = new GalleryIndex(gallery, this.#brands.matchThreshold);
    this.#namer?.setIndex(this.#index);
    this.#galleryVersion = version;
  }

  /** Whatever comes now is something else than before. */
  startScene(): void {
    this.#tracker = new Tracker(this.#track);
    this.#namer = this.#brands && new BrandNamer(this.#index, this.#brands);
  }

  /**
   * Changes `objects`: gives names, leaves out what is not sure enough. `timestampUs` of the frame, `change` of its picture
   * (SceneMeter); answers track ids.
   */
  name(objects: DetectedObject[], timestampUs: number, change = 0): number[] {
    // As RTP counts, which differs by an offset only.
    const ticks = Math.round(timestampUs * 0.09) >>> 0;
    const trackIds = this.#tracker.update(objects, ticks, { change });
    this.#namer?.name(objects, trackIds, ticks);
    for (const object of objects) delete object.embedding;
    return trackIds;
  }
}
