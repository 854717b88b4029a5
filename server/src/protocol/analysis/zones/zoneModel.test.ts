import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineSchema, zoneEventSchema, type ZoneEvent, zoneSchema, type ZoneSettings } from '../../zones.ts';
import { seededRandom } from '../../tap/testPackets.ts';
import { ZoneEvaluator } from './ZoneEvaluator.ts';

/*
 * The same events worked out anew, slowly, from the whole of what was seen: insides by winding numbers, crossings by
 * solving for both lines, visits from runs of places on one side.
 */

const second = 90_000;
const at = (x: number, y: number) => ({ x, y });
type Point = ReturnType<typeof at>;

interface Place extends Point {
  ticks: number;
  /** Picture widths. */
  jitter: number;
}
/** [kind, ticks of the moment], rounded. */
type Fact = [string, number];

const round = (ticks: number): number => Math.round(ticks * 100) / 100;
const isInside = (polygon: Point[], { x, y }: Point): boolean => {
  let winding = 0;
  polygon.forEach((a, i) => {
    const b = polygon[(i + 1) % polygon.length]!;
    const [u, v] = [at(a.x - x, a.y - y), at(b.x - x, b.y - y)];
    winding += Math.atan2(u.x * v.y - u.y * v.x, u.x * v.x + u.y * v.y);
  });
  return Math.abs(winding) > Math.PI;
};
const distance = (p: Point, a: Point, b: Point): number => {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / length;
  if (along <= 0) return Math.hypot(p.x - a.x, p.y - a.y);
  if (along >= length) return Math.hypot(p.x - b.x, p.y - b.y);
  return Math.abs((p.x - a.x) * (b.y - a.y) - (p.y - a.y) * (b.x - a.x)) / length;
};
/** Parts of the way pq at which it meets ab, by Cramer's rule. */
const meetings = (p: Point, q: Point, a: Point, b: Point): number[] => {
  const [r, s] = [at(q.x - p.x, q.y - p.y), at(b.x - a.x, b.y - a.y)];
  const determinant = r.x * s.y - r.y * s.x;
  const part = ((a.x - p.x) * s.y - (a.y - p.y) * s.x) / determinant;
  const along = ((a.x - p.x) * r.y - (a.y - p.y) * r.x) / determinant;
  return part >= 0 && part <= 1 && along >= 0 && along <= 1 ? [part] : [];
};
const sides = (polygon: Point[]): [Point, Point][] => polygon.map((a, i) => [a, polygon[(i + 1) % polygon.length]!]);

/** Lives of a track: a gap of over 1.5 s ends one. */
function livesOf(places: Place[]): Place[][] {
  const lives: Place[][] = [];
  for (const place of places) {
    const life = lives.at(-1);
    if (life && place.ticks - life.at(-1)!.ticks <= 1.5 * second) life.push(place);
    else lives.push([place]);
  }
  return lives;
}

function zoneFacts(life: Place[], polygon: Point[], dwellSeconds: number): Fact[] {
  const facts: Fact[] = [];
  const area = Math.abs(sides(polygon).reduce((sum, [a, b]) => sum + a.x * b.y - b.x * a.y, 0)) / 2;
  const border = sides(polygon).reduce((sum, [a, b]) => sum + Math.hypot(a.x - b.x, a.y - b.y), 0);
  const runs: { inside: boolean; from: number; to: number }[] = [];
  life.forEach((place, i) => {
    const inside = isInside(polygon, place);
    if (runs.at(-1)?.inside === inside) runs.at(-1)!.to = i;
    else runs.push({ inside, from: i, to: i });
  });
  const crossedAt = ({ from }: { from: number }): number => {
    if (from === 0) return life[0]!.ticks;
    const [p, q] = [life[from - 1]!, life[from]!];
    const part = Math.max(...sides(polygon).flatMap(([a, b]) => meetings(p, q, a, b)));
    return p.ticks + part * (q.ticks - p.ticks);
  };
  const isReal = (run: (typeof runs)[0]): boolean =>
    life.slice(run.from, run.to + 1).some((place, i) => {
      const depth = Math.min(...sides(polygon).map(([a, b]) => distance(place, a, b)));
      const stayed = i + 1 >= 8 && place.ticks - crossedAt(run) >= second;
      return depth >= Math.min(place.jitter, area / border / 2) || stayed;
    });
  let since: number | undefined;
  const leave = (ticks: number): void => {
    if (ticks - since! >= dwellSeconds * second) facts.push(['dwell', round(since! + dwellSeconds * second)]);
    facts.push(['left', round(ticks)]);
    since = undefined;
  };
  for (const run of runs) {
    if (run.inside === (since !== undefined) || !isReal(run)) continue;
    if (!run.inside) leave(crossedAt(run));
    else facts.push(['entered', round((since = crossedAt(run)))]);
  }
  if (since !== undefined) leave(life.at(-1)!.ticks);
  return facts;
}

