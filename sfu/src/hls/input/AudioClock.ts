import { RtpTimeUnwrapper, hlsTimescale, ticksToMs } from '@framelock/server/protocol';
import { opusClockRate } from '@framelock/server/protocol/tap';
import type { MediaTime } from '../media.ts';

export const ticksPerSample = hlsTimescale / opusClockRate;
/** Reports of one sfu; further apart from arrival they are of different clocks. */
const plausibleTicks = 2 * hlsTimescale;
/** A first report, and a step, is believed at once; a change within it is taken in slowly. */
const noiseTicks = hlsTimescale / 25;
const noiseShare = 1 / 4;
const jumpSamples = 10 * opusClockRate;

interface Instant {
  time: MediaTime;
  unixMs: number;
}

/**
 * Media time of sound: by sender reports of both taps, which say what was at the same time, and until then by what came
 * at the same time.
 */
export class AudioClock {
  #unwrapper = new RtpTimeUnwrapper();
  #last: number | undefined;
  /** Media time of sample 0. */
  #origin: number | undefined;
  #byReports = false;
  #videoReport: Instant | undefined;
  #videoFrame: Instant | undefined;
  #audioReport: { samples: number; unixMs: number } | undefined;

  videoReport(time: MediaTime, ntpUnixMs: number): void {
    this.#videoReport = { time, unixMs: ntpUnixMs };
    this.#correct();
  }

  videoFrame(time: MediaTime, receivedAtMs: number): void {
    // The burst with which a tap begins came all at once: its last is the nearest to now.
    this.#videoFrame = { time, unixMs: receivedAtMs };
  }

  audioReport(rtpTimestamp: number, ntpUnixMs: number): void {
    if (this.#last === undefined) return;
    this.#audioReport = { samples: this.#unwrapper.unwrap(rtpTimestamp), unixMs: ntpUnixMs };
    this.#correct();
  }

  /** Media time of a packet's first sample; undefined while there is no picture to place it by. */
  at(rtpTimestamp: number, receivedAtMs: number): MediaTime | undefined {
    const samples = this.#unwrapper.unwrap(rtpTimestamp);
    const jumped = this.#last !== undefined && Math.abs(samples - this.#last) > jumpSamples;
    this.#last = samples;
    if (jumped) {
      this.#origin = this.#audioReport = undefined;
      this.#byReports = false;
    }
    this.#origin ??= this.#byArrival(samples, receivedAtMs);
    return this.#origin === undefined ? undefined : this.#origin + samples * ticksPerSample;
  }

  #byArrival(samples: number, receivedAtMs: number): number | undefined {
    const frame = this.#videoFrame;
    if (!frame) return undefined;
    return frame.time + ((receivedAtMs - frame.unixMs) * hlsTimescale) / 1000 - samples * ticksPerSample;
  }

  #correct(): void {
    const { time, unixMs } = this.#videoReport ?? {};
    if (time === undefined || unixMs === undefined || !this.#audioReport || this.#origin === undefined) return;
    const apartMs = this.#audioReport.unixMs - unixMs;
    const origin = time + (apartMs * hlsTimescale) / 1000 - this.#audioReport.samples * ticksPerSample;
    const change = origin - this.#origin;
    if (Math.abs(change) > plausibleTicks) return;
    this.#origin += this.#byReports && Math.abs(change) < noiseTicks ? change * noiseShare : change;
    this.#byReports = true;
  }

  /** Sound of another origin comes. */
  resetAudio(): void {
    this.#unwrapper = new RtpTimeUnwrapper();
    this.#last = this.#origin = this.#audioReport = undefined;
    this.#byReports = false;
  }

  /** Media time jumped: reports before say nothing any more. */
  reset(): void {
    this.resetAudio();
    this.#videoReport = this.#videoFrame = undefined;
  }

  dump(): object {
    return { byReports: this.#byReports, originMs: this.#origin === undefined ? null : ticksToMs(this.#origin) };
  }
}
