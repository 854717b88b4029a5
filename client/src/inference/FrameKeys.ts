import { rtpTicksBetween } from '@framelock/server/protocol';
import { DelayRange } from './DelayRange.ts';
import { PilotPlan } from './PilotPlan.ts';
import { OffsetProof } from './OffsetProof.ts';
import { findFrame, offsetOf, type SentFrame } from './SentFrame.ts';

export type Timing = 'checking' | 'known' | 'unknown';

export interface FrameKey {
  /** Of the captured frame. */
  id: number;
  rtpTimestamp: number;
}

const none: readonly FrameKey[] = [];
/** libwebrtc keeps a frame for its encoder at most a second; what took longer is not found any more, ms. */
const holdMs = 1_500;
/** Encoded frames in a row that fit no written one: the offset is another now. */
const maxStrangers = 4;
/** So long no frame was certain: the proof begins anew, ms. */
const maxUnsureMs = 1_000;
/** Without a proof for so long it says that it can't know, and goes on trying. */
const unknownAfterMs = 10_000;
/** A pilot that did not come out by then never will, ms. */
const pilotMs = 500;
/** Captured frames between two pilots then, and where a pilot ends a doubt. */
const rarePause = 30;
const soonPause = 2;

/**
 * Finds out under which RTP timestamp each frame is sent, where an encoded transform tells only the timestamps and not
 * of which frame. Both count the same capture clock, so that they differ by an offset, which is random, and drifts. No
 * frame is ever left out or held up for that: what is not certain has no key.
 *
 * The offset is proven by pilots: now and then a picture is sent once more between two captured frames (see OffsetProof).
 * From then on an encoded frame is the one that the offset says, if only that can be meant: where others are in the
 * encoder as well, they must have been there for unusually long or short. So neither a clock that jumped by the distance
 * of two frames nor a frame that the encoder dropped makes one frame pass for the other. What is doubtful waits for the
 * next pilot: where that comes out in its place the offset is the same still, and all frames before it are out. After four
 * frames that fit nothing, or a second of doubts, the doubtful ones have no key and the proof begins anew.
 */
export class FrameKeys {
  readonly counts = {
    ...{ matched: 0, pilots: 0, droppedByEncoder: 0, strangers: 0, ambiguous: 0, unproven: 0 },
    ...{ proofs: 0, doubts: 0 },
  };
  readonly #proof = new OffsetProof();
  readonly #pilots = new PilotPlan();
  /** What may be in the encoder, the oldest first. */
  #sent: SentFrame[] = [];
  /** RTP timestamp less the frame's own, ticks, u32; undefined = not known. */
  #offset: number | undefined;
  #delays = new DelayRange();
  /** The last one. */
  #pilot: SentFrame | undefined;
  /** Of the last frame that came out, also where that was doubtful, µs. */
  #outUs = -Infinity;
  /** What came out since the last certain one is, by the offset; found when that is seen to be the same still. */
  #held: FrameKey[] = [];
  #found: readonly FrameKey[] = none;
  /** Encoded frames since the last certain one. */
  #unsure = 0;
  #unsureSinceMs = 0;
  #strangersInARow = 0;
  #lastWrittenUs: number | undefined;
  #lastRtp: number | undefined;
  #checkingSinceMs: number | undefined;
  #nowMs = 0;
  /** The last encoded frame came without its RTP timestamp. */
  #isUnstamped = false;

