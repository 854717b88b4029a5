import { beforeEach, describe, expect, it } from 'vitest';
import {
  lineSchema,
  zoneEventSchema,
  type ZoneEvent,
  zoneHeatmapSchema,
  zonesLiveSchema,
  zoneSchema,
  zoneSettingsSchema,
} from '../../zones.ts';
import { ZoneEvaluator } from './ZoneEvaluator.ts';

const second = 90_000;
const labels = ['person', 'car', 'dog'];
const at = (x: number, y: number) => ({ x, y });
const zone = (rest: object = {}) =>
  zoneSchema.parse({
    ...{ id: 'zone', name: 'Zone', colour: '#ff0000', dwellSeconds: null },
    ...{ polygon: [at(0.4, 0.2), at(0.6, 0.2), at(0.6, 0.8), at(0.4, 0.8)], ...rest },
  });
/** In = to the left of the picture. */
const line = (rest: object = {}) =>
  lineSchema.parse({ id: 'line', name: 'Line', colour: '#00ff00', from: at(0.5, 0.2), to: at(0.5, 0.8), ...rest });

let events: ZoneEvent[];
let evaluator: ZoneEvaluator;
const create = (settings: object, options: object = {}): void => {
  events = [];
  const onEvent = (event: ZoneEvent) => events.push(zoneEventSchema.parse(event));
  evaluator = new ZoneEvaluator({ settings: zoneSettingsSchema.parse(settings), labels, onEvent, ...options });
};

/** A box of 0.04 x 0.08 whose lower middle is at x, y. */
const box = (x: number, y: number, label = 0) => ({ label, x: x - 0.02, y: y - 0.08, w: 0.04, h: 0.08 });
/** [track, x, y, label] of each object. */
const frame = (seconds: number, objects: [number, number, number, number?][]): void =>
  evaluator.update(
    objects.map(([, x, y, label]) => box(x, y, label)),
    objects.map(([id]) => id),
    Math.round(seconds * second),
    1280,
    720,
  );
/** Track 1 at each place, 0.1 s apart. */
const walk = (places: (readonly [number, number] | null)[], from = 0, label = 0): void =>
  places.forEach((place, i) => frame(from + i / 10, place ? [[1, place[0], place[1], label]] : []));
/** Along y = 0.5. */
const xs = (...places: (number | null)[]) => places.map((x) => (x === null ? null : ([x, 0.5] as const)));
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
/** Kind, cause, and the moment in seconds. */
const told = () =>
  events.map(({ kind, cause, rtpTimestamp, lagTicks }) => [kind, cause, rounded((rtpTimestamp - lagTicks) / second)]);
beforeEach(() => create({ zones: [zone()] }));

