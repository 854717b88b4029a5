import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetizeH264, splitAnnexB } from './packetizeH264.ts';
import { newRtpStream, writeRtpPacket, writeSenderReport } from './rtpPacket.ts';

const seed = { seed: 20_261_121, numRuns: 200 };

/** Bytes in which no start code can appear, nor an end that a start code would swallow. */
const nalUnit = fc
  .tuple(fc.constantFrom(0x67, 0x68, 0x65, 0x41), fc.uint8Array({ minLength: 1, maxLength: 4000 }))
  .map(([header, body]) => Uint8Array.from([header, ...body.map((byte) => Math.max(2, byte))]));

function annexB(units: readonly Uint8Array[], longStartCodes: boolean): Buffer {
  const startCode = longStartCodes ? Buffer.of(0, 0, 0, 1) : Buffer.of(0, 0, 1);
  return Buffer.concat(units.flatMap((unit) => [startCode, unit]));
}

/** What a receiver makes of the payloads: RFC 6184, single NAL unit packets and FU-A. */
function reassemble(payloads: readonly Buffer[]): Buffer[] {
  const units: Buffer[] = [];
  let open: Buffer[] | undefined;
  for (const payload of payloads) {
    if ((payload[0]! & 0x1f) !== 28) {
      expect(open).toBeUndefined();
      units.push(payload);
      continue;
    }
    if (payload[1]! & 0x80) open = [Buffer.of((payload[0]! & 0xe0) | (payload[1]! & 0x1f))];
    open!.push(payload.subarray(2));
    if (!(payload[1]! & 0x40)) continue;
    units.push(Buffer.concat(open!));
    open = undefined;
  }
  expect(open).toBeUndefined();
  return units;
}

describe('splitAnnexB', () => {
  it('gives back the NAL units, with 3 and with 4 byte start codes', () => {
    fc.assert(
      fc.property(fc.array(nalUnit, { minLength: 1, maxLength: 6 }), fc.boolean(), (units, long) => {
        expect(splitAnnexB(annexB(units, long)).map((unit) => Uint8Array.from(unit))).toEqual(units);
      }),
      seed,
    );
  });

  it('finds nothing in what has no start code', () => {
    expect(splitAnnexB(Buffer.from('hello'))).toEqual([]);
    expect(splitAnnexB(Buffer.alloc(0))).toEqual([]);
  });
});

describe('packetizeH264', () => {
  it('loses nothing, keeps within the limit, counts up, and marks the last packet only', () => {
    fc.assert(
      fc.property(
        fc.array(nalUnit, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 100, max: 1400 }),
        (units, max) => {
          const stream = newRtpStream(7, 96, { sequenceNumber: 65_530 });
          const packets = packetizeH264(annexB(units, true), 0x1_0000_0005, stream, max);
          const payloads = packets.map((packet) => packet.subarray(12));
          expect(reassemble(payloads)).toEqual(units.map((unit) => Buffer.from(unit)));
          expect(Math.max(...payloads.map((payload) => payload.length))).toBeLessThanOrEqual(max);
          expect(packets.map((packet) => packet.readUInt16BE(2))).toEqual(packets.map((_, i) => (65_530 + i) & 0xffff));
          expect(packets.map((packet) => packet[1]! >> 7)).toEqual(
            packets.map((_, i) => (i === packets.length - 1 ? 1 : 0)),
          );
          for (const packet of packets) expect([packet.readUInt32BE(4), packet.readUInt32BE(8)]).toEqual([5, 7]);
          expect(stream.packetsSent).toBe(packets.length);
          expect(stream.octetsSent).toBe(payloads.reduce((sum, payload) => sum + payload.length, 0));
        },
      ),
      seed,
    );
  });
});

describe('writeRtpPacket', () => {
  it('writes mid and rid as one-byte extensions, padded to whole words', () => {
    const stream = newRtpStream(1, 96, {
      extensions: [
        { id: 1, value: '1' },
        { id: 2, value: '0' },
      ],
    });
    const packet = writeRtpPacket(stream, { timestamp: 90, marker: true, payload: [Buffer.of(9)] });
    expect(packet.toString('hex')).toBe('90e00000' + '0000005a' + '00000001' + 'bede0001' + '10312030' + '09');
  });

  it('refuses what a one-byte extension can not hold', () => {
    const stream = newRtpStream(1, 96, { extensions: [{ id: 15, value: 'x' }] });
    expect(() => writeRtpPacket(stream, { timestamp: 0, marker: false, payload: [] })).toThrow('one-byte');
  });
});

describe('writeSenderReport', () => {
  it('pairs a moment with the stream’s clock and counts', () => {
    const stream = newRtpStream(0xabcdef01, 96);
    writeRtpPacket(stream, { timestamp: 0, marker: false, payload: [Buffer.alloc(10)] });
    const report = writeSenderReport(stream, 1_500, 123);
    expect([report[0], report[1], report.readUInt16BE(2)]).toEqual([0x80, 200, 6]);
    expect(report.readUInt32BE(8)).toBe(2_208_988_801);
    expect(report.readUInt32BE(12)).toBe(2 ** 31);
    expect([report.readUInt32BE(4), report.readUInt32BE(16)]).toEqual([0xabcdef01, 123]);
    expect([report.readUInt32BE(20), report.readUInt32BE(24)]).toEqual([1, 10]);
  });
});
