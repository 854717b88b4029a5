import { embeddingDimensions } from '../brands.ts';
import { joinGapSeconds } from '../exposure.ts';
import { rtpTicksBetween, videoClockRate } from '../index.ts';
import type { DetectedObject } from './DetectedObject.ts';
import { type GalleryIndex, type NearestBrand, normalise } from './GalleryIndex.ts';
import { defaultTrackParameters } from './track/TrackParameters.ts';

const dimensions = embeddingDimensions;
/** Weight of the newest Frame in a track's mean embedding, once there are so many: about the last five Frames speak. */
const newestWeight = 0.25;
/** A track keeps its name while that is so little below its threshold, or below another brand's similarity. */
const keepMargin = 0.06;
/** So far from its brand's threshold towards 1, and so far ahead of any other brand, one Frame is enough for a first name. */
const sureShare = 0.4;
const sureLead = 0.1;
/** Any other name takes two Frames that agree, and a third one where another brand is nearly as similar. */
const clearLead = 0.04;
const clearFrames = 2;
const closeFrames = 3;
/** Of Frames that agree one in between may lack the mark: detectors miss one now and then. */
const agreeWithinFrames = 2;
/** What comes back on a track after more Frames than that is the same thing only where it looks as like as this. */
const sameLooks = 0.5;
/** A track not seen for this long is forgotten, RTP ticks: as long as the Tracker keeps it, unless the Model says otherwise. */
const forgetAfterTicks = defaultTrackParameters.keepSeconds * videoClockRate;
const joinGapTicks = joinGapSeconds * videoClockRate;

export interface BrandNamerOptions {
  /** Detection score at which a mark that is nobody's is shown; named ones are shown from the Model's own threshold on. */
  unknownThreshold: number;
}

interface NamedTrack {
  /** Mean of the last Frames' embeddings, of length 1. */
  readonly embedding: Float32Array;
  frames: number;
  /** Label: 0 = unknown mark. */
  label: number;
  similarity: number;
  seenAtTicks: number;
  seenAtFrame: number;
  /** Label that it may get, 0 = none, with how many Frames that agree one after another, from when on. */
  candidate: number;
  agreeing: number;
  agreeingForTicks: number;
  /** For how long it has had no name, from half way to the Frame before. */
  namelessForTicks: number;
  leadTicks: number;
}

/**
 * Names the marks of one Publication's analysed Frames: the mean embedding of each ObjectTrack is looked up in the
 * gallery, so that one blurred Frame does not change a name. What one Frame alone takes for a brand, and not for certain,
 * is no name yet: two Frames have to agree, three where two brands are much alike. Call with Frames in their order,
 * after the Tracker.
 */
