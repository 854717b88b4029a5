import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FaultLog } from './FaultLog.ts';
import { MetricReadings } from './MetricReadings.ts';
import { SampleRing } from './SampleRing.ts';

it('reads sums, single values and histograms of a registry', async () => {
  const registers = [new Registry()];
  const lost = new Counter({ name: 'lost_total', help: 'x', labelNames: ['kind'], registers });
  lost.inc({ kind: 'sfu' }, 2);
  lost.inc({ kind: 'inference' });
  new Gauge({ name: 'waiting', help: 'x', registers }).set(7);
  const seconds = new Histogram({ name: 'seconds', help: 'x', buckets: [1, 2], registers });
  seconds.observe(0.5);
  seconds.observe(1.5);
  const readings = await MetricReadings.create(registers[0]!);
  expect(readings.sum('lost_total')).toBe(3);
  expect(readings.sum('lost_total', ({ kind }) => kind === 'sfu')).toBe(2);
  expect(readings.sum('nothing')).toBe(0);
  expect([...readings.each('lost_total')]).toEqual([
    ['sfu', 2],
    ['inference', 1],
  ]);
  expect([...readings.each('waiting')]).toEqual([['', 7]]);
  expect([...readings.each('seconds')]).toEqual([
    ['sum', 2],
    ['count', 2],
  ]);
  expect(readings.histogram('seconds')).toEqual({ sum: 2, count: 2 });
});

it('keeps the last samples of each figure, all as long', () => {
  const ring = new SampleRing(3);
  ring.push({ viewers: 1 });
  ring.push({ viewers: 2, decodeMs: 1.23456 });
  expect(ring.series).toEqual({ viewers: [1, 2], decodeMs: [null, 1.235] });
  ring.push({ decodeMs: Number.NaN });
  ring.push({ viewers: 1234.5, decodeMs: null });
  expect(ring.series).toEqual({ viewers: [2, null, 1235], decodeMs: [1.235, null, null] });
});

describe('FaultLog', () => {
  const at = (ms: number) => new Date(ms).toISOString();

  it('tells what grew lately, and since when each was quiet', () => {
    const log = new FaultLog(3);
    const sample = (totals: Record<string, number>, nowMs: number) => (log.next(), log.take('sfu-1', totals, nowMs));
    sample({ deaths: 4, lost: 0 }, 1_000);
    expect(log.view()).toEqual([{ node: 'sfu-1', what: 'deaths', total: 4, recent: 0, lastAt: null }]);
    sample({ deaths: 4, lost: 2 }, 2_000);
    expect(log.view()[0]).toEqual({ node: 'sfu-1', what: 'lost', total: 2, recent: 2, lastAt: at(2_000) });
    sample({ deaths: 5, lost: 2 }, 3_000);
    sample({ deaths: 5, lost: 2 }, 4_000);
    expect(log.view()).toEqual([
      { node: 'sfu-1', what: 'deaths', total: 5, recent: 1, lastAt: at(3_000) },
      { node: 'sfu-1', what: 'lost', total: 2, recent: 0, lastAt: null },
    ]);
  });

  it('takes a count that fell for a process that began anew', () => {
    const log = new FaultLog(5);
    log.take('a', { x: 10 }, 1_000);
    log.take('a', { x: 3 }, 2_000);
    expect(log.view()[0]).toMatchObject({ total: 3, recent: 3, lastAt: at(2_000) });
  });

  it('forgets a node that is gone', () => {
    const log = new FaultLog(2);
    log.take('gone', { x: 1 }, 0);
    for (let sample = 0; sample < 3; sample++) log.next();
    expect(log.view()).toEqual([]);
  });
});
