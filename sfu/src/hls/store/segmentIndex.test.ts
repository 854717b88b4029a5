import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLine, formatSegmentIndex, parseSegmentIndex, type StoredSegment } from './segmentIndex.ts';

const segment = (msn: number, extra: Partial<StoredSegment> = {}): StoredSegment => ({
  msn,
  initIndex: 0,
  start: msn * 180_000,
  duration: 180_000,
  discontinuity: false,
  unixMs: 1_000 + msn,
  bytes: 1_000,
  extraBytes: 0,
  ...extra,
});
const init = { index: 0, codecs: ['avc1.42c01f'], width: 640, height: 360, hasAudio: false, bytes: 700 };
const whole = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => formatLine({ k: 'segment', ...segment(from + i) })).join('');

describe('parseSegmentIndex', () => {
  it('reads of a text torn anywhere all lines before the tear', () => {
    const text = formatLine({ k: 'init', ...init }) + whole(0, 5);
    const ends = [...text.matchAll(/\n/g)].map(({ index }) => index);
    fc.assert(
      fc.property(fc.nat({ max: text.length }), fc.string({ maxLength: 8 }), (at, garbage) => {
        // Nobody appends to a line without its end: a store that continues has rewritten the index first.
        fc.pre(!ends.includes(at));
        const lines = ends.filter((end) => end < at).length;
        const index = parseSegmentIndex(text.slice(0, at) + garbage.replaceAll('\n', ''));
        expect(index.segments).toEqual([0, 1, 2, 3, 4].slice(0, Math.max(0, lines - 1)).map((msn) => segment(msn)));
        expect(index.inits.length).toBe(lines > 0 ? 1 : 0);
      }),
      { seed: 6, numRuns: 400 },
    );
  });

  it('says the same after a rewrite', () => {
    const text =
      formatLine({ k: 'init', ...init }) +
      whole(0, 9) +
      formatLine({ k: 'extra', msn: 7, bytes: 50 }) +
      formatLine({ k: 'drop', before: 3 }) +
      formatLine({ k: 'part', ...segment(9), index: 0 }) +
      formatLine({ k: 'part', ...segment(9), index: 1 });
    const index = parseSegmentIndex(text);
    expect(index.segments.map(({ msn, extraBytes }) => [msn, extraBytes])).toEqual(
      [3, 4, 5, 6, 7, 8].map((msn) => [msn, msn === 7 ? 50 : 0]),
    );
    expect(index.parts.map(({ msn, index: part }) => [msn, part])).toEqual([
      [9, 0],
      [9, 1],
    ]);
    expect(index).toMatchObject({ nextMsn: 10, nextInitIndex: 1 });
    const again = parseSegmentIndex(formatSegmentIndex(index));
    expect(again).toEqual({ ...index, lines: again.lines });
  });

  it('lets go of what a gap cuts off, and of Parts that do not follow each other', () => {
    expect(parseSegmentIndex(whole(0, 3) + whole(5, 7)).segments.map(({ msn }) => msn)).toEqual([5, 6]);
    const parts = [0, 1, 3].map((index) => formatLine({ k: 'part', ...segment(2), index })).join('');
    expect(parseSegmentIndex(whole(0, 2) + parts).parts.map(({ index }) => index)).toEqual([0, 1]);
    // Its Segment is whole.
    expect(parseSegmentIndex(parts + whole(0, 3)).parts).toEqual([]);
    expect(parseSegmentIndex(formatLine({ k: 'drop', before: 40 }))).toMatchObject({ segments: [], nextMsn: 40 });
  });
});