export class BrandNamer {
  readonly #options: BrandNamerOptions;
  #index: GalleryIndex;
  readonly #tracks = new Map<number, NamedTrack>();
  readonly #found: NearestBrand = { index: -1, similarity: -1, runnerUp: -1 };
  #frame = 0;
  #ticks = 0;
  /** Since the Frame before; 0 where nothing is known of that time. */
  #gapTicks = 0;

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
    const labels = new Map(index.brands.map(({ id }, i) => [id, i + 1]));
    const now = (label: number): number => (label > 0 ? (labels.get(before.brands[label - 1]!.id) ?? 0) : 0);
    for (const track of this.#tracks.values()) {
      track.label = now(track.label);
      track.candidate = now(track.candidate);
    }
  }

  /**
   * Sets label and score of each object: a name's score is its cosine similarity, an unknown mark's the Model's own.
   * Leaves out what is neither named nor sure enough to be shown. Both arrays are changed in place and keep their order.
   */
  name(objects: DetectedObject[], trackIds: number[], rtpTicks: number): void {
    this.#advance(rtpTicks);
    let kept = 0;
    for (const [i, object] of objects.entries()) {
      const trackId = trackIds[i]!;
      const track = object.embedding && this.#see(trackId, object.embedding);
      object.label = track?.label ?? 0;
      if (track && track.label > 0) object.score = Math.max(0, Math.min(1, track.similarity));
      else if (object.score < this.#options.unknownThreshold) continue;
      objects[kept] = object;
      trackIds[kept++] = trackId;
    }
    objects.length = kept;
    trackIds.length = kept;
  }

  /**
   * RTP ticks for which this mark was on screen before the Frame just named, while it was not known whose it is; 0 unless
   * it got its name with that Frame. All of its time without a name where that is no longer than the joining rule's
   * `joinGapSeconds`, else since the first of the Frames that agreed.
   */
  leadTicksOf(trackId: number): number {
    return this.#tracks.get(trackId)?.leadTicks ?? 0;
  }

  #advance(rtpTicks: number): void {
    const gap = this.#frame === 0 ? 0 : rtpTicksBetween(rtpTicks, this.#ticks);
    this.#gapTicks = gap > 0 && gap <= joinGapTicks ? gap : 0;
    this.#ticks = rtpTicks;
    this.#frame++;
    for (const [trackId, track] of this.#tracks) {
      const age = rtpTicksBetween(rtpTicks, track.seenAtTicks);
      if (age < 0 || age > forgetAfterTicks) this.#tracks.delete(trackId);
    }
  }

  #see(trackId: number, embedding: Float32Array): NamedTrack {
    let track = this.#tracks.get(trackId);
    // The Tracker goes by places: clutter where a mark just was must not inherit its name, nor lend a mark its time.
    const isSame = track && (this.#frame - track.seenAtFrame <= agreeWithinFrames || looksAlike(track, embedding));
    if (track && isSame) this.#follow(track, embedding);
    else this.#tracks.set(trackId, (track = this.#begin(embedding)));
    this.#decide(track, embedding);
    track.seenAtTicks = this.#ticks;
    track.seenAtFrame = this.#frame;
    return track;
  }

  #begin(embedding: Float32Array): NamedTrack {
    return {
      ...{ embedding: Float32Array.from(embedding), frames: 1, label: 0, similarity: -1 },
      ...{ seenAtTicks: this.#ticks, seenAtFrame: this.#frame, candidate: 0, agreeing: 0, agreeingForTicks: 0 },
      ...{ namelessForTicks: this.#gapTicks / 2, leadTicks: 0 },
    };
  }

  #follow(track: NamedTrack, embedding: Float32Array): void {
    const since = rtpTicksBetween(this.#ticks, track.seenAtTicks);
    track.namelessForTicks = track.label > 0 ? this.#gapTicks / 2 : track.namelessForTicks + since;
    track.agreeingForTicks += since;
    const mean = track.embedding;
    // Of the first few all weigh the same.
    const weight = Math.max(newestWeight, 1 / ++track.frames);
    for (let i = 0; i < dimensions; i++) mean[i]! += weight * (embedding[i]! - mean[i]!);
    normalise(mean, 0);
  }

  #decide(track: NamedTrack, embedding: Float32Array): void {
    const index = this.#index;
    const found = this.#found;
    const before = track.label;
    track.leadTicks = 0;
    index.nearest(track.embedding, 0, found);
    if (before > 0) {
      const own = found.index === before - 1 ? found.similarity : index.similarityOf(before - 1, track.embedding, 0);
      track.similarity = own;
      const sure = own >= index.brands[before - 1]!.threshold - keepMargin;
      if (sure && found.similarity - own <= keepMargin) return this.#agree(track, 0);
      // Another one may be coming; until that is certain the old name stays, if it still fits.
      if (!sure) track.label = 0;
    }
    const nearest = index.brands[found.index];
    if (!nearest || found.similarity < nearest.threshold) return this.#agree(track, 0);
    // The mean alone could be one Frame's doing.
    const ofThisFrame = index.similarityOf(found.index, embedding, 0);
    this.#agree(track, ofThisFrame >= nearest.threshold - keepMargin ? found.index + 1 : 0);
    const lead = found.similarity - found.runnerUp;
    const sureFrom = nearest.threshold + (1 - nearest.threshold) * sureShare;
    const isSure = before === 0 && ofThisFrame >= sureFrom && lead >= sureLead;
    const needed = lead >= clearLead ? clearFrames : closeFrames;
    if (!isSure && track.agreeing < needed) return;
    if (track.label === 0) {
      const { namelessForTicks, agreeingForTicks } = track;
      track.leadTicks = namelessForTicks <= joinGapTicks ? namelessForTicks : agreeingForTicks;
    }
    track.label = found.index + 1;
    track.similarity = found.similarity;
  }

  /** This Frame takes the track for `candidate`; 0 = for none, or for what it is named already. */
  #agree(track: NamedTrack, candidate: number): void {
    const isNext = this.#frame - track.seenAtFrame <= agreeWithinFrames;
    if (candidate > 0 && candidate === track.candidate && isNext) {
      track.agreeing++;
      return;
    }
    track.candidate = candidate;
    track.agreeing = candidate > 0 ? 1 : 0;
    track.agreeingForTicks = this.#gapTicks / 2;
  }
}

function looksAlike(track: NamedTrack, embedding: Float32Array): boolean {
  let dot = 0;
  for (let i = 0; i < dimensions; i++) dot += track.embedding[i]! * embedding[i]!;
  return dot >= sameLooks;
}
