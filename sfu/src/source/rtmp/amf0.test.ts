import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAmf0, encodeAmf0, type Amf0Value } from './amf0.ts';
import { RtmpProtocolError } from './RtmpProtocolError.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((one) => one.isWellFormed());
const scalar = fc.oneof(
  fc.double(),
  fc.boolean(),
  text,
  fc.constant(null),
  fc.constant(undefined),
  fc.date({ noInvalidDate: true }),
);
const value = fc.letrec<{ value: Amf0Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).value;

/** Objects without a prototype compare as those with one. */
function plain(one: Amf0Value): unknown {
  if (Array.isArray(one)) return one.map(plain);
  if (typeof one !== 'object' || one === null || one instanceof Date) return one;
  return Object.entries(one).map(([key, item]) => [key, plain(item)]);
}

describe('AMF0', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (values) => {
        expect(decodeAmf0(encodeAmf0(...values)).map(plain)).toEqual(values.map(plain));
      }),
      { seed: 3001, numRuns: 500 },
    );
  });

  it('reads or refuses any bytes, and nothing else happens', () => {
    const markers = fc.constantFrom(0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 255);
    const bytes = fc.array(fc.oneof(markers, fc.nat(255)), { maxLength: 400 });
    fc.assert(
      fc.property(bytes, (some) => {
        try {
          decodeAmf0(Buffer.from(some));
        } catch (error) {
          expect(error).toBeInstanceOf(RtmpProtocolError);
        }
      }),
      { seed: 3002, numRuns: 3_000 },
    );
  });

  it('stops at a nesting of 8', () => {
    const nested = (depth: number): Buffer =>
      Buffer.concat([...Array.from({ length: depth }, () => Buffer.of(0x0a, 0, 0, 0, 1)), Buffer.of(5)]);
    expect(decodeAmf0(nested(7))).toEqual([[[[[[[[null]]]]]]]]);
    expect(() => decodeAmf0(nested(8))).toThrow(/nested deeper/);
    expect(() => decodeAmf0(nested(100_000))).toThrow(/nested deeper/);
  });

  it('believes no count and no length', () => {
    expect(() => decodeAmf0(Buffer.from('0affffffff', 'hex'))).toThrow(/middle/);
    expect(() => decodeAmf0(Buffer.concat([Buffer.from('0affffffff', 'hex'), Buffer.alloc(4_000, 5)]))).toThrow(/512/);
    expect(() => decodeAmf0(Buffer.from('0cffffffff', 'hex'))).toThrow(/4294967295 bytes/);
    expect(() => decodeAmf0(Buffer.from('02ffff61', 'hex'))).toThrow(/middle/);
  });

  it('has __proto__ as a key like any other', () => {
    const [object] = decodeAmf0(
      Buffer.concat([Buffer.from('030009', 'hex'), Buffer.from('__proto__'), Buffer.from('0101000009', 'hex')]),
    ) as [Record<string, unknown>];
    expect(Object.keys(object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
    expect(Object.getPrototypeOf(object)).toBeNull();
  });
});
