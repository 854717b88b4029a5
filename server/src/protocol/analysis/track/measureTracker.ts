import type { DetectedObject } from '../DetectedObject.ts';
import { evaluateTracks, type TrackFigures, trackScene } from './evaluateTracks.ts';
import { Tracker } from './Tracker.ts';
import { makeScene, type SceneName, trackScenes } from './trackScenes.ts';

/**
 * What `deploy/bench/tracker.ts` runs: IDF1 and MOTA on generated sequences and time per analysed Frame, JSON on stdout.
 *
 *     node measureTracker.ts [other module with a class Tracker to compare with]
 */
interface AnyTracker {
  update(objects: readonly DetectedObject[], rtpTicks: number): number[];
  isConfirmed?(id: number): boolean;
}
type TrackerClass = new () => AnyTracker;

/** The tests have others. */
const seeds = [1, 2, 3, 4, 5];
const rounded = (value: number, digits = 4): number => Number(value.toFixed(digits));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function judge(name: SceneName, make: TrackerClass, confirmedOnly: boolean) {
  const figures = seeds.map((seed): TrackFigures => {
    const tracker = new make();
    const frames = makeScene({ ...trackScenes[name], seed });
    return evaluateTracks(trackScene(tracker, frames, (id) => !confirmedOnly || tracker.isConfirmed!(id)));
  });
  return {
    idf1: rounded(mean(figures.map(({ idf1 }) => idf1))),
    mota: rounded(mean(figures.map(({ mota }) => mota))),
    idSwitches: rounded(mean(figures.map(({ idSwitches }) => idSwitches)), 1),
  };
}

/** Microseconds per `update` of a crowd, after as much again for the compiler; `cpu` is the mean, and no other job is in it. */
function time(make: TrackerClass, objects: number) {
  const height = objects > 100 ? ([0.04, 0.1] as const) : ([0.08, 0.2] as const);
  const options = { objects, seconds: 60, fps: [15, 15], height, hiddenEvery: 0.1, falsePositives: 0.5 } as const;
  const frames = makeScene({ ...options, seed: 1 });
  for (let round = 0; round < 2; round++) trackScene(new make(), frames);
  const tracker = new make();
  const us: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (const { objects: seen, rtpTicks } of frames) {
    const startedAtMs = performance.now();
    tracker.update(seen, rtpTicks);
    us.push((performance.now() - startedAtMs) * 1000);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  us.sort((a, b) => a - b);
  const at = (share: number): number => rounded(us[Math.floor(share * (us.length - 1))]!, 1);
  return {
    seen: rounded(mean(frames.map(({ objects: seen }) => seen.length)), 1),
    frames: us.length,
    us: { cpu: rounded((user + system) / us.length, 1), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
  };
}

const names = Object.keys(trackScenes) as SceneName[];
function measure(make: TrackerClass, hasConfirmed: boolean) {
  const sequences = Object.fromEntries(
    names.map((name) => [
      name,
      { ...judge(name, make, false), ...(hasConfirmed ? { confirmed: judge(name, make, true) } : {}) },
    ]),
  );
  const perFrame = Object.fromEntries([10, 50, 200].map((objects) => [objects, time(make, objects)]));
  return { sequences, perFrame };
}

const other = process.argv[2];
const compared = other === undefined ? undefined : ((await import(other)) as { Tracker: TrackerClass }).Tracker;
const result = {
  ...measure(Tracker, true),
  ...(compared ? { compared: { with: other, ...measure(compared, false) } } : {}),
};
console.log(JSON.stringify({ scenes: trackScenes, seeds, ...result }));
