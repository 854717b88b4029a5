import { rtpTicksBetween, ticksToMs } from '@framelock/server/protocol';

/** Four seconds of 60 Frames each: what is told of a Frame is told not much later than 1.5 s of media after it. */
const kept = 256;

/** When the last analysed Frames arrived. */
export class FrameClock {
  readonly #rtp = new Uint32Array(kept);
  readonly #wallMs = new Float64Array(kept);
  #count = 0;

  /** u32 or unwrapped; Unix ms. */
  add(rtpTicks: number, wallMs: number): void {
    const at = this.#count++ % kept;
    this.#rtp[at] = rtpTicks >>> 0;
    this.#wallMs[at] = wallMs;
  }

  /** Unix ms of the Frame of this RTP timestamp; reckoned from the last one where it is not kept any more. */
  wallMsOf(rtpTimestamp: number): number {
    for (let back = 1; back <= Math.min(kept, this.#count); back++) {
      const at = (this.#count - back) % kept;
      if (this.#rtp[at] === rtpTimestamp) return this.#wallMs[at]!;
    }
    const last = (this.#count - 1) % kept;
    return this.#wallMs[last]! + ticksToMs(rtpTicksBetween(rtpTimestamp, this.#rtp[last]!));
  }
}