function lineFacts(life: Place[], a: Point, b: Point): Fact[] {
  const facts: Fact[] = [];
  const isRight = (p: Point): boolean => (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) >= 0;
  let net = 0;
  let crossed = { ticks: -Infinity, index: -1 };
  const settle = (): void => {
    if (net !== 0) facts.push([net > 0 ? 'crossedIn' : 'crossedOut', round(crossed.ticks)]);
    net = 0;
  };
  life.forEach((place, i) => {
    const before = life[i - 1];
    const parts = before && isRight(before) !== isRight(place) ? meetings(before, place, a, b) : [];
    for (const part of parts) {
      net += isRight(place) ? 1 : -1;
      crossed = { ticks: before!.ticks + part * (place.ticks - before!.ticks), index: i };
    }
    const clear = Math.min(place.jitter, Math.hypot(b.x - a.x, b.y - a.y) / 4);
    const stayed = i - crossed.index + 1 >= 8 && place.ticks - crossed.ticks >= second;
    if (distance(place, a, b) >= clear || stayed) settle();
  });
  return facts;
}

const coordinate = fc.double({ min: 0.05, max: 0.95, noNaN: true });
const point = fc.record({ x: coordinate, y: coordinate });
/** Round about a middle, thus without crossing itself; often far from convex. */
const polygon = fc
  .array(fc.double({ min: 0.04, max: 0.44, noNaN: true }), { minLength: 3, maxLength: 12 })
  .map((radii) =>
    radii.map((radius, i) => {
      const angle = ((i + 0.3) / radii.length) * 2 * Math.PI;
      return at(0.5 + radius * Math.cos(angle), 0.5 + radius * Math.sin(angle));
    }),
  );
interface Step {
  dx: number;
  dy: number;
  gapTicks: number;
  seen: boolean;
}
/** Strolls that turn about the middle, jitter in one place, leap, are hidden and away, so that borders are met in every way. */
function stroll(seed: number): { start: Point; side: number; steps: Step[] } {
  const random = seededRandom(seed);
  const about = (size: number): number => (random() * 2 - 1) * size;
  const place = at(0.5 + about(0.4), 0.5 + about(0.4));
  const start = { ...place };
  const steps = Array.from({ length: 1 + Math.floor(random() * 150) }, (): Step => {
    const kind = random();
    const size = kind < 0.5 ? 0.004 : kind < 0.96 ? 0.05 : 0.5;
    const [dx, dy] = [about(size) + 0.1 * size * (0.5 - place.x), about(size) + 0.1 * size * (0.5 - place.y)];
    place.x += dx;
    place.y += dy;
    const gapTicks =
      random() < 0.02 ? 100_000 + Math.floor(random() * 2) * 40_000 : 1_500 + Math.floor(random() * 13_500);
    return { dx, dy, gapTicks, seen: random() < 0.8 };
  });
  return { start, side: 0.02 + random() * 0.28, steps };
}
const clamp = (value: number): number => Math.max(0.01, Math.min(0.99, value));

