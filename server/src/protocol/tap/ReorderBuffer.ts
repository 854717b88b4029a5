import { sequenceBetween, type RtpPacket } from './RtpPacket.ts';

/** Packets older than this in a row mean that the sender began a new numbering (RFC 3550 appendix A.1). */
const lateRunForRestart = 32;

export interface ReorderBufferOptions {
  /** How long a hole is waited for, ms. */
  maxWaitMs?: number;
  /** Packets held behind a hole; one more gives the hole up. */
  maxHeld?: number;
  /** Packets in sequence order; `gap` = packets before this one are lost for good, or this is the first of all. */
  onPacket(packet: RtpPacket, gap: boolean): void;
}

export type PushOutcome = 'delivered' | 'held' | 'duplicate' | 'late';

/** Puts packets in order. A hole is waited for at most `maxWaitMs` after the first packet behind it, then given up. */
export class ReorderBuffer {
  readonly #maxWaitMs: number;
  readonly #maxHeld: number;
  readonly #onPacket: (packet: RtpPacket, gap: boolean) => void;
  /** Insertion order is arrival order, so that the first entry is the one that has waited longest. */
  readonly #held = new Map<number, RtpPacket>();
  #next: number | undefined;
  #highest = 0;
  #lateRun = 0;
  /** Packets given up. */
  lost = 0;
  /** Holes given up. */
  gaps = 0;

  constructor(options: ReorderBufferOptions) {
    this.#maxWaitMs = options.maxWaitMs ?? 150;
    this.#maxHeld = options.maxHeld ?? 512;
    this.#onPacket = options.onPacket;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Highest sequence number held, when there is a hole. */
  get highest(): number {
    return this.#highest;
  }

  push(packet: RtpPacket): PushOutcome {
    const sequence = packet.sequenceNumber;
    if (this.#next === undefined) {
      this.#deliver(packet, true);
      return 'delivered';
    }
    const ahead = sequenceBetween(sequence, this.#next);
    if (ahead < 0) return this.#late(packet);
    this.#lateRun = 0;
    if (ahead === 0) {
      this.#deliver(packet, false);
      this.#drain();
      return 'delivered';
    }
    if (this.#held.has(sequence)) return 'duplicate';
    if (this.#held.size === 0 || sequenceBetween(sequence, this.#highest) > 0) this.#highest = sequence;
    this.#held.set(sequence, packet);
    if (this.#held.size > this.#maxHeld) this.#giveUpHole();
    return 'held';
  }

  #late(packet: RtpPacket): PushOutcome {
    if (++this.#lateRun < lateRunForRestart) return 'late';
    this.#lateRun = 0;
    this.#held.clear();
    this.gaps++;
    this.#deliver(packet, true);
    return 'delivered';
  }

  /** Gives up the holes that were waited for long enough. Call at least every few ms while `held` is not 0. */
  expire(nowMs: number): void {
    for (;;) {
      const oldest = this.#held.values().next().value;
      if (oldest === undefined || nowMs - oldest.receivedAtMs < this.#maxWaitMs) return;
      this.#giveUpHole();
    }
  }

  /** Sequence numbers that are missing, lowest first, at most `limit`. */
  missing(limit: number): number[] {
    const missing: number[] = [];
    if (this.#held.size === 0 || this.#next === undefined) return missing;
    for (let s = this.#next; s !== this.#highest && missing.length < limit; s = (s + 1) & 0xffff) {
      if (!this.#held.has(s)) missing.push(s);
    }
    return missing;
  }

  #giveUpHole(): void {
    const next = this.#next!;
    let nearest = 0x8000;
    for (const sequence of this.#held.keys()) nearest = Math.min(nearest, sequenceBetween(sequence, next) & 0xffff);
    this.lost += nearest;
    this.gaps++;
    const sequence = (next + nearest) & 0xffff;
    const packet = this.#held.get(sequence)!;
    this.#held.delete(sequence);
    this.#deliver(packet, true);
    this.#drain();
  }

  #deliver(packet: RtpPacket, gap: boolean): void {
    this.#next = (packet.sequenceNumber + 1) & 0xffff;
    this.#onPacket(packet, gap);
  }

  #drain(): void {
    for (;;) {
      const packet = this.#held.get(this.#next!);
      if (packet === undefined) return;
      this.#held.delete(packet.sequenceNumber);
      this.#deliver(packet, false);
    }
  }
}
