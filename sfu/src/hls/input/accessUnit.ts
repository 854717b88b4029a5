/** What of an H264 access unit goes where in MP4. */
export interface AccessUnit {
  /** The first of each, without start code. */
  sps: Buffer | undefined;
  pps: Buffer | undefined;
  key: boolean;
  /** It has a B slice: it is not shown in the order in which it came. */
  bSlice: boolean;
  /** NAL units behind their lengths, those that a decoder needs; empty when there is no picture. */
  data: Buffer;
}

const nal = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9, filler: 12 } as const;
const startCode = Buffer.from([0, 0, 1]);
const nothing = Buffer.alloc(0);

interface Nal {
  begin: number;
  end: number;
}

/**
 * Annex B (ITU-T H.264) -> lengths (ISO/IEC 14496-15). `bytes` are overwritten where that saves the copy: a start code of
 * four bytes has the size of a length. Parameter sets beyond the first of each kind stay among the others.
 */
export function readAccessUnit(bytes: Buffer): AccessUnit {
  const unit: AccessUnit = { sps: undefined, pps: undefined, key: false, bSlice: false, data: nothing };
  const kept: Nal[] = [];
  for (let begin = afterStartCode(bytes, 0); begin >= 0;) {
    const next = bytes.indexOf(startCode, begin);
    let end = next < 0 ? bytes.length : next;
    // What is left of a start code of four bytes, and trailing_zero_8bits: no NAL unit ends with 0 (7.4.1).
    while (end > begin && bytes[end - 1] === 0) end--;
    if (end > begin && takeNal(unit, bytes, begin, end)) kept.push({ begin, end });
    begin = next < 0 ? -1 : next + 3;
  }
  unit.data = behindLengths(bytes, kept);
  return unit;
}

/** Of an access unit that nothing was changed in. */
export function hasBSlice(bytes: Buffer): boolean {
  for (let begin = afterStartCode(bytes, 0); begin >= 0; begin = afterStartCode(bytes, begin)) {
    const type = bytes[begin]! & 0x1f;
    if (type >= nal.slice && type <= nal.idr) return isBSlice(bytes[begin + 1] ?? 0);
  }
  return false;
}

/** True: it stays in the sample. */
function takeNal(unit: AccessUnit, bytes: Buffer, begin: number, end: number): boolean {
  const type = bytes[begin]! & 0x1f;
  if (type === nal.sps && !unit.sps) {
    unit.sps = Buffer.from(bytes.subarray(begin, end));
    return false;
  }
  if (type === nal.pps && !unit.pps) {
    unit.pps = Buffer.from(bytes.subarray(begin, end));
    return false;
  }
  if (type === nal.sei || (type >= nal.delimiter && type <= nal.filler)) return false;
  if (type === nal.idr) unit.key = true;
  if (type >= nal.slice && type <= nal.idr) unit.bSlice ||= isBSlice(bytes[begin + 1] ?? 0);
  return true;
}

/** slice_type 1 or 6 behind a first_mb_in_slice of 0 (7.3.3), both ue(v): of the picture's first slice, that is. */
function isBSlice(byte: number): boolean {
  return (byte & 0x80) !== 0 && ((byte & 0x70) === 0x20 || (byte & 0x7c) === 0x1c);
}

function afterStartCode(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(startCode, from);
  return at < 0 ? -1 : at + 3;
}

function behindLengths(bytes: Buffer, kept: Nal[]): Buffer {
  const [first] = kept;
  if (!first) return nothing;
  const last = kept.at(-1)!;
  const inPlace = first.begin >= 4 && kept.every(({ begin }, i) => i === 0 || begin - 4 === kept[i - 1]!.end);
  if (inPlace) {
    for (const { begin, end } of kept) bytes.writeUInt32BE(end - begin, begin - 4);
    return bytes.subarray(first.begin - 4, last.end);
  }
  const data = Buffer.allocUnsafe(kept.reduce((sum, { begin, end }) => sum + 4 + end - begin, 0));
  let offset = 0;
  for (const { begin, end } of kept) {
    offset = data.writeUInt32BE(end - begin, offset);
    offset += bytes.copy(data, offset, begin, end);
  }
  return data;
}

/** The way back, for a decoder that reads Annex B; a copy. */
export function toAnnexB(parameterSets: readonly Buffer[], data: Buffer): Buffer {
  const sets = parameterSets.flatMap((set) => [Buffer.from([0, 0, 0, 1]), set]);
  const unit = Buffer.concat([...sets, data]);
  for (let at = unit.length - data.length; at + 4 <= unit.length;) {
    const length = unit.readUInt32BE(at);
    unit.writeUInt32BE(1, at);
    at += 4 + length;
  }
  return unit;
}
