import type { RtpPacket } from './RtpPacket.ts';

export type VideoCodec = 'h264' | 'vp8' | 'vp9' | 'av1';
export type AudioCodec = 'opus';
export type TapCodec = VideoCodec | AudioCodec;

/** Largest compressed Frame taken, bytes: a 4K key frame is below 4 MiB. */
const maxFrameBytes = 8 * 1024 * 1024;

/** One compressed Frame, complete and decodable: everything it needs was emitted before it. */
export interface EncodedFrame {
  /** u32. */
  rtpTimestamp: number;
  /** Can be decoded without those before it; of audio, each can. */
  key: boolean;
  /** Unix ms of its last packet to arrive. */
  receivedAtMs: number;
  /** Decoder packets one behind the other; VP9 has one for each spatial layer, the others have one. */
  data: Uint8Array<ArrayBuffer>;
  /** Bytes of each decoder packet. */
  unitBytes: number[];
}

/** Why a Frame was not emitted. `awaitingKey`: whole, but a Frame that it may need is missing. */
export type BrokenReason = 'gap' | 'malformed' | 'awaitingKey';

export interface DepacketiserEvents {
  onFrame(frame: EncodedFrame): void;
  onBroken(reason: BrokenReason): void;
}

/** What a payload format makes of the packets of one timestamp. */
export interface FrameAssembly {
  /** Whatever its marker says (RFC 7587: Opus sets it where a talk spurt begins). */
  readonly packetIsFrame?: boolean;
  /** False: this packet cannot belong here, so the Frame is broken. */
  add(payload: Buffer, first: boolean): boolean;
  /** The Frame's decoder packets, each a list of parts, or undefined when it is not whole. */
  finish(): { units: Buffer[][]; key: boolean } | undefined;
  reset(): void;
}

/**
 * Packets in order -> Frames, strictly: a Frame that misses anything is dropped, and so is everything after it up to
 * the next key frame, since a decoder would show a wrong picture under a right timestamp. A Frame ends at its marker
 * or where the timestamp changes.
 */
export class Depacketiser {
  readonly #assembly: FrameAssembly;
  readonly #events: DepacketiserEvents;
  #timestamp: number | undefined;
  #broken: BrokenReason | undefined;
  #first = true;
  #bytes = 0;
  #receivedAtMs = 0;
  #needsKey = true;

  constructor(assembly: FrameAssembly, events: DepacketiserEvents) {
    this.#assembly = assembly;
    this.#events = events;
  }

  get needsKey(): boolean {
    return this.#needsKey;
  }

  /** Emits nothing before the next key frame: the decoder lost its state. */
  requireKey(): void {
    this.#needsKey = true;
  }

  /** `gap`: packets before this one are lost. */
  push(packet: RtpPacket, gap: boolean): void {
    if (gap) {
      this.#needsKey = true;
      if (this.#timestamp !== undefined) this.#broken = 'gap';
    }
    // Padding-only packets (bandwidth probes) carry any timestamp: they only count as received.
    if (packet.payload.length === 0) return;
    if (this.#timestamp !== undefined && packet.timestamp !== this.#timestamp) this.#finish();
    if (this.#timestamp === undefined) this.#begin(packet.timestamp);
    if (packet.receivedAtMs > this.#receivedAtMs) this.#receivedAtMs = packet.receivedAtMs;
    if (this.#broken === undefined) {
      this.#bytes += packet.payload.length;
      if (this.#bytes > maxFrameBytes || !this.#assembly.add(packet.payload, this.#first)) this.#broken = 'malformed';
    }
    this.#first = false;
    if (packet.marker || this.#assembly.packetIsFrame) this.#finish();
  }

  #begin(timestamp: number): void {
    this.#timestamp = timestamp;
    this.#broken = undefined;
    this.#first = true;
    this.#bytes = 0;
    this.#receivedAtMs = 0;
    this.#assembly.reset();
  }

  #finish(): void {
    const rtpTimestamp = this.#timestamp!;
    this.#timestamp = undefined;
    const whole = this.#broken === undefined ? this.#assembly.finish() : undefined;
    this.#assembly.reset();
    if (whole === undefined) {
      this.#needsKey = true;
      return this.#events.onBroken(this.#broken ?? 'malformed');
    }
    // Nothing in it for a decoder: a temporal delimiter alone.
    if (whole.units.length === 0) return;
    if (this.#needsKey && !whole.key) return this.#events.onBroken('awaitingKey');
    this.#needsKey = false;
    this.#events.onFrame({ rtpTimestamp, key: whole.key, receivedAtMs: this.#receivedAtMs, ...joinUnits(whole.units) });
  }
}

function joinUnits(units: Buffer[][]): { data: Uint8Array<ArrayBuffer>; unitBytes: number[] } {
  const unitBytes = units.map((parts) => parts.reduce((sum, part) => sum + part.length, 0));
  // Its own ArrayBuffer, not one of Buffer's pool: it is transferred to the decode thread.
  const data = new Uint8Array(unitBytes.reduce((sum, bytes) => sum + bytes, 0));
  let offset = 0;
  for (const parts of units) {
    for (const part of parts) {
      data.set(part, offset);
      offset += part.length;
    }
  }
  return { data, unitBytes };
}
