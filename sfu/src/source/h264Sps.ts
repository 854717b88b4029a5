/** What matters of a sequence parameter set (ITU-T H.264, 7.3.2.1.1). */
export interface H264Sps {
  profileIdc: number;
  /** constraint_set0_flag is the highest bit. */
  constraints: number;
  levelIdc: number;
  /** 1 = 4:2:0. */
  chromaFormat: number;
  bitDepth: number;
  interlaced: boolean;
  /** As shown: cropped. */
  width: number;
  height: number;
}

const maxSpsBytes = 1024;
/** Profiles whose SPS says chroma format and bit depths. */
const highProfiles = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** Reads bits of an RBSP; throws RangeError past its end. */
class BitReader {
  readonly #bytes: Buffer;
  #bit = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#bit++) {
      const byte = this.#bytes[this.#bit >> 3];
      if (byte === undefined) throw new RangeError('the SPS is cut off');
      value = value * 2 + ((byte >> (7 - (this.#bit & 7))) & 1);
    }
    return value;
  }

  /** ue(v), 9.1. */
  unsigned(): number {
    let zeros = 0;
    while (this.bits(1) === 0) if (++zeros > 31) throw new RangeError('an Exp-Golomb code is too long');
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** The first SPS in `bytes`, which begin with extradata: an AVCDecoderConfigurationRecord, or NAL units in Annex B form. */
export function findSps(bytes: Buffer): H264Sps | undefined {
  const nal = bytes[0] === 1 ? spsOfConfiguration(bytes) : spsOfAnnexB(bytes);
  return nal && parseSps(nal);
}

/** `nal`: the SPS from its header byte on; undefined when it is cut off or wrong. */
export function parseSps(nal: Buffer): H264Sps | undefined {
  try {
    return readSps(nal);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** ISO/IEC 14496-15, 5.3.3.1. */
function spsOfConfiguration(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 9 || (bytes[5]! & 0x1f) === 0) return undefined;
  const length = bytes.readUInt16BE(6);
  return bytes.subarray(8, 8 + Math.min(length, maxSpsBytes));
}

function spsOfAnnexB(bytes: Buffer): Buffer | undefined {
  const isStart = (at: number): boolean => bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1;
  for (let at = 0; at + 4 < bytes.length; at++) {
    if (!isStart(at) || (bytes[at + 3]! & 0x1f) !== 7) continue;
    const begin = at + 3;
    let end = begin;
    while (end < bytes.length && end - begin < maxSpsBytes && !isStart(end)) end++;
    return bytes.subarray(begin, end);
  }
  return undefined;
}

function readSps(nal: Buffer): H264Sps {
  const reader = new BitReader(withoutEmulationPrevention(nal.subarray(1)));
  const profileIdc = reader.bits(8);
  const constraints = reader.bits(8);
  const levelIdc = reader.bits(8);
  reader.unsigned(); // seq_parameter_set_id
  let [chromaFormat, bitDepth] = [1, 8];
  if (highProfiles.has(profileIdc)) {
    chromaFormat = reader.unsigned();
    if (chromaFormat === 3) reader.bits(1);
    bitDepth = Math.max(reader.unsigned(), reader.unsigned()) + 8;
    reader.bits(1); // qpprime_y_zero_transform_bypass_flag
    if (reader.bits(1) === 1) skipScalingLists(reader, chromaFormat === 3 ? 12 : 8);
  }
  reader.unsigned(); // log2_max_frame_num_minus4
  const orderType = reader.unsigned();
  if (orderType === 0) reader.unsigned();
  else if (orderType === 1) skipOrderCycle(reader);
  reader.unsigned(); // max_num_ref_frames
  reader.bits(1); // gaps_in_frame_num_value_allowed_flag
  const widthMbs = reader.unsigned() + 1;
  const heightMaps = reader.unsigned() + 1;
  const interlaced = reader.bits(1) === 0; // not frame_mbs_only_flag
  if (interlaced) reader.bits(1); // mb_adaptive_frame_field_flag
  reader.bits(1); // direct_8x8_inference_flag
  // frame_cropping_flag: left, right, top, bottom in units of chroma samples (7.4.2.1.1)
  const crop = reader.bits(1) === 1 ? [0, 0, 0, 0].map(() => reader.unsigned()) : [0, 0, 0, 0];
  const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
  const unitY = (chromaFormat === 1 ? 2 : 1) * (interlaced ? 2 : 1);
  const width = widthMbs * 16 - (crop[0]! + crop[1]!) * unitX;
  const height = heightMaps * 16 * (interlaced ? 2 : 1) - (crop[2]! + crop[3]!) * unitY;
  if (width < 1 || height < 1) throw new RangeError('the SPS crops everything away');
  return { profileIdc, constraints, levelIdc, chromaFormat, bitDepth, interlaced, width, height };
}

function skipScalingLists(reader: BitReader, count: number): void {
  for (let list = 0; list < count; list++) {
    if (reader.bits(1) === 0) continue;
    let [last, next] = [8, 8];
    for (let i = 0; i < (list < 6 ? 16 : 64); i++) {
      if (next !== 0) next = (last + reader.signed() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

function skipOrderCycle(reader: BitReader): void {
  reader.bits(1);
  reader.signed();
  reader.signed();
  const frames = reader.unsigned();
  if (frames > 255) throw new RangeError('num_ref_frames_in_pic_order_cnt_cycle is over 255');
  for (let i = 0; i < frames; i++) reader.signed();
}

/** 7.4.1.1: a 3 after two zero bytes is not part of the content. */
function withoutEmulationPrevention(bytes: Buffer): Buffer {
  const kept: number[] = [];
  bytes.forEach((byte, i) => {
    if (byte !== 3 || i < 2 || bytes[i - 1] !== 0 || bytes[i - 2] !== 0) kept.push(byte);
  });
  return Buffer.from(kept);
}
