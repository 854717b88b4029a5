export interface PacketTime {
  /** Name of its elementary stream. */
  stream: string;
  /** Seconds. */
  ptsS: number;
  /** Of which the reader knows nothing: 0. Then only what goes back or leaps is found here. */
  durationS: number;
}

const leapS = 1;
const timescale = 90_000;
/** Rounding of the reader's time base, s. */
const roundingS = 0.002;

interface StreamTimes {
  first: number;
  end: number;
  packets: number;
  longestS: number;
  longestStepS: number;
  lastS: number;
  ticks: number[];
}

/**
 * What a reader hands out, packet after packet, in the order of each stream's time: does each begin where the one before
 * it ended, and does media come as fast as it is played? A picture that lasts long is no gap, but its length is told.
 */
export class PacketTimes {
  readonly gaps: string[] = [];
  readonly jumps: string[] = [];
  readonly #streams = new Map<string, StreamTimes>();
  readonly #startUpMs: number;
  #beganMs: number | undefined;
  #leastAheadS = Number.POSITIVE_INFINITY;
  #latestUnixMs = 0;

  /** A player fed by this reader begins to play so long after the first packet. */
  constructor(startUpMs = 500) {
    this.#startUpMs = startUpMs;
  }

  /** `nowMs`: when it arrived. */
  add({ stream, ptsS, durationS }: PacketTime, nowMs: number): void {
    this.#arrived(nowMs);
    const ticks = Math.round(ptsS * timescale);
    const times = this.#streams.get(stream);
    if (!times) {
      const end = ptsS + durationS;
      const begin = { first: ptsS, lastS: ptsS, end, packets: 1, longestS: durationS, longestStepS: 0, ticks: [ticks] };
      this.#streams.set(stream, begin);
      return;
    }
    const stepS = ptsS - times.lastS;
    const missingS = durationS > 0 ? ptsS - times.end : 0;
    const words = `${stream}: ${ptsS.toFixed(4)} s follows what ended at ${times.end.toFixed(4)} s`;
    // One frame more or less would be a frame lost or doubled: half of one is beyond what rounding does.
    const tolerance = Math.max(roundingS, Math.min(durationS, times.longestS) / 2);
    if (stepS <= 0 || missingS > leapS || missingS < -tolerance || (durationS === 0 && stepS > leapS)) {
      this.jumps.push(words);
    } else if (missingS > tolerance) this.gaps.push(words);
    times.lastS = ptsS;
    times.end = ptsS + durationS;
    times.packets++;
    times.longestS = Math.max(times.longestS, durationS);
    times.longestStepS = Math.max(times.longestStepS, stepS);
    times.ticks.push(ticks);
  }

  /** Of 1/90000 s, as they came. */
  ticksOf(stream: string): number[] {
    return this.#streams.get(stream)?.ticks ?? [];
  }

  /** Media at hand of a player that plays in real time, just before more came. */
  #arrived(nowMs: number): void {
    this.#beganMs ??= nowMs;
    const playedS = (nowMs - this.#beganMs - this.#startUpMs) / 1000;
    if (playedS < 0 || this.#streams.size === 0) return;
    const aheadS = this.secondsRead - playedS;
    if (aheadS < this.#leastAheadS) [this.#leastAheadS, this.#latestUnixMs] = [aheadS, Date.now()];
  }

  /** Of the stream that has come least far. */
  get secondsRead(): number {
    if (this.#streams.size === 0) return 0;
    return Math.min(...[...this.#streams.values()].map(({ first, end }) => end - first));
  }

  /** `undefined` until a player would have begun. Below 0 it would have stalled for so long, at `latestUnixMs` at last. */
  get leastAheadS(): number | undefined {
    return Number.isFinite(this.#leastAheadS) ? round(this.#leastAheadS) : undefined;
  }

  get latestUnixMs(): number {
    return this.#latestUnixMs;
  }

  figures(): Record<string, unknown> {
    const ends = [...this.#streams.values()].map(({ end }) => end);
    return {
      leastAheadS: this.leastAheadS,
      endsApartS: ends.length > 1 ? round(Math.max(...ends) - Math.min(...ends)) : null,
      streams: Object.fromEntries(
        [...this.#streams].map(([name, { packets, first, end, longestStepS }]) => [
          name,
          {
            packets,
            seconds: round(end - first),
            longestStepMs: round(longestStepS * 1000),
          },
        ]),
      ),
    };
  }
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
