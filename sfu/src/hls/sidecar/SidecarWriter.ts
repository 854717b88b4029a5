import { hlsNames, type HlsSidecar } from '@framelock/server/protocol';
import type { MediaTime, Part, Segment } from '../media.ts';
import { encodeSidecar, joinSidecars, toDifferences } from './sidecarBytes.ts';

export interface SidecarWriterOptions {
  publicationId: string;
  /** A sidecar is closed; `name` is its file's. Part's before its Segment's. */
  onSidecar(name: string, bytes: Buffer, sidecar: HlsSidecar): void;
  /** How long a Part waits for its detections after it was cut. */
  closeAfterMs?: number;
}

export interface SidecarCounts {
  /** Messages written into sidecars. */
  written: number;
  /** Came after their sidecar was closed. */
  late: number;
  /** Their media never came, or there were too many. */
  dropped: number;
  /** Sidecars of Parts that were closed before all their pictures' analysis had ended. */
  incomplete: number;
}

interface Message {
  time: MediaTime;
  bytes: Uint8Array;
}

interface OpenPart {
  part: Pick<Part, 'msn' | 'index' | 'start' | 'frames'>;
  end: MediaTime;
  messages: Message[];
  timer: NodeJS.Timeout | undefined;
  /** A message of a later time has come. */
  over: boolean;
}

interface OpenSegment {
  sidecars: HlsSidecar[];
  /** How many Parts it has; undefined while it grows. */
  parts: number | undefined;
}

const defaultCloseAfterMs = 1_000;
/** Those of media that was not cut yet; about a minute of analysis. */
const maxEarly = 2_048;
const maxOpenParts = 64;
/** hlsSidecarSchema. */
const maxPerSidecar = 4_096;

/**
 * Sorts detection messages into the sidecars of the Parts and Segments that hold their pictures. Messages come in order
 * of time, so that one of a later time says that a Part's are all there.
 */
export class SidecarWriter {
  readonly counts: SidecarCounts = { written: 0, late: 0, dropped: 0, incomplete: 0 };
  readonly #options: Required<SidecarWriterOptions>;
  /** In order; the first ones close first. */
  readonly #open: OpenPart[] = [];
  readonly #segments = new Map<number, OpenSegment>();
  #early: Message[] = [];
  /** All before it is closed. */
  #closedUpTo: MediaTime = -Infinity;
  #lastEnd: MediaTime | undefined;
  /** Nothing is being analysed: what is cut is complete as it is. */
  #analysed = true;
  #closed = false;