describe('a zone', () => {
  it('is entered and left at the moments at which the path meets its border', () => {
    walk(xs(0.3, 0.35, 0.38, 0.42, 0.5, 0.58, 0.66, 0.7));
    expect(told()).toEqual([
      ['entered', 'moved', 0.25],
      ['left', 'moved', 0.525],
    ]);
    const [entered, left] = events;
    expect(entered).toMatchObject({ zoneId: 'zone', trackId: 1, label: 'person', rtpTimestamp: 0.3 * second });
    expect([entered!.x, entered!.y]).toEqual([expect.closeTo(0.4, 9), expect.closeTo(0.5, 9)]);
    expect(left!.dwellSeconds).toBeCloseTo(0.275, 9);
    expect(left!.rtpTimestamp).toBe(0.6 * second);
  });

  it('goes by the anchor', () => {
    const centre = zone({ id: 'centre', anchor: 'centre' });
    create({ zones: [zone(), centre] });
    walk([
      [0.5, 0.15],
      [0.5, 0.23],
    ]);
    expect(events.map(({ zoneId }) => zoneId)).toEqual(['zone']);
    frame(0.2, [[1, 0.5, 0.27]]);
    expect(events.map(({ zoneId }) => zoneId)).toEqual(['zone', 'centre']);
  });

  it('is not entered or left by jitter at its border', () => {
    walk(xs(...Array.from({ length: 300 }, (_, i) => 0.4 + 0.0035 * Math.sin(i * 2.3))));
    expect(events).toEqual([]);
    create({ zones: [zone()] });
    walk(xs(0.5, ...Array.from({ length: 300 }, (_, i) => 0.4 + 0.0035 * Math.sin(i * 2.3))));
    expect(told()).toEqual([['entered', 'appeared', 0]]);
  });

  it('is entered by who stays just inside, when it has stayed', () => {
    walk(xs(0.3, ...Array<number>(9).fill(0.402)));
    expect(events).toEqual([]);
    walk(xs(0.402, 0.402), 1);
    expect(told()).toEqual([['entered', 'moved', rounded(0.1 * (0.1 / 0.102))]]);
    expect(events[0]!.rtpTimestamp).toBe(0.1 * second);
  });

  it('is entered by who appears in it, and left when its track ends, as it was last seen', () => {
    walk(xs(0.5, 0.5, 0.5));
    frame(1.7, []);
    expect(events.map(({ kind }) => kind)).toEqual(['entered']);
    frame(1.8, []);
    expect(told()).toEqual([
      ['entered', 'appeared', 0],
      ['left', 'lost', 0.2],
    ]);
    expect(events[1]).toMatchObject({ rtpTimestamp: 0.2 * second, lagTicks: 0 });
    expect(evaluator.tracks).toBe(0);
  });

  it('is not left by who is hidden for a while; dwell goes on, and is told once it is seen', () => {
    create({ zones: [zone({ dwellSeconds: 1 })] });
    walk(xs(0.5, 0.5, 0.5, 0.5, 0.5, ...Array<null>(10).fill(null), 0.5, 0.5, 0.5));
    expect(told()).toEqual([
      ['entered', 'appeared', 0],
      ['dwell', 'moved', 1],
    ]);
    expect(events[1]).toMatchObject({ rtpTimestamp: 1.5 * second, lagTicks: 0.5 * second, dwellSeconds: 1 });
  });

  it('tells dwell at its exact moment, once a visit, also where no Frame was between it and leaving', () => {
    create({ zones: [zone({ dwellSeconds: 0.35 })] });
    walk(xs(0.35, 0.45, 0.5, 0.5, 0.5, 0.5, 0.5, 0.65, 0.7, 0.5, 0.5));
    walk(xs(0.5, 0.65, 0.7), 1.2);
    expect(told()).toEqual([
      ['entered', 'moved', 0.05],
      ['dwell', 'moved', 0.4],
      ['left', 'moved', rounded(0.6 + 0.1 * (0.1 / 0.15))],
      ['entered', 'moved', 0.85],
      ['dwell', 'moved', 1.2],
      ['left', 'moved', rounded(1.2 + 0.1 * (0.1 / 0.15))],
    ]);
    create({ zones: [zone({ dwellSeconds: 0.35 })] });
    frame(0, [[1, 0.5, 0.5]]);
    frame(0.8, [[1, 0.7, 0.5]]);
    expect(told().slice(1)).toEqual([
      ['dwell', 'moved', 0.35],
      ['left', 'moved', 0.4],
    ]);
    expect(events.slice(1).map(({ rtpTimestamp }) => rtpTimestamp)).toEqual([0.8 * second, 0.8 * second]);
  });

  it('takes what was not settled when a track ended as not happened', () => {
    walk(xs(0.5, 0.55, 0.603));
    walk(xs(0.3, 0.35, 0.403), 3);
    frame(6, []);
    expect(told()).toEqual([
      ['entered', 'appeared', 0],
      ['left', 'lost', 0.2],
    ]);
  });

  it('counts only its labels; a name that flickers changes nothing, one that stays does', () => {
    create({ zones: [zone({ labels: ['car', 'dog'] })] });
    walk(xs(0.3, 0.5, 0.5));
    expect(events).toEqual([]);
    walk(xs(...Array<number>(5).fill(0.5)), 0.3, 1);
    expect(events).toEqual([]);
    walk(xs(0.5, 0.5), 0.8, 1);
    expect(told()).toEqual([['entered', 'renamed', 0.8]]);
    walk(xs(0.5, 0.5, 0.5), 1, 0);
    walk(xs(0.5, 0.5, 0.5), 1.3, 1);
    expect(events).toHaveLength(1);
    expect(evaluator.live().zones[0]!.counts).toEqual({ car: 1 });
    walk(xs(...Array<number>(8).fill(0.5)), 1.6, 0);
    expect(told()[1]).toEqual(['left', 'renamed', 2.1]);
  });

  it('does not see who flies through between two Frames', () => {
    walk(xs(0.2, 0.8, 0.9));
    expect(events).toEqual([]);
  });
});

