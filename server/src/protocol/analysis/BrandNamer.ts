import { embeddingDimensions } from '../brands.ts';
import { rtpTicksBetween, videoClockRate } from '../index.ts';
import type { DetectedObject } from './DetectedObject.ts';
import { type GalleryIndex, type NearestBrand, normalise } from './GalleryIndex.ts';

const dimensions = embeddingDimensions;
/** Weight of the newest Frame in a track's mean embedding: about the last five Frames speak. */
const newestWeight = 0.25;
/** A track keeps its name while that is so little below its threshold, or below another brand's similarity. */
const keepMargin = 0.06;
/** A track not seen for this long is forgotten, RTP ticks: as long as the Tracker keeps it. */
const forgetAfterTicks = videoClockRate;

export interface BrandNamerOptions {
  /** Detection score at which a mark that is nobody's is shown; named ones are shown from the Model's own threshold on. */
  unknownThreshold: number;
}

interface NamedTrack {
  /** Mean of the last Frames' embeddings, of length 1. */
  embedding: Float32Array;
  /** Label: 0 = unknown mark. */
  label: number;
  similarity: number;
  seenAtTicks: number;
}

/**
 * Names the marks of one Publication's analysed Frames: the mean embedding of each ObjectTrack is looked up in the
 * gallery, so that one blurred Frame does not change a name. Call with Frames in their order, after the Tracker.
 */
export class BrandNamer {
  readonly #options: BrandNamerOptions;
  #index: GalleryIndex;
  readonly #tracks = new Map<number, NamedTrack>();
  readonly #found: NearestBrand = { index: -1, similarity: -1 };

  constructor(index: GalleryIndex, options: BrandNamerOptions) {
    this.#index = index;
    this.#options = options;
  }

  get index(): GalleryIndex {
    return this.#index;
  }

  /** Names are asked for anew; what the tracks look like is kept. */
  setIndex(index: GalleryIndex): void {
    const before = this.#index;
    this.#index = index;
    for (const track of this.#tracks.values()) {
      const id = track.label > 0 ? before.brands[track.label - 1]?.id : undefined;
      track.label = id === undefined ? 0 : index.brands.findIndex((brand) => brand.id === id) + 1;
    }
  }

  /**
   * Sets label and score of each object: a name's score is its cosine similarity, an unknown mark's the Model's own.
   * Leaves out what is neither named nor sure enough to be shown. Both arrays are changed in place and keep their order.
   */
  name(objects: DetectedObject[], trackIds: number[], rtpTicks: number): void {
    this.#forget(rtpTicks);
    let kept = 0;
    for (const [i, object] of objects.entries()) {
      const trackId = trackIds[i]!;
      const track = this.#follow(trackId, object.embedding, rtpTicks);
      if (track) this.#decide(track);
      object.label = track?.label ?? 0;
      if (track && track.label > 0) object.score = Math.max(0, Math.min(1, track.similarity));
      else if (object.score < this.#options.unknownThreshold) continue;
      objects[kept] = object;
      trackIds[kept++] = trackId;
    }
    objects.length = kept;
    trackIds.length = kept;
  }

  #follow(trackId: number, embedding: Float32Array | undefined, rtpTicks: number): NamedTrack | undefined {
    if (!embedding) return undefined;
    let track = this.#tracks.get(trackId);
    if (!track) {
      track = { embedding: Float32Array.from(embedding), label: 0, similarity: -1, seenAtTicks: rtpTicks };
      this.#tracks.set(trackId, track);
      return track;
    }
    const mean = track.embedding;
    for (let i = 0; i < dimensions; i++) mean[i]! += newestWeight * (embedding[i]! - mean[i]!);
    normalise(mean, 0);
    track.seenAtTicks = rtpTicks;
    return track;
  }

  #decide(track: NamedTrack): void {
    const index = this.#index;
    const found = this.#found;
    index.nearest(track.embedding, 0, found);
    if (track.label > 0) {
      const own =
        found.index === track.label - 1 ? found.similarity : index.similarityOf(track.label - 1, track.embedding, 0);
      track.similarity = own;
      const sure = own >= index.brands[track.label - 1]!.threshold - keepMargin;
      if (sure && found.similarity - own <= keepMargin) return;
    }
    const nearest = index.brands[found.index];
    const isNamed = nearest !== undefined && found.similarity >= nearest.threshold;
    track.label = isNamed ? found.index + 1 : 0;
    track.similarity = found.similarity;
  }

  #forget(rtpTicks: number): void {
    for (const [trackId, track] of this.#tracks) {
      const age = rtpTicksBetween(rtpTicks, track.seenAtTicks);
      if (age < 0 || age > forgetAfterTicks) this.#tracks.delete(trackId);
    }
  }
}
