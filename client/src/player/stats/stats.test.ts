import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DetectionDelayMeter } from './DetectionDelayMeter.ts';
import { OverlayCounters } from './OverlayCounters.ts';
import { RateMeter } from './RateMeter.ts';
import { SlidingWindow } from './SlidingWindow.ts';

describe('SlidingWindow', () => {
  it('has the percentiles of the newest values', () => {
    const window = new SlidingWindow(100);
    for (let i = 1; i <= 150; i++) window.add(i);
    expect(window.percentiles(0, 0.5, 0.99, 1)).toEqual([51, 100, 149, 150]);
    expect(new SlidingWindow(3).median).toBeNull();
  });

  it('percentiles are values it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, p) => {
        const window = new SlidingWindow(values.length);
        values.forEach((value) => window.add(value));
        expect(values).toContain(window.percentile(p));
      }),
      { seed: 20261120 },
    );
  });
});

describe('RateMeter', () => {
  it('counts per second and falls to nothing', () => {
    const meter = new RateMeter();
    for (let nowMs = 0; nowMs < 4000; nowMs += 40) meter.add(nowMs);
    expect(meter.rate(4000)).toBeCloseTo(25);
    expect(meter.rate(7000)).toBe(0);
  });
});

describe('OverlayCounters', () => {
  it('counts each picture once, as the best it reached', () => {
    const counters = new OverlayCounters();
    counters.add({ kind: 'unanalysed', errorTicks: null, wrongFrame: false });
    counters.add({ kind: 'extrapolated', errorTicks: 500, wrongFrame: false });
    counters.improve({ kind: 'exact', errorTicks: 0, wrongFrame: false });
    counters.add({ kind: 'interpolated', errorTicks: 0, wrongFrame: false });
    expect(counters.totals).toMatchObject({
      ...{ framesPresented: 3, exact: 1, interpolated: 1, extrapolated: 0, unanalysed: 1, wrongFrame: 0 },
    });
    expect(counters.errorTicks).toEqual({ p50: 0, p99: 0, max: 0 });
  });

  it('does not forget a wrong frame', () => {
    const counters = new OverlayCounters();
    counters.add({ kind: 'exact', errorTicks: 3000, wrongFrame: true });
    counters.improve({ kind: 'exact', errorTicks: 0, wrongFrame: false });
    counters.add({ kind: 'exact', errorTicks: 3000, wrongFrame: true });
    expect(counters.totals.wrongFrame).toBe(2);
    expect(counters.errorTicks.max).toBe(3000);
  });
});

describe('DetectionDelayMeter', () => {
  it('pairs a frame and its message in either order, once', () => {
    const delays: number[] = [];
    const meter = new DetectionDelayMeter((delayMs) => delays.push(delayMs));
    meter.onFrame(1, 100);
    meter.onMessage(1, 150);
    meter.onMessage(2, 400);
    meter.onFrame(2, 310);
    meter.onMessage(1, 999);
    meter.onFrame(3, NaN);
    meter.onMessage(3, 5);
    expect(delays).toEqual([50, 90]);
  });
});