describe('a line', () => {
  beforeEach(() => create({ lines: [line()] }));

  it('is crossed in and out, once each, where and when the path met it', () => {
    walk(xs(0.7, 0.6, 0.52, 0.46, 0.4, 0.48, 0.56, 0.6));
    expect(told()).toEqual([
      ['crossedIn', 'moved', rounded(0.2 + 0.1 / 3)],
      ['crossedOut', 'moved', 0.525],
    ]);
    expect(events[0]).toMatchObject({ zoneId: 'line', rtpTimestamp: 0.3 * second, x: expect.closeTo(0.5, 9) });
    expect(evaluator.live().lines).toEqual([
      { lineId: 'line', in: 1, out: 1, inByLabel: { person: 1 }, outByLabel: { person: 1 } },
    ]);
  });

  it('is not crossed by jitter, and once by who jitters across', () => {
    walk(xs(...Array.from({ length: 300 }, (_, i) => 0.5 + 0.0035 * Math.sin(i * 2.3))));
    expect(events).toEqual([]);
    walk(xs(0.4), 30);
    expect(events.length).toBeLessThanOrEqual(1);
    create({ lines: [line()] });
    walk(xs(...Array.from({ length: 200 }, (_, i) => 0.6 - i * 0.001 + 0.003 * Math.sin(i * 2.3))));
    expect(events.map(({ kind }) => kind)).toEqual(['crossedIn']);
  });

  it('is not crossed by who touches it and goes back, and once by who touches it and goes on', () => {
    walk(xs(0.6, 0.5, 0.6, 0.4, 0.5, 0.4));
    expect(events.map(({ kind }) => kind)).toEqual(['crossedIn']);
    create({ lines: [line()] });
    walk(xs(0.6, 0.5, 0.5, 0.4, 0.3));
    expect(told()).toEqual([['crossedIn', 'moved', 0.1]]);
  });

  it('has ends, which belong to it', () => {
    walk([
      [0.6, 0.82],
      [0.4, 0.82],
      [0.4, 0.9],
      [0.6, 0.9],
    ]);
    expect(events).toEqual([]);
    create({ lines: [line({ from: at(0.5, 0.25), to: at(0.5, 0.75) })] });
    walk([
      [0.625, 0.875],
      [0.375, 0.625],
    ]);
    expect(events.map(({ kind, y }) => [kind, y])).toEqual([['crossedIn', 0.75]]);
  });

  it('is crossed between two Frames however fast, and by who was hidden meanwhile, but not by who was away', () => {
    walk(xs(0.95, 0.05));
    walk(xs(null, null, null, 0.9), 0.2);
    expect(told()).toEqual([
      ['crossedIn', 'moved', 0.05],
      ['crossedOut', 'moved', rounded(0.1 + 0.4 * (0.45 / 0.85))],
    ]);
    frame(2.5, [[1, 0.1, 0.5]]);
    expect(events).toHaveLength(2);
  });

  it('is not crossed by whose track ends within its jitter', () => {
    walk(xs(0.6, 0.55, 0.498));
    frame(3, []);
    walk(xs(0.4), 4);
    expect(events).toEqual([]);
  });

  it('turns its direction with its ends', () => {
    create({ lines: [line({ from: at(0.5, 0.8), to: at(0.5, 0.2) })] });
    walk(xs(0.6, 0.4));
    expect(events.map(({ kind }) => kind)).toEqual(['crossedOut']);
  });
});

