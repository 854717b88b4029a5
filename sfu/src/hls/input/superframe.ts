/**
 * VP9 bitstream specification, Annex B: frames of one picture (its spatial layers), one behind the other and their sizes
 * at the end.
 */
export function joinSuperframe(data: Buffer, unitBytes: readonly number[]): Buffer {
  if (unitBytes.length < 2 || unitBytes.length > 8) return data;
  let bytesOfSize = 1;
  while (unitBytes.some((bytes) => bytes >= 2 ** (8 * bytesOfSize))) bytesOfSize++;
  const index = Buffer.alloc(2 + unitBytes.length * bytesOfSize);
  const marker = 0xc0 | ((bytesOfSize - 1) << 3) | (unitBytes.length - 1);
  index[0] = index[index.length - 1] = marker;
  unitBytes.forEach((bytes, i) => index.writeUIntLE(bytes, 1 + i * bytesOfSize, bytesOfSize));
  return Buffer.concat([data, index]);
}
