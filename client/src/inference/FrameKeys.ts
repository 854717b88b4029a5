import { rtpTicksBetween } from '@framelock/server/protocol';

export type Timing = 'checking' | 'known' | 'unknown';

/** A frame that was given to the encoder. */
export interface WrittenFrame {
  id: number;
  /** VideoFrame.timestamp, µs. */
  timestampUs: number;
}

interface PendingFrame extends WrittenFrame {
  writtenAtMs: number;
  /** An encoded frame that fits nothing came since: it may have been this one, so that nothing later proves to be it. */
  isSpoiled?: boolean;
}

/** RTP ticks; libwebrtc rounds capture times to whole ms and smooths some clocks over some frames, up to 4 ms. */
const toleranceTicks = 450;
/** Frames in a row that have to prove the offset. */
const proofFrames = 16;
/** Their spacing has to differ, or frames taken for their neighbours would prove it as well: this many kinds of gaps. */
const proofGaps = 3;
/** The encoder has probably dropped what it did not give back by then, ms: another frame may be written. */
const overdueMs = 100;
/** And certainly or not, by then nothing is certain any more, ms. */
const lostAfterMs = 500;
const maxOnTheirWay = 3;
/** After a doubt nothing is written for so long without an encoded frame, ms: whatever was on its way has come out. */
const quietMs = 300;
/** The offset is the median of so many last frames: clocks drift. */
const offsetFrames = 9;
/** Encoded frames in a row that fit no written one: the offset is another now. */
const maxStrangers = 4;
/** Frames left out before each frame of the proof, in turn: a sequence that is unlike itself when it is moved. */
const skips = [0, 1, 0, 2, 1, 1, 0, 2, 0, 0, 1, 2, 2, 0, 1, 0];
/** Without a proof for so long it says that it can't know, and goes on trying. */
const unknownAfterMs = 10_000;

/**
 * Finds out under which RTP timestamp each frame is sent, where an encoded transform tells only the timestamps and not
 * of which frame. Both count the same capture clock, so that they differ by an offset, which is random, and drifts.
 *
 * Proof: at first one frame at a time is given to the encoder, so that what comes out is that frame, at gaps which are
 * irregular, so that taking every frame for its neighbour could not give one constant offset. When the offset was the
 * same over enough frames, it is known. From then on, too, a frame is written when the one before has come out (or is
 * overdue), and an encoded frame is the written one only if that fits within the tolerance and no other comes near: each
 * frame is the proof again. What does not fit has no key; several such in a row, or a stall, and the proof begins anew.
 * What could deceive it: a clock that jumps just while the encoder holds two frames, 100 ms apart or more, by their very
 * distance.
 */
export class FrameKeys {
  readonly counts = { matched: 0, droppedByEncoder: 0, strangers: 0, ambiguous: 0, proofs: 0, doubts: 0 };
  #pending: PendingFrame[] = [];
  /** Offset of the last frames: RTP timestamp less the frame's own, ticks, u32. */
  #offsets: number[] = [];
  #proof: { offset: number; gapMs: number }[] = [];
  #known = false;
  #lastWrittenUs: number | undefined;
  #lastProvenUs: number | undefined;
  #lastRtp: number | undefined;
  #strangersInARow = 0;
  #quietUntilMs = 0;
  #skip = 0;
  #turn = 0;
  #checkingSinceMs: number | undefined;
  #nowMs = 0;
  /** The last encoded frame came without its RTP timestamp. */
  #isUnstamped = false;

