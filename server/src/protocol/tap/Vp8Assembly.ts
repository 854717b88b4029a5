import type { FrameAssembly } from './Depacketiser.ts';

/** VP8 by RFC 7741: payload descriptor (4.2) taken off, payload header's P bit (4.3) read. */
export class Vp8Assembly implements FrameAssembly {
  #parts: Buffer[] = [];
  #key = false;

  add(payload: Buffer, first: boolean): boolean {
    const begin = vp8DescriptorBytes(payload);
    if (begin === undefined || begin >= payload.length) return false;
    const startsFrame = (payload[0]! & 0x10) !== 0 && (payload[0]! & 0x07) === 0;
    if (startsFrame !== first) return false;
    if (first) this.#key = (payload[begin]! & 0x01) === 0;
    this.#parts.push(payload.subarray(begin));
    return true;
  }

  finish(): { units: Buffer[][]; key: boolean } {
    return { units: this.#parts.length > 0 ? [this.#parts] : [], key: this.#key };
  }

  reset(): void {
    this.#parts = [];
    this.#key = false;
  }
}

/** Bytes of the payload descriptor: X | R | N | S | R | PID, then I, L, T and K as announced. */
function vp8DescriptorBytes(payload: Buffer): number | undefined {
  if ((payload[0]! & 0x80) === 0) return 1;
  if (payload.length < 2) return undefined;
  const extension = payload[1]!;
  let offset = 2;
  if (extension & 0x80) {
    if (offset >= payload.length) return undefined;
    offset += payload[offset]! & 0x80 ? 2 : 1; // PictureID of 15 or 7 bits
  }
  if (extension & 0x40) offset += 1; // TL0PICIDX
  if (extension & 0x30) offset += 1; // TID and KEYIDX share a byte
  return offset;
}
