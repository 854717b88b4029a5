/** ISO/IEC 14496-12 boxes that are written once per InitSection, where clarity is worth an allocation. */
export function box(type: string, ...payloads: readonly Buffer[]): Buffer {
  const size = payloads.reduce((sum, payload) => sum + payload.length, 8);
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32BE(size, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, ...payloads], size);
}

export function fullBox(type: string, version: number, flags: number, ...payloads: readonly Buffer[]): Buffer {
  return box(type, u32(version * 2 ** 24 + flags), ...payloads);
}

export const u8 = (...values: number[]): Buffer => Buffer.from(values);

export function u16(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 2);
  values.forEach((value, i) => bytes.writeUInt16BE(value, i * 2));
  return bytes;
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(value, 'latin1');

/** Writes u64 without a BigInt; exact up to 2^53. Returns the offset behind it. */
export function writeU64(into: Buffer, value: number, at: number): number {
  into.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return into.writeUInt32BE(value % 2 ** 32, at + 4);
}
