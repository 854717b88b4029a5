import type { Gallery } from '@framelock/server/protocol';
import { BrandNamer, type DetectedObject, GalleryIndex, Tracker } from '@framelock/server/protocol/analysis';
import type { BrandNaming } from './BrowserModelSpec.ts';

const noGallery: Gallery = { revision: 0, modelSha256: '0'.repeat(64), brands: [] };

/** Follows the objects of one capture over its analysed frames, and names them by a gallery where the model has no names. */
export class ObjectNamer {
  readonly #brands: BrandNaming | undefined;
  #tracker = new Tracker();
  #index: GalleryIndex;
  #namer: BrandNamer | undefined;
  #galleryVersion = 0;

  constructor(brands: BrandNaming | undefined) {
    this.#brands = brands;
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
    this.#tracker = new Tracker();
    this.#namer = this.#brands && new BrandNamer(this.#index, this.#brands);
  }

  /** Changes `objects`: gives names, leaves out what is not sure enough. `timestampUs` of the frame; answers track ids. */
  name(objects: DetectedObject[], timestampUs: number): number[] {
    // As RTP counts, which differs by an offset only.
    const ticks = Math.round(timestampUs * 0.09) >>> 0;
    const trackIds = this.#tracker.update(objects, ticks);
    this.#namer?.name(objects, trackIds, ticks);
    for (const object of objects) delete object.embedding;
    return trackIds;
  }
}
