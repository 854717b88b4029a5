import { ticksToMs } from '@framelock/server/protocol';
import type { MediaTime } from '../media.ts';

const plausibleMs = 10_000;
const tellAgainMs = 50;
/** Share of a frame's own arrival in what is told: its jitter is no news. */
const arrivalShare = 1 / 64;

/** Wall clock of pictures: by sender reports while they say something within 10 s of arrival, else by arrival. */
export class CaptureClock {
  readonly #onClock: (time: MediaTime, unixMs: number) => void;
  /** Unix ms of media time 0, each. */
  #byReport: number | undefined;
  #byArrival: number | undefined;
  #told: number | undefined;

  constructor(onClock: (time: MediaTime, unixMs: number) => void) {
    this.#onClock = onClock;
  }

  report(time: MediaTime, ntpUnixMs: number): void {
    this.#byReport = ntpUnixMs - ticksToMs(time);
  }

  frame(time: MediaTime, receivedAtMs: number): void {
    const arrived = receivedAtMs - ticksToMs(time);
    this.#byArrival =
      this.#byArrival === undefined ? arrived : this.#byArrival + (arrived - this.#byArrival) * arrivalShare;
    const reported = this.#byReport;
    const origin = reported !== undefined && Math.abs(reported - arrived) < plausibleMs ? reported : this.#byArrival;
    if (this.#told !== undefined && Math.abs(origin - this.#told) <= tellAgainMs) return;
    this.#told = origin;
    this.#onClock(time, origin + ticksToMs(time));
  }

  /** Media time jumped. */
  reset(): void {
    this.#byReport = this.#byArrival = this.#told = undefined;
  }
}