describe('edits while it runs', () => {
  const right = [at(0.6, 0.2), at(0.9, 0.2), at(0.9, 0.8), at(0.6, 0.8)];

  it('of name, colour, order or other zones change nothing that is known', () => {
    create({ zones: [zone({ dwellSeconds: 1 })], lines: [line()] });
    walk(xs(0.55, 0.55, 0.55, 0.55, 0.55, 0.498));
    const renamed = zone({ dwellSeconds: 1, name: 'Other', colour: '#0000ff' });
    const more = { zones: [zone({ id: 'more', polygon: right }), renamed], lines: [line({ name: 'Other' })] };
    evaluator.setZones(zoneSettingsSchema.parse(more));
    walk(xs(0.45, 0.45, 0.45, 0.45, 0.45, 0.45), 0.6);
    expect(told()).toEqual([
      ['entered', 'appeared', 0],
      ['crossedIn', 'moved', rounded(0.4 + 0.1 * (0.05 / 0.052))],
      ['dwell', 'moved', 1],
    ]);
  });

  it('of a place tell who is inside now, and say why', () => {
    frame(0, [
      [1, 0.5, 0.5],
      [2, 0.7, 0.5],
    ]);
    frame(0.1, [
      [1, 0.5, 0.5],
      [2, 0.7, 0.5],
    ]);
    evaluator.setZones(zoneSettingsSchema.parse({ zones: [zone({ polygon: right })] }));
    expect(events.map(({ kind, cause, trackId }) => [kind, cause, trackId])).toEqual([
      ['entered', 'appeared', 1],
      ['left', 'edited', 1],
      ['entered', 'edited', 2],
    ]);
    expect(evaluator.live().zones[0]).toMatchObject({ occupancy: 1, entered: 2, left: 1, meanDwellSeconds: 0.1 });
    evaluator.setZones(zoneSettingsSchema.parse({}));
    expect(events.at(-1)).toMatchObject({ kind: 'left', cause: 'edited', trackId: 2 });
    expect(evaluator.live().zones).toEqual([]);
  });

  it('keep totals of a line that was moved, and forget who was about to cross', () => {
    create({ lines: [line()] });
    walk(xs(0.6, 0.4, 0.502));
    evaluator.setZones(zoneSettingsSchema.parse({ lines: [line({ from: at(0.2, 0.2), to: at(0.2, 0.8) })] }));
    walk(xs(0.6, 0.6), 0.3);
    expect(evaluator.live().lines[0]).toMatchObject({ in: 1, out: 0 });
  });
});

describe('live figures', () => {
  it('count by label, and tell dwell times and speeds', () => {
    create({ zones: [zone()], scale: { kind: 'width', metresPerWidth: 20 } });
    for (let i = 0; i <= 20; i++) {
      frame(i / 10, [
        [1, 0.41 + i * 0.005, 0.5],
        [2, 0.5, 0.3 + i * 0.01, 1],
        ...(i < 3 ? [[3, 0.55, 0.5, 1] as [number, number, number, number]] : []),
        [4, 0.1, 0.9, 2],
      ]);
    }
    const live = zonesLiveSchema.parse(evaluator.live());
    expect(live.zones[0]).toMatchObject({
      ...{ occupancy: 2, counts: { person: 1, car: 1 }, entered: 3, left: 1, longestPresentSeconds: 2 },
      meanDwellSeconds: expect.closeTo(0.2, 9),
    });
    // 0.05 of 20 m a second; 0.1 of a height of 11.25 m.
    expect(new Map(live.speeds).get(1)).toBeCloseTo(1, 6);
    expect(new Map(live.speeds).get(2)).toBeCloseTo(1.125, 6);
    expect(new Map(live.speeds).get(4)).toBeCloseTo(0, 9);
    expect(live.zones[0]!.meanSpeedMps).toBeCloseTo(1.0625, 6);
    expect(live.counts).toEqual({ person: 1, car: 1, dog: 1 });
    expect(live.rtpTimestamp).toBe(2 * second);
  });

  it('have no speed without a scale, nor on events', () => {
    walk(xs(0.3, 0.35, 0.38, 0.42, 0.5));
    expect(evaluator.live().speeds).toEqual([]);
    expect(events[0]!.speedMps).toBeUndefined();
  });

  it('heat the cells where objects are, by seconds', () => {
    walk(xs(0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1));
    frame(0.7, []);
    const heat = zoneHeatmapSchema.parse(evaluator.takeHeatmap());
    const cell = (x: number, y: number) => heat.seconds[Math.floor(y * 27) * 48 + Math.floor(x * 48)];
    expect([cell(0.5, 0.5), cell(0.1, 0.5)]).toEqual([expect.closeTo(0.45, 9), expect.closeTo(0.15, 9)]);
    expect(heat.seconds.reduce((sum, one) => sum + one, 0)).toBeCloseTo(0.6, 9);
    expect(Math.max(...evaluator.heatmap().seconds)).toBe(0);
  });

  it('fade with a half life, over any time', () => {
    create({}, { heatmapHalfLifeSeconds: 1 });
    for (let i = 0; i <= 1000; i++) frame(i / 10, [[1, 0.5, 0.5]]);
    const total = () => evaluator.heatmap().seconds.reduce((sum, one) => sum + one, 0);
    const steady = total();
    expect(steady).toBeCloseTo(0.1 / (1 - 2 ** -0.1), 6);
    frame(102, []);
    expect(total()).toBeCloseTo(steady / 4, 6);
  });
});

