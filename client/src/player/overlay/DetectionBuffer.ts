import { rtpTicksBetween, videoClockRate, type DetectionMessage } from '@framelock/server/protocol';
import type { TimedBoxes } from './interpolate.ts';

export interface BufferedDetections {
  readonly message: DetectionMessage;
  /** performance.now() of its arrival. */
  readonly arrivedAtMs: number;
  /** Of `message`; made when they are first drawn, and never changed. */
  placed: TimedBoxes | undefined;
}

export interface Neighbours {
  before: BufferedDetections | undefined;
  /** The one before `before`, for velocities. */
  earlier: BufferedDetections | undefined;
  after: BufferedDetections | undefined;
}

export type AddOutcome = 'added' | 'foreign' | 'duplicate' | 'late';

export interface DetectionBufferOptions {
  /** Messages held at most; default 512. */
  capacity?: number;
}

/** Further apart than this, two messages have nothing to do with each other: the video jumped. */
const windowTicks = 20 * videoClockRate;
/**
 * Without a message for this long everything is forgotten: after 13.3 hours timestamps come round again, and old
 * detections would pass for those of a picture that was never analysed.
 */
const forgetAfterMs = 60_000;

/**
 * Detections of the current Publication by RTP timestamp (u32, wraps), in any order of arrival. Holds at most
 * `capacity` messages of at most 20 s; the oldest goes first. Messages of another Publication are counted and ignored, since RTP
 * timestamps mean nothing across Publications.
 */
export class DetectionBuffer {
  readonly #capacity: number;
  #publicationId: string | undefined;
  readonly #byRtp = new Map<number, BufferedDetections>();
  /** By time. All of them lie within `windowTicks`, so signed distances order them across the wrap. */
  readonly #ordered: BufferedDetections[] = [];
  readonly counts = { received: 0, foreign: 0, duplicate: 0, late: 0 };
  #lost = 0;
  #highestSeq: number | undefined;
  #highestModel = 0;

  constructor({ capacity = 512 }: DetectionBufferOptions = {}) {
    this.#capacity = capacity;
  }

  get publicationId(): string | undefined {
    return this.#publicationId;
  }

  get size(): number {
    return this.#ordered.length;
  }

  get newest(): BufferedDetections | undefined {
    return this.#ordered.at(-1);
  }

  /** Analysed frames whose message has not come (yet), from gaps in `seq`. */
  get lost(): number {
    return this.#lost;
  }

  /** Empties it for a Publication; undefined = none: everything is foreign then. */
  reset(publicationId: string | undefined): void {
    this.#publicationId = publicationId;
    this.#highestSeq = undefined;
    this.#highestModel = 0;
    this.#empty();
  }

  /** Called now and then while pictures are shown. */
  forgetIfSilent(nowMs: number): void {
    const newest = this.newest;
    if (newest && nowMs - newest.arrivedAtMs > forgetAfterMs) this.#empty();
  }

  #empty(): void {
    this.#byRtp.clear();
    this.#ordered.length = 0;
  }

  add(message: DetectionMessage, arrivedAtMs: number): AddOutcome {
    if (message.pub !== this.#publicationId) {
      this.counts.foreign++;
      return 'foreign';
    }
    if (this.#byRtp.has(message.rtp)) {
      this.counts.duplicate++;
      return 'duplicate';
    }
    const newest = this.newest;
    if (newest && Math.abs(rtpTicksBetween(message.rtp, newest.message.rtp)) > windowTicks) this.#empty();
    this.#countSeq(message);
    this.counts.received++;
    if (this.#ordered.length >= this.#capacity) {
      const oldest = this.#ordered[0]!;
      if (rtpTicksBetween(message.rtp, oldest.message.rtp) < 0) {
        this.counts.late++;
        return 'late';
      }
      this.#dropOldest();
    }
    this.#insert({ message, arrivedAtMs, placed: undefined });
    return 'added';
  }

  #insert(entry: BufferedDetections): void {
    const { rtp } = entry.message;
    this.#byRtp.set(rtp, entry);
    this.#ordered.splice(this.#indexAfter(rtp), 0, entry);
    const newestRtp = this.newest!.message.rtp;
    while (rtpTicksBetween(newestRtp, this.#ordered[0]!.message.rtp) > windowTicks) this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#ordered.shift();
    if (oldest) this.#byRtp.delete(oldest.message.rtp);
  }

  #countSeq({ seq, model }: DetectionMessage): void {
    const highest = this.#highestSeq;
    const newModel = model > this.#highestModel;
    this.#highestModel = Math.max(this.#highestModel, model);
    // The first, or the analysis began anew: on one node a newer model never has a lower number.
    if (highest === undefined || (newModel && seq < highest) || Math.abs(seq - highest) > 10_000) {
      this.#highestSeq = seq;
    } else if (seq > highest) {
      this.#lost += seq - highest - 1;
      this.#highestSeq = seq;
    } else if (seq < highest && this.#lost > 0) {
      this.#lost--; // overtaken, not lost
    }
  }

  /** Index of the first entry later than `rtp`. */
  #indexAfter(rtp: number): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rtpTicksBetween(this.#ordered[middle]!.message.rtp, rtp) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The detections of exactly this picture. */
  exact(rtp: number): BufferedDetections | undefined {
    return this.#byRtp.get(rtp);
  }

  /** The nearest analysed pictures around this one, which itself need not be analysed. Fills and answers `into`. */
  neighbours(rtp: number, into: Neighbours): Neighbours {
    into.before = into.earlier = into.after = undefined;
    const newest = this.newest;
    if (!newest || Math.abs(rtpTicksBetween(rtp, newest.message.rtp)) > windowTicks) return into;
    const index = this.#indexAfter(rtp);
    into.after = this.#ordered[index];
    into.before = this.#ordered[index - 1];
    into.earlier = this.#ordered[index - 2];
    return into;
  }
}
