import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addHeatmaps, encodeHeatmap } from './heatmapCells.ts';
import { coarsen, joinSpans, lengthOf, readSpans, type Spans } from './spans.ts';

function pack(spans: Spans): Uint8Array {
  const view = new DataView(new ArrayBuffer(spans.length * 16));
  for (const [i, [begin, end]] of spans.entries()) {
    for (const [at, ms] of [begin, end].entries()) {
      view.setBigInt64(i * 16 + at * 8, BigInt(ms - Date.UTC(2000, 0, 1)) * 1000n);
    }
  }
  return new Uint8Array(view.buffer);
}

const span = fc
  .tuple(fc.integer({ min: 0, max: 100_000 }), fc.nat(3_000))
  .map(([a, b]): [number, number] => [a, a + b]);

describe('spans', () => {
  it('count once what overlaps', () => {
    const spans: Spans = [
      [5_000, 6_000],
      [0, 2_000],
      [1_000, 3_000],
      [3_000, 4_000],
    ];
    const joined = joinSpans(readSpans(pack(spans)));
    expect(joined).toEqual([
      [0, 4_000],
      [5_000, 6_000],
    ]);
    expect(lengthOf(joined)).toBe(5_000);
    expect([readSpans(new Uint8Array()), joinSpans([]), coarsen([], 5)]).toEqual([[], [], []]);
  });

  it('are the union, whatever comes, and fit on a page without losing any', () => {
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 200 }), fc.integer({ min: 2, max: 40 }), (spans, max) => {
        const joined = joinSpans(readSpans(pack(spans)));
        const points = new Set<number>();
        for (const [begin, end] of spans) for (let ms = begin; ms < end; ms++) points.add(ms);
        expect(lengthOf(joined)).toBe(points.size);
        const coarse = coarsen(joined, max);
        expect(coarse.length).toBeLessThanOrEqual(max);
        for (const [begin, end] of joined) {
          expect(coarse.some((one) => one[0] <= begin && end <= one[1])).toBe(true);
        }
      }),
      { seed: 20_261_123, numRuns: 60 },
    );
  });
});

describe('heatmaps', () => {
  it('keep the cells that are not 0, and add up one behind the other', () => {
    const heatmap = new Array<number>(144).fill(0);
    heatmap[3] = 1.5;
    heatmap[143] = 0.25;
    const bytes = encodeHeatmap(heatmap);
    expect(bytes).toHaveLength(10);
    const sums = new Float64Array(144);
    addHeatmaps(sums, Uint8Array.of(...bytes, ...bytes));
    addHeatmaps(sums, bytes, 0.5);
    addHeatmaps(sums, Uint8Array.of(200, 0, 0, 0, 0, 1)); // no such cell, and half of one
    expect([sums[3], sums[143], sums.reduce((sum, one) => sum + one, 0)]).toEqual([3.75, 0.625, 4.375]);
  });
});
