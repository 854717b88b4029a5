import { rtpTicksBetween } from '@framelock/server/protocol';
import { findFrame, offsetOf, type SentFrame } from './SentFrame.ts';

export interface ProvenOffset {
  offset: number;
  /** Of the frame that came out last, µs. */
  lastUs: number;
  /** From written to encoded, of the frames of the proof, ms. */
  delaysMs: number[];
}

interface Hypothesis extends ProvenOffset {
  pilots: number;
}

/** Encoded frames in a row that one offset has to explain. */
const proofFrames = 12;
/** And pilots among them: frames of ours at times at which no captured one is. */
const proofPilots = 3;

/**
 * Which offset explains all encoded frames? At first each frame that may be in the encoder gives one. A hypothesis falls
 * by the first encoded frame that it explains by no frame, by one from before the last one, or by several. At an even
 * rate taking each frame for its neighbour explains them as well, but never a pilot. Where all have fallen (an encoder that
 * makes frames of its own), the next frame begins anew.
 */
export class OffsetProof {
  #hypotheses: Hypothesis[] = [];

  /** An encoded frame, in their order. `sent`: all that may be in the encoder, the oldest first. */
  add(rtpTimestamp: number, nowMs: number, sent: readonly SentFrame[]): ProvenOffset | undefined {
    this.#hypotheses = this.#hypotheses.filter((one) => explain(one, rtpTimestamp, nowMs, sent));
    if (this.#hypotheses.length === 0) {
      this.#hypotheses = sent.map(({ id, timestampUs, writtenAtMs }) => ({
        offset: offsetOf(rtpTimestamp, timestampUs),
        lastUs: timestampUs,
        delaysMs: [nowMs - writtenAtMs],
        pilots: id === undefined ? 1 : 0,
      }));
      return undefined;
    }
    const [one, ...others] = this.#hypotheses;
    const isProven = one && others.length === 0 && one.delaysMs.length >= proofFrames && one.pilots >= proofPilots;
    return isProven ? one : undefined;
  }

  restart(): void {
    this.#hypotheses = [];
  }
}

function explain(one: Hypothesis, rtpTimestamp: number, nowMs: number, sent: readonly SentFrame[]): boolean {
  const frame = findFrame(sent, rtpTimestamp, one.offset, one.lastUs);
  if (typeof frame === 'string') return false;
  // Clocks drift against each other.
  one.offset = (one.offset + rtpTicksBetween(offsetOf(rtpTimestamp, frame.timestampUs), one.offset) / 2) >>> 0;
  one.lastUs = frame.timestampUs;
  one.delaysMs.push(nowMs - frame.writtenAtMs);
  if (frame.id === undefined) one.pilots++;
  return true;
}
