import type { PlayerMode } from './PlayerStats.ts';

export interface LockInput {
  nowMs: number;
  mode: PlayerMode;
  analysisRunning: boolean;
  /** Mean time between analysed frames, ms. */
  analysisIntervalMs: number;
  /** What the delay is likely to be before it was measured, ms. */
  expectedDelayMs: number;
}

export const highestTargetMs = 2_000;
/**
 * Detections must be there when the frame is drawn, not a moment after: one display refresh, and a hiccup of a shared
 * machine (tried: with 15 ms, 0.3 to 0.6 % of analysed frames were drawn before their detections at 30 fps on two cores).
 */
const marginMs = 30;
const stepMs = 10;
const fewestSamples = 15;
/** Delays older than this say nothing of the network and the node as they are now. */
const windowMs = 10_000;
const keptDelays = 400;
/** Before anything was measured no more than this is believed of what the node says about itself. */
const longestExpectationMs = 400;
/** Lowered only when less was needed for this long, so that the picture does not speed up and slow down all the time. */
const lowerAfterMs = 5_000;
const lowerByAtLeastMs = 30;

/**
 * How long Lock lets the video wait for its detections, as RTCRtpReceiver.jitterBufferTarget. The detection delay of a
 * frame is the arrival of its message less the arrival of its own last packet, both at this viewer. The target is the
 * delay's 99th percentile, plus one analysis interval so that the frames between two analysed ones can be interpolated.
 * Rises at once, falls slowly. 0 in Live and while nothing is analysed.
 */
export class LockController {
  readonly #delays: { atMs: number; delayMs: number }[] = [];
  #targetMs = 0;
  #wantedLowerSinceMs: number | undefined;
  #highestWhileLowerMs = 0;

  get targetMs(): number {
    return this.#targetMs;
  }

  /** 99th percentile of the measured detection delay, ms; null before the first. */
  get detectionDelayMs(): number | null {
    const sorted = this.#delays.map(({ delayMs }) => delayMs).sort((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null;
  }

  addDelay(delayMs: number, nowMs: number): void {
    if (!(delayMs > -1_000 && delayMs < 60_000)) return;
    this.#delays.push({ atMs: nowMs, delayMs: Math.max(0, delayMs) });
    this.#forget(nowMs);
  }

  #forget(nowMs: number): void {
    const delays = this.#delays;
    while (delays[0] && (nowMs - delays[0].atMs > windowMs || delays.length > keptDelays)) delays.shift();
  }

  /** A new Publication or another node: what was measured no longer holds. */
  reset(): void {
    this.#delays.length = 0;
    this.#wantedLowerSinceMs = undefined;
  }

  /** Called twice a second; answers the target, ms. */
  update(input: LockInput): number {
    this.#forget(input.nowMs);
    if (input.mode === 'live' || !input.analysisRunning) {
      this.#wantedLowerSinceMs = undefined;
      return (this.#targetMs = 0);
    }
    const needMs = this.#need(input);
    if (needMs >= this.#targetMs) {
      this.#wantedLowerSinceMs = undefined;
      return (this.#targetMs = needMs);
    }
    if (this.#targetMs - needMs < lowerByAtLeastMs) {
      this.#wantedLowerSinceMs = undefined;
      return this.#targetMs;
    }
    this.#considerLowering(needMs, input.nowMs);
    return this.#targetMs;
  }

  #considerLowering(needMs: number, nowMs: number): void {
    if (this.#wantedLowerSinceMs === undefined) {
      this.#wantedLowerSinceMs = nowMs;
      this.#highestWhileLowerMs = needMs;
      return;
    }
    this.#highestWhileLowerMs = Math.max(this.#highestWhileLowerMs, needMs);
    if (nowMs - this.#wantedLowerSinceMs < lowerAfterMs) return;
    this.#targetMs = this.#highestWhileLowerMs;
    this.#wantedLowerSinceMs = undefined;
  }

  #need({ analysisIntervalMs, expectedDelayMs }: LockInput): number {
    const measured = this.#delays.length >= fewestSamples ? this.detectionDelayMs : null;
    const needMs = (measured ?? Math.min(expectedDelayMs, longestExpectationMs)) + analysisIntervalMs + marginMs;
    return Math.min(highestTargetMs, Math.max(0, Math.ceil(needMs / stepMs) * stepMs));
  }
}
