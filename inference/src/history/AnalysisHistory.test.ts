import { rtpTicksBetween, type TrackReport, zoneSettingsSchema } from '@framelock/server/protocol';
import { type DetectedObject, Tracker } from '@framelock/server/protocol/analysis';
import { seededRandom } from '@framelock/server/protocol/tap/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeModel, HistoryStage, messagesOf, startMs } from './testHistory.ts';

const second = 90_000;
let stage: HistoryStage;
beforeEach(() => void (stage = new HistoryStage()));
afterEach(() => stage.histories.close());

const object = (x: number, y: number, rest: Partial<DetectedObject> = {}): DetectedObject => ({
  ...{ label: 0, score: 0.9, x: x - 0.05, y: y - 0.1, w: 0.1, h: 0.2 },
  ...rest,
});

interface Truth {
  frames: number;
  first: number;
  last: number;
  best: number;
  bestAt: number;
  confirmed: boolean;
}

/** People walk about, with misses and flickers; what each id was, by a bookkeeping of its own. */
function wander(seed: number, frames: number, everyTicks = 9000, fromTicks = 0): Map<number, Truth> {
  const random = seededRandom(seed);
  const truth = new Map<number, Truth>();
  const walkers = Array.from({ length: 5 }, (_, i) => ({
    x: random(),
    y: 0.15 + i * 0.17,
    dx: random() * 0.04 - 0.02,
  }));
  for (let i = 0; i < frames; i++) {
    const objects: DetectedObject[] = [];
    for (const [n, walker] of walkers.entries()) {
      walker.x += walker.dx;
      if (walker.x < 0.1 || walker.x > 0.9) walker.dx *= -1;
      if (random() < 0.9) objects.push(object(walker.x, walker.y, { label: n % 2, score: 0.5 + random() * 0.5 }));
    }
    if (random() < 0.2) objects.push(object(random(), random(), { score: 0.3, w: 0.02, h: 0.02 }));
    const ticks = fromTicks + i * everyTicks;
    const ids = stage.frame(objects, ticks);
    for (const [k, id] of ids.entries()) {
      const one = truth.get(id) ?? { frames: 0, first: ticks, last: ticks, best: -1, bestAt: 0, confirmed: false };
      one.frames++;
      one.last = ticks;
      if (objects[k]!.score > one.best) Object.assign(one, { best: objects[k]!.score, bestAt: ticks });
      one.confirmed ||= stage.tracker.isConfirmed(id);
      truth.set(id, one);
    }
  }
  return truth;
}

const lastReports = (): Map<number, TrackReport> =>
  new Map(stage.batches.flatMap(({ tracks }) => tracks).map((report) => [report.trackId, report]));

