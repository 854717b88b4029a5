import type { ModelDescription } from '@framelock/server/protocol';
import { BrandNamer, type GalleryIndex, SceneMeter, Tracker } from '@framelock/server/protocol/analysis';
import type { DecodeTarget } from './decode/decodeMessages.ts';
import type { DecodeStream } from './decode/DecodeStream.ts';
import type { DetectorLease } from './detect/DetectorPool.ts';
import { createWaitingCell, takeWaiting } from './sample/WaitingSlot.ts';

/**
 * One Model's turn in an Analysis: its Detector, its revision, its tensor slots. It outlives its replacement until no
 * thread can write to its slots and its last Frame is out of the Model.
 */
export class AnalysisTarget {
  readonly targetId: number;
  /** Names marks by the gallery, where the Model is a brand model. */
  readonly namer: BrandNamer | undefined;
  readonly lease: DetectorLease;
  readonly tracker: Tracker;
  readonly scene = new SceneMeter();
  readonly #maxFps: number;
  #description: ModelDescription;
  #cell = createWaitingCell();
  /** The slot that the decode thread holds. */
  #slot: number | undefined;
  #running = 0;
  #retired = false;
  #letGo = false;
  #disposed = false;

  constructor(options: {
    targetId: number;
    revision: number;
    lease: DetectorLease;
    maxFps: number;
    gallery?: GalleryIndex | undefined;
  }) {
    this.targetId = options.targetId;
    this.lease = options.lease;
    this.#maxFps = options.maxFps;
    const { detector, modelId, name } = options.lease;
    const { gallery } = options;
    this.tracker = new Tracker(detector.track);
    const brands = gallery && detector.brands;
    this.namer = brands && new BrandNamer(gallery, { unknownThreshold: brands.unknownThreshold });
    this.#description = {
      revision: options.revision,
      modelId,
      name,
      labels: this.namer?.index.labels ?? detector.labels,
      inputWidth: detector.inputSpec.width,
      inputHeight: detector.inputSpec.height,
      executionProvider: detector.executionProvider,
    };
  }

  get description(): ModelDescription {
    return this.#description;
  }

  /** Names by another gallery from now on. False: this Model does not name. */
  setGallery(gallery: GalleryIndex, revision: number): boolean {
    if (!this.namer) return false;
    this.namer.setIndex(gallery);
    this.#description = { ...this.#description, revision, labels: gallery.labels };
    return true;
  }

  get retired(): boolean {
    return this.#retired;
  }

  /** Tells the decode thread to fill this target's slots, from its beginning or after the thread was restarted. */
  install(stream: DecodeStream): void {
    this.#cell = createWaitingCell();
    const { inputSpec, slots } = this.lease.detector;
    const target: DecodeTarget = {
      targetId: this.targetId,
      spec: inputSpec,
      buffer: slots.buffer,
      floatsPerSlot: slots.floatsPerSlot,
      cell: this.#cell,
      maxFps: this.#maxFps,
    };
    stream.setTarget(target);
    if (this.#slot !== undefined) stream.giveSlot(this.targetId, this.#slot);
    else this.provideSlot(stream);
  }

  /** Keeps one slot with the decode thread, as long as the Detector has one free. */
  provideSlot(stream: DecodeStream): void {
    if (this.#retired || this.#slot !== undefined || this.lease.detector.closed) return;
    this.#slot = this.lease.detector.slots.acquire();
    if (this.#slot !== undefined) stream.giveSlot(this.targetId, this.#slot);
  }

  /** The slot of the waiting picture of this generation, now ours; undefined when it was replaced by a newer one. */
  take(generation: number): number | undefined {
    if (this.#slot === undefined || !takeWaiting(this.#cell, generation)) return undefined;
    const slot = this.#slot;
    this.#slot = undefined;
    this.#running++;
    return slot;
  }

  /** The Model is done with a taken slot (which the Detector released). */
  finished(): void {
    this.#running--;
    this.#dispose();
  }

  retire(): void {
    this.#retired = true;
    this.#dispose();
  }

  /** No thread writes to its slots any more. */
  letGo(): void {
    this.#letGo = true;
    this.#dispose();
  }

  #dispose(): void {
    if (this.#disposed || !this.#retired || !this.#letGo || this.#running > 0) return;
    this.#disposed = true;
    if (this.#slot !== undefined) this.lease.detector.slots.release(this.#slot);
    this.#slot = undefined;
    this.lease.release();
  }
}
