import type { FrameAssembly } from './Depacketiser.ts';

const startCode = Buffer.from([0, 0, 0, 1]);
const nalType = { slice: 1, idr: 5, sps: 7, stapA: 24, fuA: 28 } as const;

/**
 * H264 by RFC 6184, packetisation modes 0 and 1: single NAL units (5.6), STAP-A (5.7.1), FU-A (5.8). Gives one Annex B
 * access unit. Others of the format's packet types (STAP-B, MTAP, FU-B) belong to mode 2, which no browser sends.
 */
export class H264Assembly implements FrameAssembly {
  #parts: Buffer[] = [];
  #inFragment = false;
  #idr = false;
  #sps = false;
  #slices = 0;

  add(payload: Buffer): boolean {
    const type = payload[0]! & 0x1f;
    if (payload[0]! & 0x80) return false; // forbidden_zero_bit
    if (type === nalType.fuA) return this.#addFragment(payload);
    if (this.#inFragment) return false;
    if (type === nalType.stapA) return this.#addAggregate(payload);
    if (type === 0 || type > 23) return false;
    return this.#addNal(payload[0]!, payload.subarray(1));
  }

  #addAggregate(payload: Buffer): boolean {
    let offset = 1;
    while (offset < payload.length) {
      if (offset + 2 > payload.length) return false;
      const bytes = payload.readUInt16BE(offset);
      offset += 2;
      if (bytes === 0 || offset + bytes > payload.length) return false;
      const type = payload[offset]! & 0x1f;
      if (type === 0 || type > 23) return false;
      if (!this.#addNal(payload[offset]!, payload.subarray(offset + 1, offset + bytes))) return false;
      offset += bytes;
    }
    return offset > 1;
  }

  #addFragment(payload: Buffer): boolean {
    if (payload.length < 3) return false;
    const fuHeader = payload[1]!;
    const start = (fuHeader & 0x80) !== 0;
    const end = (fuHeader & 0x40) !== 0;
    if (start === this.#inFragment || (start && end)) return false;
    if (start) {
      const type = fuHeader & 0x1f;
      if (type === 0 || type > 23) return false;
      if (!this.#addNal((payload[0]! & 0xe0) | type, payload.subarray(2))) return false;
    } else {
      this.#parts.push(payload.subarray(2));
    }
    this.#inFragment = !end;
    return true;
  }

  /** `body` is the NAL unit, or its beginning, without its header byte. */
  #addNal(header: number, body: Buffer): boolean {
    const type = header & 0x1f;
    if (type === nalType.sps) this.#sps = true;
    if (type >= nalType.slice && type <= nalType.idr) {
      // first_mb_in_slice is ue(v): 0 is a single 1 bit. A picture that begins otherwise lost its first slice, unseen
      // by sequence numbers when the loss was before the first packet of this timestamp.
      if (body.length === 0 || (this.#slices === 0 && (body[0]! & 0x80) === 0)) return false;
      this.#slices++;
      if (type === nalType.idr) this.#idr = true;
    }
    this.#parts.push(startCode, Buffer.from([header]), body);
    return true;
  }

  finish(): { units: Buffer[][]; key: boolean } | undefined {
    if (this.#inFragment) return undefined;
    // An IDR without its SPS lost its beginning unseen, or is of a sender that a late joiner can't follow anyway:
    // mediasoup, too, takes the SPS for the sign of an H264 key frame.
    return { units: this.#parts.length > 0 ? [this.#parts] : [], key: this.#idr && this.#sps };
  }

  reset(): void {
    this.#parts = [];
    this.#inFragment = this.#idr = this.#sps = false;
    this.#slices = 0;
  }
}
