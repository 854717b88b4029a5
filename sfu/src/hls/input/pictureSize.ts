import type { VideoCodec } from '@framelock/server/protocol/tap';
import { findSps } from '../../source/h264Sps.ts';

export interface PictureSize {
  width: number;
  height: number;
}

/** Of a key frame; undefined where it cannot be read. Of several spatial layers, the last. */
export function pictureSize(codec: VideoCodec, data: Buffer, lastUnitBytes = data.length): PictureSize | undefined {
  try {
    switch (codec) {
      case 'h264':
        return findSps(data);
      case 'vp8':
        return vp8Size(data);
      case 'vp9':
        // An upper layer is predicted from the lower one, and has its size as a key frame has none.
        return lastUnitBytes === data.length ? vp9Size(data) : undefined;
      case 'av1':
        return av1Size(data);
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** RFC 6386 section 9.1: frame tag, start code, then 14 bits each. */
function vp8Size(data: Buffer): PictureSize | undefined {
  if ((data[0]! & 1) !== 0 || data.readUIntBE(3, 3) !== 0x9d012a) return undefined;
  return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff };
}

/** Reads bits, the highest first; throws RangeError past the end. */
class Bits {
  readonly #data: Buffer;
  #bit: number;

  constructor(data: Buffer, byte = 0) {
    this.#data = data;
    this.#bit = byte * 8;
  }

  take(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#bit++) {
      const byte = this.#data[this.#bit >> 3];
      if (byte === undefined) throw new RangeError('the header is cut off');
      value = value * 2 + ((byte >> (7 - (this.#bit & 7))) & 1);
    }
    return value;
  }
}

/** VP9 bitstream specification, 6.2: the uncompressed header of a key frame. */
function vp9Size(data: Buffer): PictureSize | undefined {
  const bits = new Bits(data);
  if (bits.take(2) !== 2) return undefined;
  const profile = bits.take(1) + bits.take(1) * 2;
  if (profile === 3) bits.take(1);
  // show_existing_frame, frame_type; then show_frame, error_resilient_mode
  if (bits.take(2) !== 0) return undefined;
  bits.take(2);
  if (bits.take(24) !== 0x498342) return undefined;
  if (profile >= 2) bits.take(1); // ten_or_twelve_bit
  const rgb = bits.take(3) === 7;
  if (!rgb) bits.take(profile === 1 || profile === 3 ? 4 : 1);
  else if (profile === 1 || profile === 3) bits.take(1);
  return { width: bits.take(16) + 1, height: bits.take(16) + 1 };
}

/** AV1 specification, 5.5: max_frame_width and max_frame_height of the sequence header, the largest layer's. */
function av1Size(data: Buffer): PictureSize | undefined {
  for (let offset = 0; offset < data.length;) {
    const header = data[offset]!;
    let begin = offset + (header & 0x04 ? 2 : 1);
    let size = 0;
    for (let i = 0; ; i++) {
      const byte = data.readUInt8(begin++);
      size += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) break;
      if (i === 7) return undefined;
    }
    if (((header >> 3) & 0x0f) === 1) return readSequenceSize(new Bits(data, begin));
    offset = begin + size;
  }
  return undefined;
}

function readSequenceSize(bits: Bits): PictureSize | undefined {
  bits.take(4); // seq_profile, still_picture
  if (bits.take(1) === 1) bits.take(5);
  else if (!skipOperatingPoints(bits)) return undefined;
  const widthBits = bits.take(4) + 1;
  const heightBits = bits.take(4) + 1;
  return { width: bits.take(widthBits) + 1, height: bits.take(heightBits) + 1 };
}

/** False: it has timing and decoder models, which no encoder for RTC writes. */
function skipOperatingPoints(bits: Bits): boolean {
  if (bits.take(1) === 1) return false; // timing_info_present_flag
  const delayPresent = bits.take(1) === 1;
  const points = bits.take(5) + 1;
  for (let i = 0; i < points; i++) {
    bits.take(12); // operating_point_idc
    if (bits.take(5) > 7) bits.take(1); // seq_level_idx, seq_tier
    if (delayPresent && bits.take(1) === 1) bits.take(4);
  }
  return true;
}
