import { describe, expect, it } from 'vitest';
import type { AnalysisView } from '../protocol/index.ts';
import { LateMonitor } from './LateMonitor.ts';

const running = (analysisFps: number, sourceFps = 30): AnalysisView => ({ state: 'running', analysisFps, sourceFps });

/** One look a second; what changed, by second. */
function changes(monitor: LateMonitor, views: readonly AnalysisView[]): [number, string, number][] {
  return views.flatMap((view, second) => {
    const change = monitor.sample(view, second * 1000);
    return change ? [[second, change.change, change.sinceMs / 1000] as [number, string, number]] : [];
  });
}

describe('LateMonitor', () => {
  it('is late after so many seconds below the share, once, and back after three good ones', () => {
    const views = [30, 14, 14, 14, 14, 14, 30, 30, 30, 30, 30].map((fps) => running(fps));
    expect(changes(new LateMonitor({ share: 0.5, seconds: 3 }), views)).toEqual([
      [4, 'late', 1],
      [9, 'back', 6],
    ]);
  });

  it('begins anew where a second was good, or bad again', () => {
    const views = [14, 14, 14, 30, 14, 14, 14, 14, 30, 30, 14, 30, 30, 30, 30].map((fps) => running(fps));
    expect(changes(new LateMonitor({ share: 0.5, seconds: 3 }), views)).toEqual([
      [7, 'late', 4],
      [14, 'back', 11],
    ]);
  });

  it('takes an analysis that does not run for late, and says why', () => {
    const monitor = new LateMonitor({ share: 0.5, seconds: 1 });
    const failed: AnalysisView = { state: 'failed', reason: 'no such model' };
    expect(monitor.sample(failed, 0)).toBeUndefined();
    expect(monitor.sample(failed, 1000)).toEqual({ change: 'late', sinceMs: 0, reason: 'failed: no such model' });
    const long = new LateMonitor({ share: 0.5, seconds: 0 }).sample({ ...failed, reason: 'x'.repeat(2_000) }, 0);
    expect(long!.reason).toHaveLength(500);
    expect(
      changes(new LateMonitor({ share: 0.5, seconds: 1 }), [{ state: 'unavailable' }, { state: 'starting' }]),
    ).toEqual([[1, 'late', 0]]);
  });

  it('is not late where no frames come, or nothing was measured', () => {
    const views: AnalysisView[] = [running(0, 0), { state: 'running' }, running(0, 0), running(15), running(29)];
    expect(changes(new LateMonitor({ share: 0.5, seconds: 1 }), views)).toEqual([]);
  });
});
