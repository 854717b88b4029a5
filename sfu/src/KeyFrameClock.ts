import { rtpTicksBetween, videoClockRate } from '@framelock/server/protocol';

/** Later than this behind the newest key frame, a timestamp is not a straggler: the publisher began to count anew. */
const stragglerTicks = 10 * videoClockRate;

/** When key frames arrived. A key frame is many packets, some of them late or twice: one counts per RTP timestamp. */
export class KeyFrameClock {
  #lastTimestamp: number | undefined;
  #lastAtMs = 0;
  #betweenMs: number | undefined;

  /** A packet of the key frame with this RTP timestamp (u32) arrived at `nowMs`. */
  seen(timestamp: number, nowMs: number): void {
    if (this.#lastTimestamp !== undefined) {
      // 0 for the same key frame.
      const ticks = rtpTicksBetween(timestamp, this.#lastTimestamp);
      if (ticks <= 0 && ticks > -stragglerTicks) return;
      this.#betweenMs = nowMs - this.#lastAtMs;
    }
    this.#lastTimestamp = timestamp;
    this.#lastAtMs = nowMs;
  }

  /** Time between the last two, or since the last one when that is longer; null = none was seen. */
  intervalMs(nowMs: number): number | null {
    if (this.#lastTimestamp === undefined) return null;
    return Math.max(nowMs - this.#lastAtMs, this.#betweenMs ?? 0);
  }
}
