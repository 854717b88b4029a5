import { sequenceBetween } from './RtpPacket.ts';

interface Asked {
  times: number;
  noticedAtMs: number;
  askedAtMs: number;
}

export interface NackListOptions {
  /** Asked again after this long without an answer, ms. */
  repeatMs?: number;
  /** Asked at most this often for one packet. */
  maxTimes?: number;
  /** A packet that is only just out of order is given this long to come by itself, ms. */
  patienceMs?: number;
}

/** Which missing packets to ask for now. Bounded by what it is shown: it forgets what is no longer missing. */
export class NackList {
  readonly #repeatMs: number;
  readonly #maxTimes: number;
  readonly #patienceMs: number;
  #asked = new Map<number, Asked>();

  constructor(options: NackListOptions = {}) {
    this.#repeatMs = options.repeatMs ?? 40;
    this.#maxTimes = options.maxTimes ?? 4;
    this.#patienceMs = options.patienceMs ?? 10;
  }

  /** `missing`: all that are missing, lowest first; `highest`: the highest sequence number seen. */
  due(missing: readonly number[], highest: number, nowMs: number): number[] {
    const due: number[] = [];
    const asked = new Map<number, Asked>();
    for (const sequence of missing) {
      const entry = this.#asked.get(sequence) ?? { times: 0, noticedAtMs: nowMs, askedAtMs: -Infinity };
      asked.set(sequence, entry);
      // Two packets behind the hole: it is no mere swap of neighbours.
      const ripe = sequenceBetween(highest, sequence) >= 2 || nowMs - entry.noticedAtMs >= this.#patienceMs;
      if (!ripe || entry.times >= this.#maxTimes || nowMs - entry.askedAtMs < this.#repeatMs) continue;
      entry.times++;
      entry.askedAtMs = nowMs;
      due.push(sequence);
    }
    this.#asked = asked;
    return due;
  }

  clear(): void {
    this.#asked.clear();
  }
}
