import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoxList, boxStride } from './BoxList.ts';
import { iouOf, maxCandidates, suppressDuplicates } from './nms.ts';

const boxArbitrary = fc.record({
  x: fc.integer({ min: -10, max: 60 }),
  y: fc.integer({ min: -10, max: 60 }),
  w: fc.integer({ min: 0, max: 30 }),
  h: fc.integer({ min: 0, max: 30 }),
  score: fc.integer({ min: 0, max: 20 }).map((n) => n / 20),
  label: fc.integer({ min: 0, max: 2 }),
});
type Box = ReturnType<(typeof boxArbitrary)['generate']>['value'];

function listOf(boxes: readonly Box[]): BoxList {
  const list = new BoxList(2);
  for (const { x, y, w, h, score, label } of boxes) list.push(x, y, x + w, y + h, score, label);
  return list;
}

/** Counts whole pixels: slow, and right for integer boxes. */
function iouByPixels(a: Box, b: Box): number {
  const inside = (box: Box, x: number, y: number): boolean =>
    x >= box.x && x < box.x + box.w && y >= box.y && y < box.y + box.h;
  let both = 0;
  let either = 0;
  for (let x = -10; x < 90; x++) {
    for (let y = -10; y < 90; y++) {
      const [inA, inB] = [inside(a, x, y), inside(b, x, y)];
      if (inA && inB) both++;
      if (inA || inB) either++;
    }
  }
  return either === 0 ? 0 : both / either;
}

/** Recursive, as the definition reads: the best stays, what it covers goes, the same again with the rest. */
function referenceNms(boxes: Box[], order: number[], threshold: number, list: BoxList): number[] {
  const [best, ...rest] = order;
  if (best === undefined) return [];
  const survivors = rest.filter(
    (i) => threshold >= 1 || boxes[i]!.label !== boxes[best]!.label || iouOf(list, best, i) <= threshold,
  );
  return [best, ...referenceNms(boxes, survivors, threshold, list)];
}

describe('nms', () => {
  it('measures overlap as counting pixels does', () => {
    fc.assert(
      fc.property(boxArbitrary, boxArbitrary, (a, b) => {
        expect(iouOf(listOf([a, b]), 0, 1)).toBeCloseTo(iouByPixels(a, b), 9);
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('keeps what the definition keeps, best first', () => {
    const threshold = fc.constantFrom(0, 0.3, 0.45, 0.6, 1);
    fc.assert(
      fc.property(fc.array(boxArbitrary, { maxLength: 40 }), threshold, (boxes, iouThreshold) => {
        const list = listOf(boxes);
        const order = [...boxes.keys()].sort((i, j) => boxes[j]!.score - boxes[i]!.score || i - j);
        expect(suppressDuplicates(list, iouThreshold, 300)).toEqual(referenceNms(boxes, order, iouThreshold, list));
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('looks at the best candidates only and keeps at most what is asked', () => {
    const list = new BoxList();
    for (let i = 0; i < maxCandidates + 500; i++) list.push(i * 2, 0, i * 2 + 1, 1, i / 5000, 0);
    const kept = suppressDuplicates(list, 0.5, 5000);
    expect(kept).toHaveLength(maxCandidates);
    expect(list.data[kept[0]! * boxStride + 4]).toBeCloseTo(1499 / 5000);
    expect(suppressDuplicates(list, 0.5, 3)).toEqual(kept.slice(0, 3));
  });
});
