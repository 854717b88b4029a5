import { describe, expect, it } from 'vitest';
import { matchBoxes } from './matchBoxes.ts';
import { boxOverlap, placedBox } from './PlacedBox.ts';
import { box } from './testing.ts';

const placed = (...boxes: Parameters<typeof placedBox>[0][]) => boxes.map(placedBox);

describe('matchBoxes', () => {
  it('joins tracks however far they moved', () => {
    const to = placed(box(0.7, 0.7, 1));
    expect(matchBoxes(placed(box(0, 0, 1)), to)).toEqual(to);
  });

  it('never joins two different tracks or labels, however much they overlap', () => {
    expect(matchBoxes(placed(box(0, 0, 1)), placed(box(0, 0, 2)))).toEqual([undefined]);
    expect(matchBoxes(placed(box(0, 0, 0, 1)), placed(box(0, 0, 0, 2)))).toEqual([undefined]);
  });

  it('joins boxes without tracks by the largest overlap, each once', () => {
    const [near, far] = placed(box(0.02, 0), box(0.1, 0));
    expect(matchBoxes(placed(box(0, 0), box(0.08, 0)), [far!, near!])).toEqual([near, far]);
    expect(matchBoxes(placed(box(0, 0), box(0.05, 0)), [near!])).toEqual([near, undefined]);
  });

  it('knows overlaps', () => {
    const [a, b, c] = placed(box(0, 0), box(0.1, 0), box(0.5, 0.5));
    expect(boxOverlap(a!, a!)).toBeCloseTo(1);
    expect(boxOverlap(a!, b!)).toBeCloseTo(1 / 3);
    expect(boxOverlap(a!, c!)).toBe(0);
  });
});
