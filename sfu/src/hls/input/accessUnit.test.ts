import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasBSlice, readAccessUnit, toAnnexB } from './accessUnit.ts';

const seed = 20261121;
/** A NAL unit of this type: no start code in it, and no zero at its end. */
const nalOf = (type: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => {
    const body = Buffer.from(bytes).map((byte) => (byte === 0 ? 4 : byte));
    return Buffer.concat([Buffer.from([0x60 | type]), body]);
  });
const nal = fc.constantFrom(1, 5, 6, 7, 8, 9, 12).chain(nalOf);
const code = fc.constantFrom(Buffer.from([0, 0, 1]), Buffer.from([0, 0, 0, 1]), Buffer.from([0, 0, 0, 0, 1]));
const typeOf = (bytes: Buffer): number => bytes[0]! & 0x1f;

describe('an access unit', () => {
  it('is split into what MP4 has apart and what a decoder needs, however its start codes are', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(code, nal), { maxLength: 8 }), (parts) => {
        const nals = parts.map(([, bytes]) => bytes);
        const unit = readAccessUnit(Buffer.concat(parts.flat()));
        const [sps, ...moreSps] = nals.filter((one) => typeOf(one) === 7);
        const [pps, ...morePps] = nals.filter((one) => typeOf(one) === 8);
        expect([unit.sps, unit.pps]).toEqual([sps, pps]);
        const kept = nals.filter((one) => [1, 5].includes(typeOf(one)) || [...moreSps, ...morePps].includes(one));
        expect(unit.key).toBe(kept.some((one) => typeOf(one) === 5));
        const expected = Buffer.concat(kept.flatMap((one) => [Buffer.from([0, 0, 0, one.length]), one]));
        expect(unit.data.equals(expected)).toBe(true);
        const annexB = Buffer.concat(kept.flatMap((one) => [Buffer.from([0, 0, 0, 1]), one]));
        expect(toAnnexB([], unit.data).equals(annexB)).toBe(true);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('of four byte start codes is not copied', () => {
    const bytes = Buffer.from('00000001 6742 00000001 68ce 00000001 6588aa 00000001 6511'.replaceAll(' ', ''), 'hex');
    const unit = readAccessUnit(bytes);
    expect(unit.data.toString('hex')).toBe('000000036588aa000000026511');
    expect(unit.data.buffer).toBe(bytes.buffer);
  });

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        hasBSlice(Buffer.from(bytes));
        readAccessUnit(Buffer.from(bytes));
      }),
      { seed },
    );
  });

  it('shows its B slices', () => {
    const slice = (byte: number) => Buffer.from([0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, byte, 0x80]);
    // first_mb_in_slice 0, then slice_type 0, 1, 5, 6, 7.
    expect([0xc0, 0xa0, 0x98, 0x9c, 0x88].map((byte) => hasBSlice(slice(byte)))).toEqual([
      ...[false, true, false, true, false],
    ]);
  });
});
