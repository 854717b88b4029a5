import { describe, expect, it } from 'vitest';
import { pushFigure, sparklinePoints } from './figureHistory.ts';

describe('pushFigure', () => {
  it('keeps the newest values only', () => {
    expect(pushFigure([], 1, 3)).toEqual([1]);
    expect(pushFigure([1, 2, 3], 4, 3)).toEqual([2, 3, 4]);
    expect(pushFigure([1], Number.NaN, 3)).toEqual([1, 0]);
  });
});

describe('sparklinePoints', () => {
  it('puts the newest value at the right edge and zero at the bottom', () => {
    const box = { width: 100, height: 20, limit: 11, floor: 10 };
    expect(sparklinePoints([0, 5, 10], box)).toEqual([
      [80, 20],
      [90, 10],
      [100, 0],
    ]);
  });

  it('does not divide by nothing', () => {
    expect(sparklinePoints([0], { width: 10, height: 10, limit: 1, floor: 0 })).toEqual([[10, 10]]);
    expect(sparklinePoints([], { width: 10, height: 10, limit: 5, floor: 1 })).toEqual([]);
  });
});