  constructor(options: SidecarWriterOptions) {
    this.#options = { closeAfterMs: defaultCloseAfterMs, ...options };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** false: no more messages come until it is true again; open sidecars are closed as complete. */
  setAnalysed(analysed: boolean): void {
    this.#analysed = analysed;
    if (!analysed) this.#closeAll(true);
  }

  /** A detection message as viewers get it, of the picture with this media time. */
  add(time: MediaTime, bytes: Uint8Array): void {
    if (this.#closed) return;
    const message = { time, bytes };
    // From the newest back: after a jump of the clock, media times can occur a second time.
    const owner = this.#open.findLast((open) => time >= open.part.start && time < open.end);
    if (owner) this.#take(owner, message);
    else if (time < this.#closedUpTo) this.counts.late++;
    else this.#keepEarly(message);
    for (const open of this.#open) if (time >= open.end) open.over = true;
    this.#closeReady();
  }

  /** A Part was cut. */
  addPart(part: Pick<Part, 'msn' | 'index' | 'start' | 'duration' | 'frames'>): void {
    if (this.#closed) return;
    const end = part.start + part.duration;
    if (this.#lastEnd !== undefined && Math.abs(part.start - this.#lastEnd) > 1) this.#beginTimeline(part.start);
    this.#lastEnd = end;
    const open: OpenPart = { part, end, messages: [], timer: undefined, over: false };
    const early = this.#early;
    this.#early = [];
    for (const message of early) {
      if (message.time >= end) {
        open.over = true;
        this.#early.push(message);
      } else if (message.time >= part.start) this.#take(open, message);
      else this.counts.dropped++;
    }
    this.#open.push(open);
    if (this.#open.length > maxOpenParts) this.#closePart(this.#open.shift()!, false);
    open.timer = setTimeout(() => this.#closeUpTo(open), this.#options.closeAfterMs);
    if (!this.#analysed) open.over = true;
    this.#closeReady();
  }

  /** The Segment is whole: its Parts were all added. */
  endSegment(segment: Pick<Segment, 'msn'> & { parts: { readonly length: number } }): void {
    if (this.#closed) return;
    const open = this.#segment(segment.msn);
    open.parts = segment.parts.length;
    this.#closeSegment(segment.msn, open);
  }

  /** No message comes any more: closes what is open, complete. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closeAll(true);
    this.#closed = true;
    this.counts.dropped += this.#early.length;
    this.#early = [];
    this.#segments.clear();
  }

  #take(open: OpenPart, message: Message): void {
    if (open.messages.length >= maxPerSidecar) this.counts.dropped++;
    else open.messages.push(message);
  }

  #keepEarly(message: Message): void {
    this.#early.push(message);
    if (this.#early.length <= maxEarly) return;
    this.#early.shift();
    this.counts.dropped++;
  }

  /** Media time jumped: what is open gets no more messages, and what was too late may be the future now. */
  #beginTimeline(start: MediaTime): void {
    this.#closeAll(false);
    this.#closedUpTo = start;
  }

  #closeAll(complete: boolean): void {
    for (const open of this.#open.splice(0)) this.#closePart(open, complete || open.over);
  }

  #closeReady(): void {
    while (this.#open[0]?.over) this.#closePart(this.#open.shift()!, true);
  }

  /** Its time is up, and so is that of those before it. */
  #closeUpTo(last: OpenPart): void {
    const count = this.#open.indexOf(last) + 1;
    for (const open of this.#open.splice(0, count)) this.#closePart(open, open.over);
    this.#closeReady();
  }

  #closePart(open: OpenPart, complete: boolean): void {
    clearTimeout(open.timer);
    const { part, end } = open;
    this.#closedUpTo = Math.max(this.#closedUpTo, end);
    const messages = open.messages.sort((a, b) => a.time - b.time);
    const sidecar: HlsSidecar = {
      v: 1,
      pub: this.#options.publicationId,
      start: part.start,
      end,
      frames: toDifferences(part.frames.slice(0, maxPerSidecar), part.start),
      m: messages.map(({ time }) => time),
      d: messages.map(({ bytes }) => bytes as Uint8Array<ArrayBuffer>),
      complete,
    };
    this.counts.written += messages.length;
    if (!complete) this.counts.incomplete++;
    const name = hlsNames.sidecarOf(hlsNames.part(part.msn, part.index));
    this.#options.onSidecar(name, encodeSidecar(sidecar), sidecar);
    const segment = this.#segment(part.msn);
    segment.sidecars.push(sidecar);
    this.#closeSegment(part.msn, segment);
  }

  #segment(msn: number): OpenSegment {
    let segment = this.#segments.get(msn);
    if (!segment) this.#segments.set(msn, (segment = { sidecars: [], parts: undefined }));
    return segment;
  }

  #closeSegment(msn: number, segment: OpenSegment): void {
    if (segment.parts === undefined || segment.sidecars.length < segment.parts) return;
    this.#segments.delete(msn);
    if (segment.sidecars.length === 0) return;
    const joined = joinSidecars(segment.sidecars);
    if (joined.frames.length > maxPerSidecar || joined.d.length > maxPerSidecar) return;
    this.#options.onSidecar(hlsNames.sidecarOf(hlsNames.segment(msn)), encodeSidecar(joined), joined);
  }
}
