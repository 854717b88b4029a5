import { describe, expect, it } from 'vitest';
import { chartAreas, chartLines, chartTop, niceTop, sampleAt, type ChartSeries } from './timeChart.ts';

const series = (values: (number | null)[]): ChartSeries => ({ name: 'x', color: '--series-1', values });

it.each([
  [0, 1],
  [0.3, 0.5],
  [1, 1],
  [1.01, 2],
  [14.8, 20],
  [31, 50],
  [999, 1000],
])('%d is shown on a scale up to %d', (value, top) => expect(niceTop(value)).toBe(top));

describe('a chart', () => {
  it('has a scale for the highest value, or the highest sum', () => {
    const two = [series([1, 3, null]), series([4, 2, 3])];
    expect(chartTop(two, false, 0)).toBe(5);
    expect(chartTop(two, true, 0)).toBe(5);
    expect(chartTop(two, true, 7)).toBe(10);
    expect(chartTop([], false, 1)).toBe(1);
  });

  it('draws lines with gaps, newest at the right edge', () => {
    expect(chartLines([series([0, 10, null, 5])], 10, 100, 5)).toEqual([{ stretches: ['25,100 50,0', '100,50'] }]);
  });

  it('stacks areas', () => {
    expect(chartAreas([series([5, 5]), series([5, null])], 10, 100, 2)).toEqual([
      '0,50 100,50 100,100 0,100',
      '0,0 100,50 100,50 0,50',
    ]);
  });

  it('knows which sample is under the pointer', () => {
    expect(sampleAt(1, 3, 5)).toBe(2);
    expect(sampleAt(0.5, 3, 5)).toBe(0);
    expect(sampleAt(0, 3, 5)).toBeUndefined();
  });
});
