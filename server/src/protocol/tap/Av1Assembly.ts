import type { FrameAssembly } from './Depacketiser.ts';

const obuType = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  frame: 6,
  tileList: 8,
  padding: 15,
} as const;
/** Many decoders tell temporal units apart by it; RTP leaves it out. */
const temporalDelimiter = Buffer.from([0x12, 0x00]);

/**
 * AV1 by the AOMedia "RTP Payload Format For AV1" v1.0.0, section 4: aggregation header Z | Y | W | N, OBU elements of
 * leb128 length (the last without one when W says how many there are), fragments joined, and the size fields that RTP
 * leaves out put back, so that the result is a temporal unit in low-overhead format (AV1 specification, section 5.2).
 */
export class Av1Assembly implements FrameAssembly {
  #parts: Buffer[] = [];
  #fragment: Buffer[] | undefined;
  #sequenceHeader = false;
  #key = false;
  #frameSeen = false;

  add(payload: Buffer, first: boolean): boolean {
    const header = payload[0]!;
    const continues = (header & 0x80) !== 0;
    const count = (header >> 4) & 0x03;
    if (continues !== (this.#fragment !== undefined) || (first && continues)) return false;
    const elements = splitElements(payload, count);
    if (elements === undefined) return false;
    for (let i = 0; i < elements.length; i++) {
      const fragment = (this.#fragment ??= []);
      fragment.push(elements[i]!);
      const willContinue = i === elements.length - 1 && (header & 0x40) !== 0;
      if (willContinue) break;
      this.#fragment = undefined;
      if (!this.#addObu(fragment.length === 1 ? fragment[0]! : Buffer.concat(fragment))) return false;
    }
    return true;
  }

  #addObu(obu: Buffer): boolean {
    if (obu.length === 0) return true;
    const header = obu[0]!;
    if (header & 0x80) return false;
    const type = (header >> 3) & 0x0f;
    let begin = header & 0x04 ? 2 : 1;
    if (begin > obu.length) return false;
    const head = Buffer.from(obu.subarray(0, begin));
    let end = obu.length;
    if (header & 0x02) {
      const size = readLeb128(obu, begin);
      if (size === undefined || size.next + size.value > obu.length) return false;
      begin = size.next;
      end = begin + size.value;
    }
    if (type === obuType.temporalDelimiter || type === obuType.tileList || type === obuType.padding) return true;
    const body = obu.subarray(begin, end);
    if (type === obuType.sequenceHeader) this.#sequenceHeader = true;
    if ((type === obuType.frame || type === obuType.frameHeader) && !this.#frameSeen) {
      if (body.length === 0) return false;
      this.#frameSeen = true;
      // show_existing_frame (1 bit) and frame_type (2 bits, 0 = KEY_FRAME), AV1 specification section 5.9.2.
      this.#key = this.#sequenceHeader && (body[0]! & 0xe0) === 0;
    }
    head[0] = header | 0x02;
    this.#parts.push(head, writeLeb128(body.length), body);
    return true;
  }

  finish(): { units: Buffer[][]; key: boolean } | undefined {
    if (this.#fragment !== undefined) return undefined;
    return { units: this.#parts.length > 0 ? [[temporalDelimiter, ...this.#parts]] : [], key: this.#key };
  }

  reset(): void {
    this.#parts = [];
    this.#fragment = undefined;
    this.#sequenceHeader = this.#key = this.#frameSeen = false;
  }
}

/** The packet's OBU elements; `count` 0 means that each has its length in front. */
function splitElements(payload: Buffer, count: number): Buffer[] | undefined {
  const elements: Buffer[] = [];
  let offset = 1;
  while (offset < payload.length) {
    if (count !== 0 && elements.length === count - 1) {
      elements.push(payload.subarray(offset));
      offset = payload.length;
      break;
    }
    const length = readLeb128(payload, offset);
    if (length === undefined || length.next + length.value > payload.length) return undefined;
    offset = length.next + length.value;
    elements.push(payload.subarray(length.next, offset));
  }
  const whole = elements.length > 0 && (count === 0 || elements.length === count);
  return whole ? elements : undefined;
}

/** Section 4.10.5 of the AV1 specification; at most 5 bytes, which holds a u32. */
function readLeb128(bytes: Buffer, begin: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[begin + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if ((byte & 0x80) === 0) return { value, next: begin + i + 1 };
  }
  return undefined;
}

export function writeLeb128(value: number): Buffer {
  const bytes: number[] = [];
  do {
    const more = value > 0x7f;
    bytes.push((value & 0x7f) | (more ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Buffer.from(bytes);
}