describe('the batches of an analysis', () => {
  it.each([1, 2, 3])('decode to exactly what viewers got, a second each (seed %s)', async (seed) => {
    wander(seed, 205, 9000, 2 ** 32 - 3 * second);
    stage.history.close();
    await stage.settle(startMs);
    expect(stage.batches.flatMap(messagesOf)).toEqual(stage.sent);
    expect(stage.batches.map(({ sequence }) => sequence)).toEqual(stage.batches.map((_, i) => i));
    expect(new Set(stage.batches.map(({ runId }) => runId)).size).toBe(1);
    expect(stage.batches.map(({ last }) => last)).toEqual(stage.batches.map((_, i) => i === stage.batches.length - 1));
    expect(stage.batches.map(({ frames }) => frames)).toEqual([...Array<number>(20).fill(10), 5]);
    for (const batch of stage.batches) {
      expect(batch).toMatchObject({ publicationId: 'pub-1', streamId: 'stream-1', model: { revision: 1 } });
      expect(rtpTicksBetween(batch.lastRtp, batch.firstRtp)).toBe((batch.frames - 1) * 9000);
      expect(batch.toMs - batch.fromMs).toBeCloseTo((batch.frames - 1) * 100, 6);
    }
    expect(stage.dropped.batches).toBeUndefined();
  });

  it.each([4, 5, 6])('tell the totals of what is confirmed, and of nothing else (seed %s)', async (seed) => {
    const truth = wander(seed, 300);
    stage.history.close();
    await stage.settle(startMs);
    const confirmed = [...truth].filter(([, one]) => one.confirmed);
    const reports = lastReports();
    expect([...reports.keys()].sort((a, b) => a - b)).toEqual(confirmed.map(([id]) => id).sort((a, b) => a - b));
    expect(truth.size).toBeGreaterThan(confirmed.length);
    for (const [id, one] of confirmed) {
      expect(reports.get(id)).toMatchObject({
        ...{ frames: one.frames, firstRtp: one.first, lastRtp: one.last, bestRtp: one.bestAt, ended: true },
        ...{ fromMs: startMs + one.first / 90, toMs: startMs + one.last / 90 },
      });
      expect(reports.get(id)!.bestScore).toBeCloseTo(one.best, 9);
    }
    const ended = stage.batches.flatMap(({ tracks }) => tracks.filter((report) => report.ended));
    expect(ended).toHaveLength(confirmed.length);
    // Those that go on are told about every third batch.
    const told = stage.batches.flatMap(({ tracks }) => tracks);
    const seconds = confirmed.reduce((sum, [, one]) => sum + (one.last - one.first) / second, 0);
    expect(told.length).toBeLessThan(seconds / 2.5 + 4 * confirmed.length);
  });

  it('have a picture of each ObjectTrack, in the first Frames after it is confirmed', async () => {
    for (let i = 0; i < 30; i++) stage.frame([object(0.2, 0.5), object(0.8, 0.5)], i * 9000);
    // Much nearer.
    for (let i = 30; i < 60; i++) {
      const grown = Math.min(1, (i - 30) / 10);
      const [w, h] = [0.1 + 0.3 * grown, 0.2 + 0.5 * grown];
      stage.frame([object(0.2, 0.5), { ...object(0, 0), x: 0.8 - w / 2, y: 0.6 - h / 2, w, h }], i * 9000);
    }
    stage.history.close();
    await stage.settle(startMs);
    const pictures = stage.batches.flatMap(({ tracks, sequence }) =>
      tracks.flatMap(({ trackId, jpeg }) => (jpeg ? [[trackId, sequence, jpeg] as const] : [])),
    );
    expect(pictures.filter(([, sequence]) => sequence === 0).map(([id]) => id)).toEqual([1, 2]);
    expect(pictures.slice(2).length).toBeGreaterThan(0);
    for (const [id] of pictures.slice(2)) expect(id).toBe(2);
    for (const [, , jpeg] of pictures)
      expect(Buffer.from(jpeg, 'base64').subarray(0, 3).toString('hex')).toBe('ffd8ff');
    expect(stage.dropped.pictures).toBeUndefined();
  });

  it('begin a new run with another Model, at which everyone leaves', async () => {
    const zones = [
      {
        ...{ id: 'all', name: 'All of it', colour: '#ffffff' },
        polygon: [
          { x: 0, y: 0 },
          { x: 1, y: 0 },
          { x: 1, y: 1 },
          { x: 0, y: 1 },
        ],
      },
    ];
    stage.history.setZones(zoneSettingsSchema.parse({ zones }));
    const walk = (from: number): void => {
      for (let i = from; i < from + 25; i++) stage.frame([object(0.3 + i * 0.005, 0.5)], i * 9000);
    };
    walk(0);
    stage.tracker = new Tracker({ keepSeconds: 3 });
    stage.description = describeModel(2, ['cat']);
    walk(25);
    stage.history.close();
    await stage.settle(startMs);
    // Compressed beside one another, the last of one run may come after the first of the next.
    const inOrder = stage.batches.toSorted((a, b) => a.fromMs - b.fromMs || a.sequence - b.sequence);
    const runs = [...new Set(inOrder.map(({ runId }) => runId))].map((runId) =>
      inOrder.filter((batch) => batch.runId === runId),
    );
    expect(runs.map((run) => run.map(({ sequence, last }) => [sequence, last]))).toEqual([
      [
        [0, false],
        [1, false],
        [2, true],
      ],
      [
        [0, false],
        [1, false],
        [2, true],
      ],
    ]);
    expect(runs.flat().flatMap(messagesOf)).toEqual(stage.sent);
    for (const [i, run] of runs.entries()) {
      const label = ['person', 'cat'][i]!;
      for (const { model } of run) expect(model).toMatchObject({ revision: i + 1 });
      const events = run.flatMap((batch) => batch.events);
      expect(events).toMatchObject([
        { kind: 'entered', cause: 'appeared', trackId: 1, label, zoneName: 'All of it', atMs: startMs + i * 2500 },
        { kind: 'left', cause: 'stopped', trackId: 1, label, zoneName: 'All of it', atMs: startMs + i * 2500 + 2400 },
      ]);
      expect(run.at(-1)!.tracks).toMatchObject([{ trackId: 1, label, frames: 25, ended: true, zoneIds: ['all'] }]);
      const seconds = run.at(-1)!.heatmap!.seconds.reduce((sum, cell) => sum + cell, 0);
      expect(seconds).toBeCloseTo(2.4, 2);
    }
    expect(stage.lives.at(-1)!.zones).toMatchObject([{ occupancy: 1, entered: 2, left: 1 }]);
  });

  it('are of one revision each when the gallery changes, and the run goes on', async () => {
    stage.naming = true;
    stage.description = describeModel(1, ['unknown mark', 'Acme']);
    for (let i = 0; i < 5; i++) stage.frame([object(0.3, 0.5, { score: 0.99 })], i * 9000);
    stage.description = describeModel(2, ['unknown mark', 'Bravo', 'Acme']);
    for (let i = 5; i < 12; i++) stage.frame([object(0.3, 0.5, { score: 0.7 })], i * 9000, i < 9 ? 2 : 0);
    stage.history.close();
    await stage.settle(startMs);
    expect(stage.batches.map(({ frames, model }) => [frames, model.revision])).toEqual([
      [5, 1],
      [7, 2],
    ]);
    expect(stage.batches.map(({ mostByLabel }) => mostByLabel)).toEqual([
      { 'unknown mark': 1 },
      { 'unknown mark': 1, Acme: 1 },
    ]);
    // A name is better than none, however sure the Model is that there is something.
    expect(lastReports().get(1)).toMatchObject({ label: 'Acme', bestScore: 0.7, frames: 12 });
    expect(new Set(stage.batches.map(({ runId }) => runId)).size).toBe(1);
  });

  it('have the seconds of visual properties, and a heatmap now and then', async () => {
    for (let i = 0; i < 255; i++) stage.frame(i < 100 ? [object(0.31, 0.5)] : [], i * 9000);
    stage.history.close();
    await stage.settle(startMs);
    const seconds = stage.batches.flatMap(({ properties }) => properties);
    expect(seconds.map(({ frames }) => frames)).toEqual([...Array<number>(25).fill(10), 5]);
    for (const [i, { atMs, rtpTimestamp }] of seconds.entries()) {
      expect([atMs, rtpTimestamp]).toEqual([startMs + i * 1000, i * second]);
    }
    const maps = stage.batches.flatMap(({ heatmap, sequence }) => (heatmap ? [[sequence, heatmap] as const] : []));
    expect(maps.map(([sequence]) => sequence)).toEqual([10, 25]);
    for (const [, heatmap] of maps) expect(heatmap.seconds.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(9.9, 2);
  });

  it('end also when no Frame comes, and where the clock jumps', async () => {
    stage.frame([], 0);
    stage.frame([], 9000);
    await stage.settle(startMs + 1900);
    expect(stage.batches).toHaveLength(0);
    stage.histories.tick(startMs + 2100);
    await stage.settle(startMs + 2200);
    expect(stage.batches.map(({ frames }) => frames)).toEqual([2]);
    stage.frame([], 30 * second);
    stage.frame([], 29 * second);
    stage.history.close();
    await stage.settle(startMs);
    expect(stage.batches.map(({ firstRtp, frames, last }) => [firstRtp / second, frames, last])).toEqual([
      [0, 2, false],
      [30, 1, false],
      [29, 1, true],
    ]);
  });

  it('tell of many ObjectTracks and events bit by bit, and lose none', async () => {
    const line = { id: 'line', name: 'Line', colour: '#ffffff', from: { x: 0, y: 0.5 }, to: { x: 1, y: 0.5 } };
    stage.history.setZones(zoneSettingsSchema.parse({ lines: [line] }));
    for (let i = 0; i < 20; i++) {
      const objects = Array.from({ length: 250 }, (_, n) => ({
        ...{ label: 0, score: 0.9, x: (n % 50) / 50, w: 0.015, h: 0.03 },
        y: Math.floor(n / 50) * 0.05 + 0.2 + i * 0.012,
      }));
      stage.frame(objects, i * 9000);
    }
    stage.history.close();
    await stage.settle(startMs);
    expect(stage.batches.map(({ tracks }) => tracks.length).every((length) => length <= 200)).toBe(true);
    const reports = lastReports();
    expect(reports.size).toBe(250);
    expect([...reports.values()].every(({ ended, frames }) => ended && frames === 20)).toBe(true);
    expect(stage.batches.filter(({ last }) => last)).toHaveLength(1);
    expect(stage.batches.at(-1)!.last).toBe(true);
    const crossed = [...reports.values()].filter(({ zoneIds }) => zoneIds.includes('line')).length;
    expect(stage.batches.flatMap(({ events }) => events)).toHaveLength(crossed);
    expect(crossed).toBeGreaterThan(50);
    expect(stage.batches.flatMap(messagesOf)).toEqual(stage.sent);
  });
});

describe('zones', () => {
  const square = (id: string, name: string) => ({
    ...{ id, name, colour: '#ff0000' },
    polygon: [
      { x: 0.4, y: 0 },
      { x: 0.6, y: 0 },
      { x: 0.6, y: 1 },
      { x: 0.4, y: 1 },
    ],
  });

  it('are told of four times a second at most, and only where there are any', () => {
    for (let i = 0; i < 60; i++) stage.frame([object(0.5, 0.5)], i * 3000);
    expect(stage.lives).toEqual([]);
    stage.history.setZones(
      zoneSettingsSchema.parse({ zones: [square('a', 'A')], scale: { kind: 'width', metresPerWidth: 20 } }),
    );
    for (let i = 60; i < 120; i++) stage.frame([object(0.5, 0.5)], i * 3000);
    expect(stage.lives.length).toBeGreaterThan(6);
    expect(stage.lives.length).toBeLessThanOrEqual(8);
    expect(stage.lives.at(-1)).toMatchObject({
      ...{ counts: { person: 1 }, zones: [{ zoneId: 'a', occupancy: 1 }], speeds: [[1, 0]] },
    });
    stage.history.setZones(zoneSettingsSchema.parse({}));
    const before = stage.lives.length;
    for (let i = 120; i < 180; i++) stage.frame([object(0.5, 0.5)], i * 3000);
    expect(stage.lives).toHaveLength(before);
  });

  it('that are taken away are left under the name they had', async () => {
    stage.history.setZones(zoneSettingsSchema.parse({ zones: [square('a', 'Old')] }));
    for (let i = 0; i < 5; i++) stage.frame([object(0.5, 0.5)], i * 9000);
    stage.history.setZones(zoneSettingsSchema.parse({ zones: [square('b', 'New')] }));
    stage.history.close();
    stage.history.setZones(zoneSettingsSchema.parse({ zones: [square('c', 'Later')] }));
    await stage.settle(startMs);
    expect(stage.batches.flatMap(({ events }) => events.map((one) => [one.kind, one.zoneName, one.cause]))).toEqual([
      ['entered', 'Old', 'appeared'],
      ['left', 'Old', 'edited'],
      ['entered', 'New', 'edited'],
      ['left', 'New', 'stopped'],
    ]);
    expect(stage.batches.at(-1)!.tracks[0]!.zoneIds).toEqual(['a', 'b']);
  });
});
