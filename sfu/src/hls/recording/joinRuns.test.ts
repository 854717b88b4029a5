import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredSegment } from '../store/segmentIndex.ts';
import { joinRuns } from './joinRuns.ts';
import { firstDecodeTime, rebaseFragments } from './rebaseFragments.ts';

const segment = (msn: number, start: number, extra: Partial<StoredSegment> = {}): StoredSegment => ({
  ...{ msn, start, initIndex: 0, duration: 180_000, discontinuity: false, unixMs: undefined, bytes: 1, extraBytes: 0 },
  ...extra,
});

/** `moof` with one `traf` each, before it an `emsg`, behind it an `mdat` that could be taken for boxes. */
function fragment(times: readonly number[]): Buffer {
  const box = (type: string, ...content: Buffer[]): Buffer => {
    const data = Buffer.concat(content);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length + 8);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, data]);
  };
  const trafs = times.map((time) => {
    const tfdt = Buffer.alloc(12);
    tfdt[0] = 1;
    tfdt.writeBigUInt64BE(BigInt(time), 4);
    return box('traf', box('tfhd', Buffer.alloc(8)), box('tfdt', tfdt), box('trun', Buffer.alloc(20)));
  });
  const moof = box('moof', box('mfhd', Buffer.alloc(8)), ...trafs);
  return Buffer.concat([box('emsg', Buffer.alloc(40)), moof, box('mdat', moof)]);
}

describe('joinRuns', () => {
  it('puts each Segment where the one before it ended, whatever the clock did', () => {
    const step = fc.record({ jump: fc.integer({ min: -9e9, max: 9e9 }), cut: fc.boolean(), init: fc.nat({ max: 1 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        let start = 1e10;
        const segments = steps.map(({ jump, cut, init }, msn) => {
          if (cut) start += jump;
          const next = segment(msn, start, { discontinuity: cut, initIndex: init });
          start += next.duration;
          return next;
        });
        const placed = joinRuns(segments).flatMap((run) => run.segments.map((one) => ({ run, ...one })));
        expect(placed.map((one) => one.segment)).toEqual(segments);
        placed.forEach(({ run, segment: { start: at, initIndex }, offset }, i) => {
          expect(run.initIndex).toBe(initIndex);
          expect(at + (offset ?? -segments[0]!.start)).toBe(i * 180_000);
        });
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('takes a jump that nobody marked for one', () => {
    const runs = joinRuns([segment(0, 0), segment(1, 9e9), segment(2, 9e9 + 180_000)]);
    expect(runs[0]!.segments.map(({ offset }) => offset)).toEqual([undefined, 180_000 - 9e9, 180_000 - 9e9]);
  });
});

describe('rebaseFragments', () => {
  it('moves every tfdt and nothing else', () => {
    const data = Buffer.concat([fragment([9_000_000_000, 8_999_999_000]), fragment([9_000_030_000, 9_000_029_000])]);
    const before = Buffer.from(data);
    expect(firstDecodeTime(data)).toBe(8_999_999_000);
    rebaseFragments(data, -8_999_999_000);
    expect(firstDecodeTime(data)).toBe(0);
    rebaseFragments(data, 8_999_999_000);
    expect(data.equals(before)).toBe(true);
  });

  it('survives bytes that are no boxes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 300 }), (bytes, cut) => {
        const data = Buffer.concat([fragment([5, 6]).subarray(0, cut), bytes]);
        const { length } = data;
        firstDecodeTime(data);
        rebaseFragments(data, 7);
        expect(data.length).toBe(length);
      }),
      { seed: 8, numRuns: 500 },
    );
  });
});
