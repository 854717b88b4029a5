import { expect, it } from 'vitest';
import { ProcessMeter, readProcessUsage } from './ProcessMeter.ts';

it('tells the cores used between two readings, also of a process that took the place of another', () => {
  let nowMs = 0;
  let cpuSeconds = 5;
  const meter = new ProcessMeter(
    (pid) => (pid === 3 ? undefined : { cpuSeconds, rssBytes: 100 }),
    () => nowMs,
  );
  expect(meter.read('hls', 1)).toEqual({ name: 'hls', cores: 0, rssBytes: 100 });
  nowMs = 2_000;
  cpuSeconds = 8;
  expect(meter.read('hls', 1)).toMatchObject({ cores: 1.5 });
  nowMs = 3_000;
  cpuSeconds = 0.5;
  expect(meter.read('hls', 2)).toMatchObject({ cores: 0 });
  expect(meter.read('hls', 3)).toBeUndefined();
});

it('reads this process, and where there is /proc another one', () => {
  expect(readProcessUsage(undefined)!.rssBytes).toBeGreaterThan(1e6);
  if (process.platform === 'linux') expect(readProcessUsage(process.pid)!.rssBytes).toBeGreaterThan(1e6);
  expect(readProcessUsage(2 ** 30)).toBeUndefined();
});
