import { randomUUID } from 'node:crypto';
import type { ExposureReport } from '@framelock/server/protocol';
import { ExposureMeter, type NamedMark } from '@framelock/server/protocol/analysis';
import { AppearancePictures } from './AppearancePictures.ts';
import type { AnalysedPicture, Thumbnail } from './cropThumbnail.ts';

/** Appearances of one report: with all their pictures 1.3 MB at most. */
const perReport = 20;
const reportsPerTick = 5;
/** Of one Frame; other marks have their turn with the Frames after it. Half of them is for marks that have no picture yet. */
const cropsPerFrame = 4;
/** JPEGs that wait to be stored; beyond it the oldest go. */
const maxPictureBytes = 16 * 1024 * 1024;

export interface ExposureReporterOptions {
  publicationId: string;
  streamId: string;
  /** Higher with each call, also over all Publications of the node. */
  nextSequence(): number;
  emit(report: ExposureReport): void;
  encode(thumbnail: Thumbnail): Uint8Array | undefined;
  /** `finish` was called: all has to be told now. */
  onFinished(): void;
}

export interface AnalysedMarks {
  /** Those that bear a brand's name, and no others. */
  marks: readonly NamedMark[];
  /** Media time of the picture: u32, or unwrapped. */
  rtpTicks: number;
  /** When it was received, Unix ms. */
  wallMs: number;
  /** Read before `update` returns, so that the tensor's slot may be released then. */
  picture: AnalysedPicture;
}

/** Measures the exposure of one analysed Publication and tells of it until it is stored. */
export class ExposureReporter {
  readonly publicationId: string;
  readonly #options: ExposureReporterOptions;
  readonly #meter: ExposureMeter;
  readonly #pictures = new Map<string, AppearancePictures>();
  #picture: AnalysedPicture | undefined;
  #crops = 0;
  #wallMs = 0;
  #finished = false;
  #picturesDropped = 0;

  constructor(options: ExposureReporterOptions) {
    this.#options = options;
    this.publicationId = options.publicationId;
    this.#meter = new ExposureMeter({
      newId: () => randomUUID(),
      onSeen: (id, mark) => this.#see(id, mark),
      onEnded: (id) => this.#pictures.get(id)?.end(),
      onGone: (id) => this.#pictures.delete(id),
    });
  }

  /** Each analysed Frame, in order, also without marks: it is what "not seen" is told by. */
  update({ marks, rtpTicks, wallMs, picture }: AnalysedMarks): void {
    if (this.#finished) return;
    this.#picture = picture;
    this.#wallMs = wallMs;
    this.#crops = 0;
    this.#meter.update(marks, rtpTicks, wallMs, picture.frameWidth, picture.frameHeight);
    this.#picture = undefined;
  }

  #see(id: string, mark: NamedMark): void {
    let pictures = this.#pictures.get(id);
    if (!pictures) this.#pictures.set(id, (pictures = new AppearancePictures()));
    const limit = pictures.isNew ? cropsPerFrame : cropsPerFrame / 2;
    if (this.#crops >= limit || !pictures.isCropDue(this.#wallMs)) return;
    this.#crops++;
    pictures.crop(this.#picture!, mark, this.#wallMs);
  }

  /** Encodes at most so many pictures, first ones before last ones. Answers how many. */
  encode(budget: number, nowMs: number): number {
    let made = 0;
    for (const wanted of [2, 1] as const) {
      for (const pictures of this.#pictures.values()) {
        if (made >= budget) return made;
        if (pictures.due(nowMs) !== wanted) continue;
        pictures.encode(this.#options.encode, nowMs);
        made++;
      }
    }
    this.limitPictures(maxPictureBytes);
    return made;
  }

  /** Of JPEGs that wait to be stored, roughly. */
  get pictureBytes(): number {
    let bytes = 0;
    for (const pictures of this.#pictures.values()) bytes += pictures.bytes;
    return bytes;
  }

  /** Lets the oldest go until the rest fits. */
  limitPictures(maxBytes: number): void {
    let bytes = this.pictureBytes;
    for (const pictures of this.#pictures.values()) {
      if (bytes <= maxBytes) return;
      if (pictures.bytes === 0) continue;
      bytes -= pictures.bytes;
      pictures.drop();
      this.#picturesDropped++;
    }
  }

  /** Emits what is new. */
  report(nowMs: number): void {
    const { publicationId, streamId } = this.#options;
    for (let i = 0; i < reportsPerTick; i++) {
      const sequence = this.#options.nextSequence();
      const taken = this.#meter.takeReport(sequence, nowMs, perReport);
      if (!taken) return;
      for (const one of taken.appearances) Object.assign(one, this.#pictures.get(one.id)?.take(sequence, nowMs));
      const { coverage, appearances, more } = taken;
      this.#options.emit({ publicationId, streamId, sequence, coverage, appearances });
      if (!more) return;
    }
  }

  stored(sequence: number): void {
    for (const pictures of this.#pictures.values()) pictures.stored(sequence);
    this.#meter.stored(sequence);
  }

  /** The analysis is over. What it saw is told at once, and again until it is stored. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#meter.finish();
    this.#options.onFinished();
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Ended Appearances that are not known to be stored. */
  get unstored(): number {
    return this.#meter.unstored;
  }

  /** All that it saw is known to be stored, as far as it is over. */
  get settled(): boolean {
    return this.unstored === 0 && this.#meter.coverageStored;
  }

  get coverageStored(): boolean {
    return this.#meter.coverageStored;
  }

  /** What the limits cost. */
  get dropped(): { appearances: number; cutShort: number; pictures: number } {
    return { appearances: this.#meter.dropped, cutShort: this.#meter.cutShort, pictures: this.#picturesDropped };
  }

  dump(): object {
    return { open: this.#meter.open, unstored: this.unstored, dropped: this.dropped, ...this.#meter.coverage() };
  }
}