describe('the evaluator', { timeout: 120_000 }, () => {
  it('tells exactly what the slow model tells, of any walk', () => {
    const world = fc.record({
      seeds: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      polygon,
      from: point,
      to: point,
      dwellSeconds: fc.double({ min: 0.1, max: 2, noNaN: true }),
      size: fc.constantFrom([1280, 720], [720, 1280], [500, 500]),
    });
    let facts = 0;
    fc.assert(
      fc.property(world, ({ seeds, polygon: corners, from, to, dwellSeconds, size }) => {
        const [width, height] = size as [number, number];
        const walkers = seeds.map(stroll);
        fc.pre(Math.hypot(to.x - from.x, to.y - from.y) > 0.05);
        const rest = { name: 'One', colour: '#ffffff' };
        const settings: ZoneSettings = {
          zones: [zoneSchema.parse({ ...rest, id: 'zone', polygon: corners, dwellSeconds })],
          lines: [lineSchema.parse({ ...rest, id: 'line', from, to })],
          scale: null,
        };
        const told = new Map<string, Fact[]>();
        const starts = 0xfffe0000;
        let [ticks, frameTicks] = [0, 0];
        const onEvent = (event: ZoneEvent): void => {
          zoneEventSchema.parse(event);
          const key = `${event.zoneId} ${event.trackId}`;
          // Unwrapped again: an event is of a Frame that is not far back.
          const back = (starts + frameTicks - event.rtpTimestamp) | 0;
          told.set(key, [...(told.get(key) ?? []), [event.kind, round(frameTicks - back - event.lagTicks)]]);
        };
        const evaluator = new ZoneEvaluator({ settings, labels: ['thing'], onEvent });
        const seen = walkers.map((): Place[] => []);
        const now = walkers.map(({ start }) => ({ ...start }));
        const frames = Math.max(...walkers.map(({ steps }) => steps.length));
        for (let i = 0; i < frames; i++) {
          ticks += walkers[0]!.steps[i % walkers[0]!.steps.length]!.gapTicks;
          frameTicks = ticks;
          const [boxes, ids] = [[] as { label: number; x: number; y: number; w: number; h: number }[], [] as number[]];
          walkers.forEach(({ steps, side }, k) => {
            const one = steps[i];
            if (!one) return;
            const place = (now[k] = at(clamp(now[k]!.x + one.dx), clamp(now[k]!.y + one.dy)));
            if (!one.seen) return;
            const box = { label: 0, x: place.x - side / 2, y: place.y - side, w: side, h: side };
            boxes.push(box);
            ids.push(k + 1);
            const jitter = Math.max(0.004, Math.min(0.02, 0.06 * side * Math.sqrt(height / width)));
            seen[k]!.push({ ticks, x: box.x + side / 2, y: ((box.y + side) * height) / width, jitter });
          });
          evaluator.update(boxes, ids, (starts + ticks) >>> 0, width, height);
        }
        evaluator.finish();
        const flat = (p: Point): Point => at(p.x, (p.y * height) / width);
        walkers.forEach((_, k) => {
          const lives = livesOf(seen[k]!);
          const inZone = lives.flatMap((life) => zoneFacts(life, corners.map(flat), dwellSeconds));
          const overLine = lives.flatMap((life) => lineFacts(life, flat(from), flat(to)));
          expect(told.get(`zone ${k + 1}`) ?? []).toEqual(inZone);
          expect(told.get(`line ${k + 1}`) ?? []).toEqual(overLine);
          facts += inZone.length + overLine.length;
        });
      }),
      { seed: 20_261_122, numRuns: 600 },
    );
    expect(facts).toBeGreaterThan(2_000);
  });
});

