import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeIvfFrameHeader, writeIvfHeader } from './ivf.ts';
import { NutReader } from './NutReader.ts';
import { OggWriter } from './ogg.ts';
import { opusSamples, opusSilence } from './opusPacket.ts';
import { joinSuperframe } from './superframe.ts';
import { readOgg } from './test/sound.ts';

const seed = 20261121;

describe('IVF', () => {
  it('has a header and times of 64 bits', () => {
    expect(writeIvfHeader('vp8', 640, 360).toString('latin1', 0, 12)).toBe('DKIF\0\0\x20\0VP80');
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.maxSafeNat(), (bytes, ticks) => {
        const header = writeIvfFrameHeader(bytes, ticks);
        expect([header.readUInt32LE(0), header.readBigUInt64LE(4)]).toEqual([bytes, BigInt(ticks)]);
      }),
      { seed },
    );
  });
});

describe('Ogg', () => {
  it('gives back the packets, with their times and a checksum', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 1_300 }), { maxLength: 20 }), (list) => {
        const ogg = new OggWriter();
        const packets = list.map((bytes) => Buffer.from(bytes));
        const pages = packets.map((packet, i) => ogg.page(packet, 2 ** 33 + i));
        expect(readOgg(Buffer.concat(pages))).toEqual(packets);
        pages.forEach((page, i) => {
          expect(page.readBigUInt64LE(6)).toBe(BigInt(2 ** 33 + i));
          const crc = page.readUInt32LE(22);
          page.writeUInt32LE(0, 22);
          expect(crc).toBe(slowCrc(page));
        });
      }),
      { seed },
    );
  });

  it('begins as RFC 7845 says', () => {
    const [head, tags] = readOgg(new OggWriter().header());
    expect(head!.toString('latin1', 0, 8)).toBe('OpusHead');
    expect([head![8], head![9], head!.readUInt16LE(10), head!.readUInt32LE(12)]).toEqual([1, 2, 0, 48_000]);
    expect(tags!.toString('latin1', 0, 8)).toBe('OpusTags');
  });
});

function slowCrc(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

describe('an Opus packet', () => {
  it('has the samples of its frames', () => {
    const packet = (...bytes: number[]): number | undefined => opusSamples(Buffer.from(bytes));
    expect(packet(0xfc, 0xff, 0xfe)).toBe(960); // CELT, 20 ms, one frame
    expect(packet(0x08)).toBe(960); // SILK, 20 ms, nothing: DTX
    expect(packet(0xfd, 1, 2)).toBe(1_920); // two of the same size
    expect(packet(0xfd, 1)).toBeUndefined();
    expect(packet(0xfe, 1, 2, 3)).toBe(1_920); // two of 1 and 2 bytes
    expect(packet(0xfe, 9, 2, 3)).toBeUndefined();
    expect(packet(0xff, 3, 1, 2, 3)).toBe(2_880);
    expect(packet(0xff, 7)).toBeUndefined(); // 140 ms
    expect(packet(0xff, 0)).toBeUndefined();
    expect(packet(0xff, 0x41, 2, 9, 0, 0)).toBe(960); // padded
    expect(packet(0xff, 0x41, 9, 9)).toBeUndefined();
    expect(packet()).toBeUndefined();
  });

  it('may be any bytes, and is never longer than 120 ms', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(opusSamples(Buffer.from(bytes)) ?? 0).toBeLessThanOrEqual(5_760);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('of silence fills what there is to fill, down to 2.5 ms', () => {
    fc.assert(
      fc.property(fc.nat(100_000), (samples) => {
        let filled = 0;
        for (const one of opusSilence(samples)) {
          expect(opusSamples(one.packet)).toBe(one.samples);
          filled += one.samples;
        }
        expect(samples - filled).toBeGreaterThanOrEqual(0);
        expect(samples - filled).toBeLessThan(120);
      }),
      { seed },
    );
  });
});

describe('a VP9 superframe', () => {
  it('tells the sizes of its frames', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 2, maxLength: 4 }), (unitBytes) => {
        const data = Buffer.alloc(
          unitBytes.reduce((sum, bytes) => sum + bytes, 0),
          1,
        );
        const joined = joinSuperframe(data, unitBytes);
        const marker = joined.at(-1)!;
        expect(marker >> 5).toBe(6);
        const count = (marker & 7) + 1;
        const bytes = ((marker >> 3) & 3) + 1;
        const begin = joined.length - 2 - count * bytes;
        expect(joined[begin]).toBe(marker);
        expect(begin).toBe(data.length);
        const sizes = Array.from({ length: count }, (_, i) => joined.readUIntLE(begin + 1 + i * bytes, bytes));
        expect(sizes).toEqual(unitBytes);
      }),
      { seed, numRuns: 50 },
    );
  });

  it('of one frame is the frame', () => {
    const data = Buffer.from([1, 2]);
    expect(joinSuperframe(data, [2])).toBe(data);
  });
});

describe('NutReader', () => {
  const begin = Buffer.concat([
    Buffer.from('nut/multimedia container\0', 'latin1'),
    Buffer.from('4e4d7a561f5f04ad', 'hex'),
  ]);

  it('reads or refuses any bytes, in any pieces, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), fc.boolean(), (chunks, isNut) => {
        const reader = new NutReader({ onStream: () => {}, onPacket: () => {} });
        try {
          if (isNut) reader.push(begin);
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { seed, numRuns: 1_000 },
    );
  });
});
