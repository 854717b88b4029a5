import type { FrameAssembly } from './Depacketiser.ts';

interface Vp9Descriptor {
  interPredicted: boolean;
  begin: boolean;
  end: boolean;
  spatialLayer: number;
  /** Offset of the VP9 data. */
  bytes: number;
}

/**
 * VP9 by RFC 9628, flexible and non-flexible mode. Gives one decoder packet for each spatial layer of the picture: a
 * decoder fed with a whole superframe gives only its last shown picture, and loses the key picture of upper layers.
 */
export class Vp9Assembly implements FrameAssembly {
  #units: Buffer[][] = [];
  #layer: Buffer[] | undefined;
  #layerId = -1;
  #key = false;

  add(payload: Buffer, first: boolean): boolean {
    const descriptor = parseVp9Descriptor(payload);
    if (descriptor === undefined) return false;
    const { spatialLayer } = descriptor;
    const data = payload.subarray(descriptor.bytes);
    if (descriptor.begin) {
      if (this.#layer !== undefined || (!first && spatialLayer <= this.#layerId)) return false;
      this.#layer = [];
      this.#layerId = spatialLayer;
      if (first) this.#key = !descriptor.interPredicted && spatialLayer === 0 && isVp9KeyFrame(data);
    } else if (this.#layer === undefined || spatialLayer !== this.#layerId) {
      return false;
    }
    this.#layer.push(data);
    if (descriptor.end) {
      this.#units.push(this.#layer);
      this.#layer = undefined;
    }
    return true;
  }

  finish(): { units: Buffer[][]; key: boolean } | undefined {
    return this.#layer === undefined ? { units: this.#units, key: this.#key } : undefined;
  }

  reset(): void {
    this.#units = [];
    this.#layer = undefined;
    this.#layerId = -1;
    this.#key = false;
  }
}

/** RFC 9628 section 4.2: I P L F B E V Z, then picture id, layer indices, reference indices, scalability structure. */
function parseVp9Descriptor(payload: Buffer): Vp9Descriptor | undefined {
  const flags = payload[0]!;
  const interPredicted = (flags & 0x40) !== 0;
  const flexible = (flags & 0x10) !== 0;
  let spatialLayer = 0;
  let offset = 1;
  // Reading past the end gives undefined, which counts as 0; the length is checked once at the end.
  if (flags & 0x80) offset += payload[offset]! & 0x80 ? 2 : 1;
  if (flags & 0x20) {
    spatialLayer = (payload[offset]! >> 1) & 0x07;
    offset += flexible ? 1 : 2; // TL0PICIDX only in non-flexible mode
  }
  if (flexible && interPredicted) {
    let references = 0;
    do {
      if (++references > 3) return undefined;
      offset++;
    } while (payload[offset - 1]! & 0x01);
  }
  if (flags & 0x02) {
    const end = skipScalabilityStructure(payload, offset);
    if (end === undefined) return undefined;
    offset = end;
  }
  if (offset >= payload.length) return undefined;
  return { interPredicted, begin: (flags & 0x08) !== 0, end: (flags & 0x04) !== 0, spatialLayer, bytes: offset };
}

/** N_S | Y | G, sizes of each spatial layer, then a picture group with its references. */
function skipScalabilityStructure(payload: Buffer, begin: number): number | undefined {
  if (begin >= payload.length) return undefined;
  const header = payload[begin]!;
  let offset = begin + 1;
  if (header & 0x10) offset += ((header >> 5) + 1) * 4;
  if (header & 0x08) {
    if (offset >= payload.length) return undefined;
    const pictures = payload[offset++]!;
    for (let i = 0; i < pictures; i++) {
      if (offset >= payload.length) return undefined;
      offset += 1 + ((payload[offset]! >> 2) & 0x03);
    }
  }
  return offset;
}

/** The uncompressed header begins: marker 10, profile bits, (reserved), show_existing_frame, frame_type (0 = key). */
function isVp9KeyFrame(data: Buffer): boolean {
  const byte = data[0]!;
  if (byte >> 6 !== 2) return false;
  const profile3 = (byte & 0x30) === 0x30;
  return (byte & (profile3 ? 0x06 : 0x0c)) === 0;
}
