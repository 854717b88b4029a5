import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange } from './range.ts';

describe('parseRange', () => {
  it('never leaves the file, and asks for what the header asks for', () => {
    const bound = fc.option(fc.nat({ max: 2_000 }), { nil: undefined });
    fc.assert(
      fc.property(bound, bound, fc.nat({ max: 1_000 }), (from, to, bytes) => {
        const range = parseRange(`bytes=${from ?? ''}-${to ?? ''}`, bytes);
        if (range === undefined) {
          expect(from === undefined ? to === undefined : to! < from).toBe(true);
        } else if (range === 'unsatisfiable') {
          expect(from === undefined ? to === 0 || bytes === 0 : from >= bytes).toBe(true);
        } else {
          expect(range.first).toBe(from ?? Math.max(0, bytes - to!));
          expect(range.last).toBe(from === undefined || to === undefined ? bytes - 1 : Math.min(to, bytes - 1));
          expect(range.first >= 0 && range.first <= range.last && range.last < bytes).toBe(true);
        }
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });

  it('takes what it does not understand for no range', () => {
    const headers = [
      undefined,
      '',
      'bytes',
      'bytes=',
      'bytes=-',
      'bytes=a-b',
      'bytes=0-1,2-3',
      'items=0-1',
      'bytes=1-0',
    ];
    for (const header of headers) expect(parseRange(header, 10)).toBeUndefined();
  });
});
