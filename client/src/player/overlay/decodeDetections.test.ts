import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDetections, maxDetectionBytes } from './decodeDetections.ts';
import { box, detectionMessage } from './testing.ts';

function bytesOf(value: unknown): ArrayBuffer {
  return encode(value, { forceFloat32: true, ignoreUndefined: true }).slice().buffer;
}

describe('decodeDetections', () => {
  it('reads what inference sends, floats as float32', () => {
    const decoded = decodeDetections(bytesOf(detectionMessage(0xffffffff, [box(0.25, 0.5, 7, 2)], { seq: 9 })));
    expect(decoded).toMatchObject({ rtp: 0xffffffff, seq: 9, pub: 'pub1' });
    expect(decoded!.o[0]).toEqual([7, 2, Math.fround(0.9), 0.25, 0.5, Math.fround(0.2), Math.fround(0.2)]);
  });

  it('reads a frame without objects', () => {
    expect(decodeDetections(bytesOf(detectionMessage(1)))!.o).toEqual([]);
  });

  it('stays under the contract size for 20 objects', () => {
    const objects = Array.from({ length: 20 }, (_, i) => box(i / 25, 0.1, i + 1));
    expect(bytesOf(detectionMessage(123456789, objects)).byteLength).toBeLessThanOrEqual(1024);
  });

  it.each([
    ['another kind', { ...detectionMessage(1), k: 'audio' }],
    ['another version', { ...detectionMessage(1), v: 2 }],
    ['a timestamp above u32', { ...detectionMessage(1), rtp: 2 ** 32 }],
    ['a box outside the picture', detectionMessage(1, [box(1.5, 0)])],
    ['a coordinate that is not a number', detectionMessage(1, [box(NaN, 0)])],
    [
      'too many objects',
      detectionMessage(
        1,
        Array.from({ length: 301 }, () => box(0, 0)),
      ),
    ],
    ['a long id', detectionMessage(1, [], { pub: 'x'.repeat(300) })],
    ['nothing', null],
    ['a nested bomb', JSON.parse('['.repeat(500) + ']'.repeat(500)) as unknown],
  ])('refuses %s', (_what, value) => {
    expect(decodeDetections(encode(value, { maxDepth: 1000 }).slice().buffer)).toBeUndefined();
  });

  it('refuses an own __proto__ key and pollutes nothing', () => {
    const hostile = new Uint8Array([0x81, 0xa9, ...new TextEncoder().encode('__proto__'), 0x81, 0xa1, 0x78, 0x01]);
    expect(decodeDetections(hostile.buffer)).toBeUndefined();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('refuses more bytes than any message has, unread', () => {
    expect(decodeDetections(new ArrayBuffer(maxDetectionBytes + 1))).toBeUndefined();
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        decodeDetections(bytes.slice().buffer);
      }),
      { seed: 20261120, numRuns: 3000 },
    );
  });

  it('never throws and never invents on flipped bytes of a real message', () => {
    const real = new Uint8Array(bytesOf(detectionMessage(4711, [box(0.1, 0.2, 1), box(0.5, 0.6, 2)])));
    fc.assert(
      fc.property(fc.nat(real.length - 1), fc.nat(255), fc.nat(real.length), (at, value, length) => {
        const bytes = real.slice(0, Math.max(at + 1, length));
        bytes[at] = value;
        const decoded = decodeDetections(bytes.buffer);
        if (decoded) for (const [, , score, x] of decoded.o) expect(Math.max(score, Math.abs(x))).toBeLessThan(1.02);
      }),
      { seed: 20261120, numRuns: 3000 },
    );
  });
});
