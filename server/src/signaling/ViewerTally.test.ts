import { expect, it } from 'vitest';
import { Metrics } from '../Metrics.ts';
import type { ViewerReport } from '../protocol/index.ts';
import { ViewerTally } from './ViewerTally.ts';

const report = (exact: number, wrongFrame = 0): ViewerReport => ({
  mode: 'lock',
  framesPresented: exact,
  exact,
  interpolated: 0,
  extrapolated: 0,
  unanalysed: 0,
  missedCallbacks: 0,
  wrongFrame,
});

async function sums(metrics: Metrics) {
  const exact = (await metrics.viewerFrames.get()).values.find(({ labels }) => labels.kind === 'exact')?.value;
  return { exact, wrong: (await metrics.viewerWrongFrames.get()).values[0]!.value };
}

it('adds what is new in each report, over all viewers', async () => {
  const metrics = new Metrics();
  const [one, two] = [new ViewerTally(metrics), new ViewerTally(metrics)];
  one.add(report(10, 1));
  one.add(report(30, 1));
  two.add(report(5));
  expect(await sums(metrics)).toEqual({ exact: 35, wrong: 1 });
});

it('goes on when a player counts from 0 again, and believes no report more than it could have seen', async () => {
  const metrics = new Metrics();
  const tally = new ViewerTally(metrics);
  tally.add(report(100));
  tally.add(report(7));
  expect((await sums(metrics)).exact).toBe(107);
  tally.add(report(Number.MAX_SAFE_INTEGER));
  expect((await sums(metrics)).exact).toBeLessThan(50_000);
});

it('takes the latency of each report that has one, and none that only two clocks explain', async () => {
  const metrics = new Metrics();
  const tally = new ViewerTally(metrics);
  tally.add(report(1));
  tally.add({ ...report(2), captureToOverlayP50Ms: 180 });
  tally.add({ ...report(3), captureToOverlayP50Ms: 3_600_000 });
  const { values } = await metrics.viewerLatency.get();
  const figure = (name: string) => values.find(({ metricName }) => metricName?.endsWith(name))?.value;
  expect([figure('_count'), figure('_sum')]).toEqual([1, 0.18]);
});