  get timing(): Timing {
    if (this.#offset !== undefined) return 'known';
    const since = this.#checkingSinceMs;
    return since !== undefined && this.#nowMs - since > unknownAfterMs ? 'unknown' : 'checking';
  }

  get reason(): string | undefined {
    if (this.timing !== 'unknown') return undefined;
    return this.#isUnstamped
      ? 'this browser does not tell under which timestamp a frame is sent'
      : 'the timing could not be proven yet';
  }

  /** A captured frame goes to the encoder: each does. */
  written(id: number, timestampUs: number, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#checkingSinceMs ??= nowMs;
    // The capture has begun anew, or its clock was set.
    if (this.#lastWrittenUs !== undefined && timestampUs <= this.#lastWrittenUs) this.restart();
    this.#lastWrittenUs = timestampUs;
    this.#pilots.captured(timestampUs);
    this.#add({ id, timestampUs, writtenAtMs: nowMs });
  }

  /**
   * When the picture just written should be sent once more, on the clock of the captured frames, µs: then, and only if
   * no other frame was written before. Call once after each captured frame; then `pilotWritten`.
   */
  pilotAfter(): number | undefined {
    if (this.#offset !== undefined)
      return this.#unsure > 0 && !this.#awaitsPilot() ? this.#pilots.next(soonPause) : undefined;
    return this.#pilots.next(this.timing === 'unknown' ? rarePause : undefined);
  }

  /** Two on their way could be taken for each other. */
  #awaitsPilot(): boolean {
    const pilot = this.#pilot;
    return pilot !== undefined && pilot.timestampUs > this.#outUs && this.#nowMs - pilot.writtenAtMs < pilotMs;
  }

  /** A pilot goes to the encoder. */
  pilotWritten(timestampUs: number, nowMs: number): void {
    this.counts.pilots++;
    this.#lastWrittenUs = timestampUs;
    this.#pilot = { id: undefined, timestampUs, writtenAtMs: nowMs };
    this.#add(this.#pilot);
  }

  #add(frame: SentFrame): void {
    this.#sent.push(frame);
    while (frame.writtenAtMs - this.#sent[0]!.writtenAtMs > holdMs) {
      const lost = this.#sent.shift()!;
      if (this.#offset !== undefined && lost.id !== undefined && lost.timestampUs > this.#outUs)
        this.counts.droppedByEncoder++;
    }
  }

  /** An encoded frame, in their order. Answers the keys that are certain now: its own, and those of doubtful ones before. */
  encoded(rtpTimestamp: number | undefined, nowMs: number): readonly FrameKey[] {
    this.#nowMs = nowMs;
    this.#found = none;
    this.#isUnstamped = rtpTimestamp === undefined;
    // Layers of one picture have its timestamp.
    if (rtpTimestamp === undefined || rtpTimestamp === this.#lastRtp) return none;
    this.#lastRtp = rtpTimestamp;
    if (this.#offset === undefined) this.#prove(rtpTimestamp, nowMs);
    else this.#match(rtpTimestamp, nowMs);
    return this.#found;
  }

  #prove(rtpTimestamp: number, nowMs: number): void {
    this.counts.unproven++;
    const proven = this.#proof.add(rtpTimestamp, nowMs, this.#sent);
    if (!proven) return;
    this.counts.proofs++;
    this.#proof.restart();
    this.#offset = proven.offset;
    this.#delays = new DelayRange(proven.delaysMs);
    this.#forgetUpTo(proven.lastUs);
  }

  #match(rtpTimestamp: number, nowMs: number): void {
    const offset = this.#offset!;
    const frame = findFrame(this.#sent, rtpTimestamp, offset, this.#outUs);
    if (frame === 'none') {
      this.counts.strangers++;
      this.#strangersInARow++;
    }
    if (frame === 'several') this.counts.ambiguous++;
    if (typeof frame === 'string') return this.#doubtful(nowMs);
    this.#outUs = frame.timestampUs;
    this.#strangersInARow = 0;
    if (frame.id !== undefined) this.#held.push({ id: frame.id, rtpTimestamp });
    if (!this.#isMeant(frame, nowMs)) return this.#doubtful(nowMs);
    const delayMs = nowMs - frame.writtenAtMs;
    this.#delays.add(delayMs);
    const errorTicks = rtpTicksBetween(offsetOf(rtpTimestamp, frame.timestampUs), offset);
    this.#offset = (offset + Math.round(errorTicks / 4)) >>> 0;
    // Of those before, the ones that came out without being known are not lost.
    this.counts.droppedByEncoder += Math.max(0, this.#forgetUpTo(frame.timestampUs) - this.#unsure);
    this.#unsure = 0;
    this.counts.matched += this.#held.length;
    this.#found = this.#held;
    this.#held = [];
  }

  /** Whether only that one can have come out now, whatever the clocks did. */
  #isMeant(frame: SentFrame, nowMs: number): boolean {
    const delayMs = nowMs - frame.writtenAtMs;
    if (frame.id === undefined) return frame === this.#pilot && this.#delays.isUsual(delayMs);
    if (this.#sent.length === 1) return !this.#delays.isTooShort(delayMs);
    if (!this.#delays.isUsual(delayMs)) return false;
    return this.#sent.every((other) => other === frame || !this.#delays.isUsual(nowMs - other.writtenAtMs));
  }

  /** All up to that frame are out, or were dropped. Answers how many captured ones came before it. */
  #forgetUpTo(timestampUs: number): number {
    let before = 0;
    let count = 0;
    for (; count < this.#sent.length && this.#sent[count]!.timestampUs <= timestampUs; count++) {
      const { id, timestampUs: at } = this.#sent[count]!;
      if (id !== undefined && at < timestampUs) before++;
    }
    this.#sent.splice(0, count);
    this.#outUs = timestampUs;
    return before;
  }

  #doubtful(nowMs: number): void {
    if (this.#unsure++ === 0) this.#unsureSinceMs = nowMs;
    if (this.#strangersInARow >= maxStrangers || nowMs - this.#unsureSinceMs > maxUnsureMs) this.#doubt();
  }

  /** Frames of another capture follow, whose clock is another. */
  restart(): void {
    this.#doubt();
    this.#sent = [];
    this.#lastWrittenUs = undefined;
    this.#pilots.restart();
  }

  /** The proof begins anew. */
  #doubt(): void {
    if (this.#offset !== undefined) {
      this.counts.doubts++;
      this.#checkingSinceMs = this.#nowMs;
    }
    this.#offset = undefined;
    this.#outUs = -Infinity;
    this.#strangersInARow = 0;
    this.#unsure = 0;
    this.counts.ambiguous += this.#held.length;
    this.#held = [];
    this.#proof.restart();
  }
}
