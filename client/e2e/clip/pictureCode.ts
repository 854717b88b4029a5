/**
 * A number strip burnt into a picture, so that a picture says by itself which frame it is and where its object is:
 * the proof takes truth from pixels alone. One row of black and white cells along the top edge; survives video coding
 * and scaling down to about four pixels a cell.
 */
export interface PictureTruth {
  /** Frame number in the clip, 0..1023. */
  frame: number;
  /** Centre and diameter of the object, in half pixels of the clip's own size, 0..4095 and 0..1023. */
  cx: number;
  cy: number;
  diameter: number;
}

const fields = [
  ['frame', 10],
  ['cx', 12],
  ['cy', 12],
  ['diameter', 10],
] as const;
const checkBits = 8;
/** One white and one black cell first: the reader's levels. */
const levelCells = 2;
export const codeCells = levelCells + fields.reduce((sum, [, bits]) => sum + bits, 0) + checkBits;

/** Geometry of the strip, as fractions of the picture: margin left and right, cell row from top to bottom. */
export const codeStrip = { left: 0.02, right: 0.98, top: 0.012, bottom: 0.058 } as const;

function checksum(bits: readonly number[]): number {
  // CRC-8 (polynomial 0x07) over the bits, begun at 0xA5 so that an all-black strip is not valid.
  let crc = 0xa5;
  for (const bit of bits) {
    const carry = ((crc >> 7) & 1) ^ bit;
    crc = (crc << 1) & 0xff;
    if (carry) crc ^= 0x07;
  }
  return crc;
}

export function encodePictureCode(truth: PictureTruth): number[] {
  const bits: number[] = [];
  for (const [field, count] of fields) {
    const value = truth[field];
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** count)
      throw new RangeError(`${field} ${value} does not fit`);
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  }
  const crc = checksum(bits);
  for (let bit = checkBits - 1; bit >= 0; bit--) bits.push((crc >> bit) & 1);
  return [1, 0, ...bits];
}

/** `cells`: mean luma of each cell. Nothing when the levels are too close or the checksum is wrong. */
export function decodePictureCode(cells: readonly number[]): PictureTruth | null {
  const [white, black] = cells as [number, number];
  if (cells.length !== codeCells || white - black < 60) return null;
  const threshold = (white + black) / 2;
  const bits = cells.slice(levelCells).map((luma): number => (luma > threshold ? 1 : 0));
  const data = bits.slice(0, -checkBits);
  const crc = bits.slice(-checkBits).reduce((value, bit) => (value << 1) | bit, 0);
  if (checksum(data) !== crc) return null;
  const truth = { frame: 0, cx: 0, cy: 0, diameter: 0 };
  let at = 0;
  for (const [field, count] of fields) {
    truth[field] = data.slice(at, at + count).reduce((value, bit) => (value << 1) | bit, 0);
    at += count;
  }
  return truth;
}