  get timing(): Timing {
    if (this.#known) return 'known';
    const since = this.#checkingSinceMs;
    return since !== undefined && this.#nowMs - since > unknownAfterMs ? 'unknown' : 'checking';
  }

  get reason(): string | undefined {
    if (this.timing !== 'unknown') return undefined;
    return this.#isUnstamped
      ? 'this browser does not tell under which timestamp a frame is sent'
      : 'the timing could not be proven yet';
  }

  /** Whether a captured frame may go to the encoder now; others are left out. Call once for each captured frame. */
  mayWrite(timestampUs: number, nowMs: number): boolean {
    this.#nowMs = nowMs;
    this.#checkingSinceMs ??= nowMs;
    if (this.#lastWrittenUs !== undefined && timestampUs <= this.#lastWrittenUs) {
      // The capture has begun anew, or its clock was set.
      if (timestampUs < this.#lastWrittenUs - 1_000_000) this.#doubt(nowMs);
      else return false;
    }
    this.#forgetLost(nowMs);
    if (this.#known) return this.#mayFollow(nowMs);
    if (this.#pending.length > 0 || nowMs < this.#quietUntilMs) return false;
    if (this.#skip > 0) {
      this.#skip--;
      return false;
    }
    return true;
  }

  #mayFollow(nowMs: number): boolean {
    const newest = this.#pending.at(-1);
    if (!newest) return true;
    return nowMs - newest.writtenAtMs > overdueMs && this.#pending.length < maxOnTheirWay;
  }

  /** It might come out yet, and be taken for another. */
  #forgetLost(nowMs: number): void {
    const lost = this.#pending.filter(({ writtenAtMs }) => nowMs - writtenAtMs > lostAfterMs).length;
    if (lost === 0) return;
    this.counts.droppedByEncoder += lost;
    this.#doubt(nowMs);
  }

  written(frame: WrittenFrame, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lastWrittenUs = frame.timestampUs;
    this.#pending.push({ ...frame, writtenAtMs: nowMs });
  }

  /** An encoded frame, in their order. Answers the id of the frame that it is, where that is certain. */
  encoded(rtpTimestamp: number | undefined, nowMs: number): number | undefined {
    this.#nowMs = nowMs;
    this.#isUnstamped = rtpTimestamp === undefined;
    if (rtpTimestamp === undefined) return undefined;
    // Layers of one picture.
    if (rtpTimestamp === this.#lastRtp) return undefined;
    this.#lastRtp = rtpTimestamp;
    return this.#known ? this.#match(rtpTimestamp, nowMs) : this.#prove(rtpTimestamp, nowMs);
  }

  #prove(rtpTimestamp: number, nowMs: number): undefined {
    const [frame] = this.#pending;
    if (!frame || nowMs < this.#quietUntilMs) {
      // Late, or a repeated picture.
      this.counts.strangers++;
      this.#doubt(nowMs);
      return;
    }
    this.#pending = [];
    const offset = offsetOf(rtpTimestamp, frame.timestampUs);
    const gapMs = this.#lastProvenUs === undefined ? 0 : (frame.timestampUs - this.#lastProvenUs) / 1000;
    this.#lastProvenUs = frame.timestampUs;
    this.#proof = this.#proof.filter((one) => Math.abs(rtpTicksBetween(offset, one.offset)) <= toleranceTicks);
    this.#proof.push({ offset, gapMs });
    this.#skip = skips[this.#turn++ % skips.length]!;
    if (this.#proof.length < proofFrames || kindsOf(this.#proof.map((one) => one.gapMs)) < proofGaps) return;
    this.#known = true;
    this.#offsets = this.#proof.slice(-offsetFrames).map((one) => one.offset);
    this.#strangersInARow = 0;
    this.counts.proofs++;
  }

  #match(rtpTimestamp: number, nowMs: number): number | undefined {
    const offset = medianOffset(this.#offsets);
    const errorOf = ({ timestampUs }: PendingFrame) => rtpTicksBetween(offsetOf(rtpTimestamp, timestampUs), offset);
    const hits = this.#pending.filter((frame) => Math.abs(errorOf(frame)) <= toleranceTicks);
    const near = this.#pending.filter((frame) => Math.abs(errorOf(frame)) <= 2 * toleranceTicks);
    const [hit] = hits;
    if (!hit || near.length > 1 || hit.isSpoiled) {
      if (hit) this.counts.ambiguous++;
      else this.counts.strangers++;
      if (hit) this.#pending.splice(0, this.#pending.indexOf(hit) + 1);
      for (const frame of this.#pending) frame.isSpoiled = true;
      if (++this.#strangersInARow >= maxStrangers) this.#doubt(nowMs);
      return undefined;
    }
    this.#strangersInARow = 0;
    this.#offsets.push(offsetOf(rtpTimestamp, hit.timestampUs));
    if (this.#offsets.length > offsetFrames) this.#offsets.shift();
    const at = this.#pending.indexOf(hit);
    this.counts.droppedByEncoder += at;
    this.#pending.splice(0, at + 1);
    this.counts.matched++;
    return hit.id;
  }

  /** The proof begins anew, when nothing is on its way any more. */
  #doubt(nowMs: number): void {
    if (this.#known) {
      this.counts.doubts++;
      this.#checkingSinceMs = nowMs;
    }
    this.#known = false;
    this.#pending = [];
    this.#proof = [];
    this.#strangersInARow = 0;
    this.#lastWrittenUs = undefined;
    this.#lastProvenUs = undefined;
    this.#quietUntilMs = nowMs + quietMs;
  }
}

/** u32; both wrap. */
function offsetOf(rtpTimestamp: number, timestampUs: number): number {
  return (rtpTimestamp - Math.round(timestampUs * 0.09)) >>> 0;
}

function medianOffset(offsets: readonly number[]): number {
  const first = offsets[0]!;
  const sorted = offsets.map((one) => rtpTicksBetween(one, first)).sort((a, b) => a - b);
  return (first + sorted[sorted.length >> 1]!) >>> 0;
}

/** How many of these are more than two tolerances from each other. */
function kindsOf(gapsMs: readonly number[]): number {
  const kinds: number[] = [];
  for (const gap of gapsMs.filter((one) => one > 0).sort((a, b) => a - b)) {
    if (kinds.length === 0 || gap - kinds.at(-1)! > (2 * toleranceTicks) / 90) kinds.push(gap);
  }
  return kinds.length;
}