describe('a closed walk', { timeout: 60_000 }, () => {
  /** Corners of a raster, so that touching, standing on a line and going along it happen all the time. */
  const raster = fc.record({ x: fc.integer({ min: 1, max: 7 }), y: fc.integer({ min: 1, max: 7 }) });
  const crossings = (loop: Point[], from: Point, to: Point): number => {
    const line = lineSchema.parse({ id: 'line', name: 'L', colour: '#ffffff', from, to });
    let net = 0;
    const evaluator = new ZoneEvaluator({
      settings: { zones: [], lines: [line], scale: null },
      labels: ['thing'],
      onEvent: ({ kind }) => (net += kind === 'crossedIn' ? 1 : -1),
    });
    [...loop, loop[0]!].forEach(({ x, y }, i) => {
      evaluator.update([{ label: 0, x: x - 0.005, y: y - 0.01, w: 0.01, h: 0.01 }], [1], i * 9000, 500, 500);
    });
    return net;
  };
  /** Begins and ends clear of all lines between corners. */
  const begin = at(7.2, 0.05);
  const walk = fc.array(raster, { minLength: 2, maxLength: 24 }).map((loop) => [begin, ...loop]);
  const eighths = ({ x, y }: Point): Point => at(x / 8, y / 8);

  it('crosses a line through the whole picture equally in and out', () => {
    fc.assert(
      fc.property(walk, fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 }), (loop, left, right) => {
        expect(crossings(loop.map(eighths), at(0, left / 8), at(1, right / 8))).toBe(0);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('crosses any line as often as it goes round one end more than round the other', () => {
    const windings = (loop: Point[], end: Point): number => {
      let angle = 0;
      loop.forEach((a, i) => {
        const b = loop[(i + 1) % loop.length]!;
        const [u, v] = [at(a.x - end.x, a.y - end.y), at(b.x - end.x, b.y - end.y)];
        angle += Math.atan2(u.x * v.y - u.y * v.x, u.x * v.x + u.y * v.y);
      });
      return Math.round(angle / (2 * Math.PI));
    };
    let other = 0;
    fc.assert(
      fc.property(walk, raster, raster, (loop, from, to) => {
        fc.pre(from.x !== to.x || from.y !== to.y);
        const touchesEnd = loop.some((a, i) => {
          const b = loop[(i + 1) % loop.length]!;
          if (a.x === b.x && a.y === b.y) return [from, to].some((end) => end.x === a.x && end.y === a.y);
          return distance(from, a, b) < 1e-9 || distance(to, a, b) < 1e-9;
        });
        fc.pre(!touchesEnd);
        const net = crossings(loop.map(eighths), eighths(from), eighths(to));
        expect(net - (windings(loop, from) - windings(loop, to))).toBe(0);
        if (net !== 0) other++;
      }),
      { seed: 4, numRuns: 800 },
    );
    expect(other).toBeGreaterThan(50);
  });
});

describe('whatever happens', { timeout: 60_000 }, () => {
  it('entered less left is the occupancy, visits of one track do not overlap, and nothing is left over', () => {
    const unit = fc.double({ min: -0.02, max: 1, noNaN: true });
    const side = fc.double({ min: 0, max: 0.4, noNaN: true });
    const object = fc.record({ id: fc.nat(5), label: fc.nat(3), x: unit, y: unit, w: side, h: side });
    const zones = fc.record({
      first: polygon,
      second: polygon,
      both: fc.boolean(),
      filter: fc.boolean(),
      centre: fc.boolean(),
    });
    const doing = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({ objects: fc.array(object, { maxLength: 6 }), gap: fc.integer({ min: 0, max: 20_000 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          objects: fc.array(object, { maxLength: 6 }),
          gap: fc.constantFrom(-9_000, 200_000, 0x7fffffff),
        }),
      },
      { weight: 2, arbitrary: fc.record({ zones }) },
    );
    const settingsOf = ({
      first,
      second: other,
      both,
      filter,
      centre,
    }: {
      first: Point[];
      second: Point[];
      both: boolean;
      filter: boolean;
      centre: boolean;
    }): ZoneSettings => {
      const rest = { name: 'One', colour: '#ffffff', anchor: centre ? 'centre' : 'bottom', dwellSeconds: 0.5 };
      const zone = (id: string, corners: Point[], labels: string[] | null) =>
        zoneSchema.parse({ ...rest, id, polygon: corners, labels });
      return {
        zones: [zone('a', first, null), ...(both ? [zone('b', other, filter ? ['cat', 'dog'] : null)] : [])],
        lines: [],
        scale: { kind: 'width', metresPerWidth: 10 },
      };
    };
    fc.assert(
      fc.property(zones, fc.array(doing, { maxLength: 120 }), (start, doings) => {
        const inside = new Map<string, number>();
        const totals = new Map<string, number>();
        const onEvent = (event: ZoneEvent): void => {
          zoneEventSchema.parse(event);
          if (event.dwellSeconds !== undefined) expect(event.dwellSeconds).toBeGreaterThanOrEqual(0);
          const change = event.kind === 'entered' ? 1 : event.kind === 'left' ? -1 : 0;
          const key = `${event.zoneId} ${event.trackId}`;
          const present = (inside.get(key) ?? 0) + change;
          expect([0, 1]).toContain(present);
          if (event.kind === 'dwell') expect(present).toBe(1);
          inside.set(key, present);
          totals.set(event.zoneId, (totals.get(event.zoneId) ?? 0) + change);
        };
        const evaluator = new ZoneEvaluator({ settings: settingsOf(start), labels: ['cat', 'dog', 'cow'], onEvent });
        let ticks = 0xffff0000;
        for (const one of doings) {
          if ('zones' in one) evaluator.setZones(settingsOf(one.zones));
          else {
            ticks = (ticks + one.gap) >>> 0;
            evaluator.update(
              one.objects,
              one.objects.map(({ id }) => id),
              ticks,
              1280,
              720,
            );
          }
          const live = evaluator.live();
          for (const { zoneId, occupancy, entered, left, counts } of live.zones) {
            expect(occupancy).toBe(totals.get(zoneId) ?? 0);
            if (zoneId === 'a') expect(entered - left).toBe(occupancy);
            expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(occupancy);
          }
          for (const [, speed] of live.speeds) expect(Number.isFinite(speed)).toBe(true);
          if (!live.zones.some(({ zoneId }) => zoneId === 'b')) expect(totals.get('b') ?? 0).toBe(0);
        }
        evaluator.finish();
        expect([...inside.values()].every((present) => present === 0)).toBe(true);
        expect(
          [evaluator.tracks, ...evaluator.live().zones.map(({ occupancy }) => occupancy)].every((n) => n === 0),
        ).toBe(true);
        const heat = evaluator.heatmap().seconds;
        expect(heat.every((one) => one >= 0 && Number.isFinite(one))).toBe(true);
      }),
      { seed: 20_261_123, numRuns: 300 },
    );
  });

  it('the same walk gives the same events at any frame rate, also one that varies', () => {
    const stay = fc.record({
      inside: point.map(({ x, y }) => at(0.44 + 0.12 * x, 0.35 + 0.3 * y)),
      outside: point.map(({ x, y }) => at(0.7 + 0.25 * x, 0.2 + 0.6 * y)),
      staySeconds: fc.double({ min: 0.7, max: 3, noNaN: true }),
      goSeconds: fc.double({ min: 0.3, max: 2, noNaN: true }),
    });
    const gaps = fc.array(fc.integer({ min: 1_500, max: 27_000 }), { minLength: 1, maxLength: 40 });
    const rest = { name: 'One', colour: '#ffffff' };
    const settings: ZoneSettings = {
      zones: [
        zoneSchema.parse({ ...rest, id: 'zone', polygon: [at(0.4, 0.2), at(0.6, 0.2), at(0.6, 0.8), at(0.4, 0.8)] }),
      ],
      lines: [lineSchema.parse({ ...rest, id: 'line', from: at(0.65, 0), to: at(0.65, 1) })],
      scale: null,
    };
    fc.assert(
      fc.property(fc.array(stay, { minLength: 1, maxLength: 6 }), gaps, (stays, steps) => {
        // Way points [seconds, place]: outside, in, outside again, and so on.
        const way: [number, Point][] = [[0, stays[0]!.outside]];
        const truth: Fact[] = [];
        const borders = (a: Point, b: Point, from: number, to: number, names: [string, string]): void => {
          const when = (x: number): number => (from + ((x - a.x) / (b.x - a.x)) * (to - from)) * second;
          const both: Fact[] = [
            [names[0], when(0.65)],
            [names[1], when(0.6)],
          ];
          truth.push(...both.sort((one, other) => one[1] - other[1]));
        };
        let clock = 0.7;
        for (const { inside, outside, staySeconds, goSeconds } of stays) {
          const here = way.at(-1)![1];
          way.push([clock, here], [clock + goSeconds, inside]);
          borders(here, inside, clock, clock + goSeconds, ['crossedIn', 'entered']);
          clock += goSeconds + staySeconds;
          way.push([clock, inside], [clock + goSeconds, outside]);
          borders(inside, outside, clock, clock + goSeconds, ['crossedOut', 'left']);
          clock += goSeconds + staySeconds;
        }
        way.push([clock + 1, way.at(-1)![1]]);
        const placeAt = (seconds: number): Point => {
          const next = way.findIndex(([when]) => when >= seconds);
          const [[t0, a], [t1, b]] = [way[Math.max(0, next - 1)]!, way[next]!];
          const part = t1 > t0 ? (seconds - t0) / (t1 - t0) : 0;
          return at(a.x + part * (b.x - a.x), a.y + part * (b.y - a.y));
        };
        const told: Fact[] = [];
        const onEvent = ({ kind, rtpTimestamp, lagTicks }: ZoneEvent) => told.push([kind, rtpTimestamp - lagTicks]);
        const evaluator = new ZoneEvaluator({ settings, labels: ['thing'], onEvent });
        for (let [ticks, i] = [0, 0]; ticks < (clock + 0.9) * second; ticks += steps[i++ % steps.length]!) {
          const { x, y } = placeAt(ticks / second);
          evaluator.update([{ label: 0, x: x - 0.03, y: y - 0.1, w: 0.06, h: 0.1 }], [1], ticks, 1280, 720);
        }
        told.sort((one, other) => one[1] - other[1]);
        const only = (facts: Fact[], names: string[]) => facts.filter(([kind]) => names.includes(kind));
        for (const names of [
          ['entered', 'left'],
          ['crossedIn', 'crossedOut'],
        ]) {
          const [found, expected] = [only(told, names), only(truth, names)];
          expect(found.map(([kind]) => kind)).toEqual(expected.map(([kind]) => kind));
          found.forEach(([, ticks], i) => expect(Math.abs(ticks - expected[i]![1])).toBeLessThanOrEqual(27_000));
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