describe('clocks and limits', () => {
  it('goes over the wrap of the RTP clock, and takes a Frame once', () => {
    const base = 2 ** 32 - 0.25 * second;
    [0.3, 0.35, 0.38, 0.42, 0.5].forEach((x, i) => {
      for (let twice = 0; twice < 2; twice++) {
        evaluator.update([box(x, 0.5)], [1], (base + i * 0.1 * second) >>> 0, 1280, 720);
      }
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ rtpTimestamp: 0.05 * second, lagTicks: expect.closeTo(0.05 * second, 3) });
  });

  it('ends everything when the clock goes back, and when it jumps on', () => {
    walk(xs(0.5, 0.5), 100);
    walk(xs(0.5, 0.5), 50);
    walk(xs(0.5, 0.5), 7200);
    expect(events.map(({ kind, cause }) => [kind, cause])).toEqual([
      ['entered', 'appeared'],
      ['left', 'lost'],
      ['entered', 'appeared'],
      ['left', 'lost'],
      ['entered', 'appeared'],
    ]);
    evaluator.finish();
    expect(events.at(-1)).toMatchObject({ kind: 'left', cause: 'stopped', dwellSeconds: expect.closeTo(0.1, 9) });
    expect(evaluator.tracks).toBe(0);
  });

  it('takes objects without a track, ids that come twice, labels it was not told of, and boxes over the edge', () => {
    frame(0, [
      [0, 0.5, 0.5],
      [1, 0.5, 0.5, 7],
      [1, 0.1, 0.1],
    ]);
    expect(events).toMatchObject([{ trackId: 1, label: 'unknown' }]);
    create({ zones: [zone({ polygon: [at(0, 0.5), at(1, 0.5), at(1, 1), at(0, 1)] })] });
    evaluator.update([{ label: 0, x: 0.97, y: 0.9, w: 0.1, h: 0.11 }], [1], 0, 1280, 720);
    expect(events).toMatchObject([{ kind: 'entered', x: expect.closeTo(1, 5), y: expect.closeTo(1, 5) }]);
  });

  it('goes on when the picture turns', () => {
    frame(0, [[1, 0.5, 0.5]]);
    evaluator.update([box(0.5, 0.5)], [1], 9000, 720, 1280);
    expect(events).toHaveLength(1);
    evaluator.update([box(0.9, 0.5)], [1], 18_000, 720, 1280);
    expect(told()[1]).toEqual(['left', 'moved', 0.125]);
  });

  it('holds 1000 tracks: the longest unseen is over first', () => {
    const many = (from: number, count: number): [number, number, number][] =>
      Array.from({ length: count }, (_, i) => [from + i, 0.5, 0.5]);
    frame(0, many(1, 600));
    frame(0.1, many(501, 600));
    expect([evaluator.tracks, evaluator.cutShort]).toEqual([1000, 100]);
    expect(evaluator.live().zones[0]).toMatchObject({ occupancy: 1000, entered: 1100, left: 100 });
    expect(Object.keys(evaluator.live().counts)).toEqual(['person']);
  });
});
