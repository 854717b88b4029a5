import type { ActivityAnswer, PropertiesAnswer, PropertiesPoint } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { activityChart, bucketAt, chartHeight, roundTop } from './activityChart.ts';
import { momentWords, timeTicks } from './chartTime.ts';
import { colourBars, pointAt, propertyPaths, rowHeight, scaleTop } from './propertiesChart.ts';

const from = '2026-11-22T10:00:00.000Z';
const later = (seconds: number) => new Date(Date.parse(from) + seconds * 1000).toISOString();

describe('times below a chart', () => {
  it('are round, inside the range, and not too many', () => {
    for (const span of [30, 900, 3_600, 86_400, 30 * 86_400, 400 * 86_400]) {
      const ticks = timeTicks(Date.parse(from) + 1_234, Date.parse(later(span)), 8);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThanOrEqual(9);
      for (const { at, ms } of ticks) {
        expect(at).toBeGreaterThanOrEqual(0);
        expect(at).toBeLessThanOrEqual(1);
        expect(ms % 1000).toBe(0);
      }
    }
    expect(timeTicks(5, 5, 8)).toEqual([]);
  });

  it('name the day only where it is another one', () => {
    const nowMs = new Date(2026, 10, 22, 12).getTime();
    expect(momentWords(new Date(2026, 10, 22, 9, 4, 5).getTime(), nowMs)).toBe('09:04:05');
    expect(momentWords(new Date(2026, 10, 21, 9, 4, 5).getTime(), nowMs)).toBe('Nov 21, 09:04:05');
    expect(momentWords(new Date(2025, 0, 1, 9, 4, 5).getTime(), nowMs)).toBe('Jan 1, 2025, 09:04:05');
  });
});

describe('activity as stacked bars', () => {
  const answer: ActivityAnswer = {
    ...{ from, to: later(40), bucketSeconds: 10, exact: true },
    series: [
      { label: 'person', counts: [3, 0, 1, 0] },
      { label: 'others', counts: [1, 0, 0, 0] },
    ],
  };

  it('has totals, a round scale, and grey for the others', () => {
    const chart = activityChart(answer);
    expect(chart).toMatchObject({ top: 5, total: 5 });
    expect(chart.buckets.map(({ total }) => total)).toEqual([4, 0, 1, 0]);
    expect(chart.buckets[0]!.byLabel.map(({ label, count }) => `${label} ${count}`)).toEqual(['person 3', 'others 1']);
    expect(chart.series[1]!.colour).toBe('var(--series-4)');
    // Three persons stand on the ground, the others on them.
    expect(chart.series[0]!.path).toContain(`M22.5 ${chartHeight * 0.4}`);
    expect(chart.series[1]!.path).toContain(`M22.5 ${chartHeight * 0.2}`);
  });

  it('finds the bar below the pointer', () => {
    expect(bucketAt(answer, 0.3, 4)).toBe(1);
    expect(bucketAt(answer, 1.01, 4)).toBeUndefined();
  });

  it('bears nothing at all', () => {
    expect(activityChart({ ...answer, series: [] })).toMatchObject({ top: 1, total: 0, series: [] });
    expect([0, 1, 3, 7, 10, 42, 999].map(roundTop)).toEqual([1, 1, 5, 10, 10, 50, 1000]);
  });
});

describe('visual properties as a strip', () => {
  const pointOf = (seconds: number, changes: Partial<PropertiesPoint> = {}): PropertiesPoint => ({
    ...{ at: later(seconds), brightness: 0.5, contrast: 0.2, saturation: 0.1, motion: 0.02, sharpness: null, cuts: 0 },
    colours: [
      { colour: '#102030', share: 0.75 },
      { colour: '#ffffff', share: 0.15 },
    ],
    ...changes,
  });
  const answerOf = (seconds: PropertiesPoint[]): PropertiesAnswer => ({
    ...{ from, to: later(100), pointSeconds: 1, sampled: false, seconds },
  });

  it('breaks its line where nothing was analysed', () => {
    const { line } = propertyPaths(answerOf([pointOf(0), pointOf(1), pointOf(50), pointOf(51)]), 'brightness');
    expect(line).toBe(`M0 ${rowHeight / 2}L10 ${rowHeight / 2}M500 ${rowHeight / 2}L510 ${rowHeight / 2}`);
    expect(propertyPaths(answerOf([pointOf(0, { motion: null })]), 'motion')).toEqual({ line: '', area: '' });
  });

  it('scales motion to what there is, and nothing else', () => {
    expect(scaleTop('motion', [pointOf(0, { motion: 0.02 })])).toBe(0.05);
    expect(scaleTop('motion', [pointOf(0, { motion: 0.3 })])).toBe(0.5);
    expect(scaleTop('contrast', [pointOf(0)])).toBe(1);
  });

  it('fills each column with its colours', () => {
    const bars = colourBars(answerOf([pointOf(0)]));
    expect(bars.map(({ colour }) => colour)).toEqual(['#102030', '#ffffff']);
    expect(bars.reduce((sum, { height }) => sum + height, 0)).toBeCloseTo(rowHeight, 1);
    expect(colourBars(answerOf([pointOf(0, { colours: [] })]))).toEqual([]);
    // 1.2 s apart is no gap, 10 s are.
    const widths = [0, 1.2, 11.2].map(
      (at) => colourBars(answerOf([pointOf(0), pointOf(1.2), pointOf(11.2)])).find(({ x }) => x === at * 10)!.width,
    );
    expect(widths).toEqual([12.4, 10.4, 10.4]);
  });

  it('knows what is below the pointer', () => {
    const answer = answerOf([pointOf(0), pointOf(40), pointOf(90)]);
    expect(pointAt(answer, 0.45)!.at).toBe(later(40));
    expect(pointAt(answerOf([]), 0.5)).toBeUndefined();
  });
});
