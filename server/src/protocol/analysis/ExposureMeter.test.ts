import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { appearanceReportSchema, coverageReportSchema, heatmapColumns, joinGapSeconds } from '../exposure.ts';
import { ExposureMeter, type MeterReport } from './ExposureMeter.ts';
import type { NamedMark } from './MeteredAppearance.ts';

const second = 90_000;
const startMs = 1_700_000_000_000;
let ids = 0;
let meter: ExposureMeter;
let sequence: number;
/** Latest report of each Appearance. */
let told: Map<string, MeterReport['appearances'][number]>;
let gone: string[];

const create = (options: Partial<ConstructorParameters<typeof ExposureMeter>[0]> = {}): void => {
  ids = sequence = 0;
  gone = [];
  told = new Map();
  meter = new ExposureMeter({ newId: () => `id${ids++}`, onGone: (id) => gone.push(id), ...options });
};
beforeEach(() => create());

const mark = (rest: Partial<NamedMark> = {}): NamedMark => {
  const brandId = rest.brandId ?? 'acme';
  return { trackId: 1, brandId, name: brandId, score: 0.8, x: 0.4, y: 0.4, w: 0.1, h: 0.2, ...rest };
};
const frame = (atSeconds: number, marks: NamedMark[], wallOffMs = 0): void =>
  meter.update(marks, Math.round(atSeconds * second), startMs + atSeconds * 1000 + wallOffMs, 1280, 720);
/** Frames 0.1 s apart. */
const frames = (from: number, to: number, marks: NamedMark[]): void => {
  for (let i = Math.round(from * 10); i < Math.round(to * 10); i++) frame(i / 10, marks);
};
function report(nowMs = Infinity) {
  for (let taken; (taken = meter.takeReport(++sequence, nowMs));) {
    for (const one of taken.appearances) told.set(one.id, one);
    if (!taken.more) break;
  }
  return [...told.values()];
}
const outcome = () => {
  meter.finish();
  return report().map(({ brandId, seconds }) => [brandId, Math.round(seconds * 1e6) / 1e6]);
};

describe('ExposureMeter', () => {
  it('counts from half way to half way, with share, score and place over time', () => {
    frames(0, 1, []);
    frames(1, 2, [mark()]);
    frames(2, 3, [mark({ x: 0.85, w: 0.2, score: 0.4 })]);
    frames(3, 5, []);
    const [one] = report();
    appearanceReportSchema.parse(one);
    coverageReportSchema.parse(meter.coverage());
    expect(one).toMatchObject({ brandId: 'acme', name: 'acme', frames: 20, ended: true });
    expect(one!.seconds).toBeCloseTo(2, 9);
    expect(one!.fromMs).toBeCloseTo(startMs + 950, 3);
    expect(one!.toMs).toBeCloseTo(startMs + 2950, 3);
    expect(one!.shareSeconds).toBeCloseTo(0.02 + 0.04, 9);
    expect(one!.scoreSeconds).toBeCloseTo(0.8 + 0.4, 9);
    expect(one!.largestShare).toBeCloseTo(0.04, 9);
    const row = 4 * heatmapColumns;
    expect(one!.heatmap[row + 7]).toBeCloseTo(1, 9);
    expect(one!.heatmap[row + 15]).toBeCloseTo(1, 9);
    expect(meter.coverage()).toMatchObject({ runId: 'id0', frames: 50, fromMs: startMs });
    expect(meter.coverage().seconds).toBeCloseTo(4.9, 9);
  });

  it('begins and ends at the Frame itself where there is none before or after', () => {
    frames(0, 1.1, [mark()]);
    expect(outcome()).toEqual([['acme', 1]]);
    create();
    frame(5, [mark()]);
    expect(outcome()).toEqual([['acme', 0]]);
  });

  it('joins gaps up to the limit, also under another track id near by, and counts them', () => {
    frames(0, 1, [mark()]);
    frames(1, 1.9, []);
    frames(1.9, 3, [mark({ trackId: 7, x: 0.5 })]);
    frames(3, 4.2, []);
    expect(outcome()).toEqual([['acme', 2.95]]);
  });

  it('does not join longer ones, other brands, or what is elsewhere', () => {
    frames(0, 1, [mark()]);
    frames(1, 2.1, []);
    frames(2.1, 3, [mark()]);
    frames(3, 3.5, [mark({ trackId: 2, x: 0.05, y: 0 })]);
    frames(3.5, 4, [mark({ trackId: 3, brandId: 'other', x: 0.05, y: 0 })]);
    frames(4, 6, []);
    expect(outcome()).toEqual([
      ['acme', 1 - 0.05 + 0],
      ['acme', 0.9],
      ['acme', 0.5],
      ['other', 0.5],
    ]);
  });

  it('counts nothing while it sees nothing, and ends what was there', () => {
    frames(0, 1, [mark()]);
    frames(2.1, 3, [mark()]);
    expect(outcome()).toEqual([
      ['acme', 0.9],
      ['acme', 0.8],
    ]);
    expect(meter.coverage().seconds).toBeCloseTo(1.7, 9);
    expect(told.get('id2')!.fromMs).toBeCloseTo(startMs + 2100, 3);
  });

  it.each([
    ['backwards', 50, 0],
    ['far on', 7200, 0],
    ['on with the clock of the wall standing', 100.5, -400_000],
  ])('ends all when the clock jumps %s', (_, to, wallOffMs) => {
    frames(99, 100, [mark()]);
    for (let i = 0; i < 10; i++) frame(to + i / 10, [mark()], wallOffMs);
    expect(outcome()).toEqual([
      ['acme', 0.9],
      ['acme', 0.9],
    ]);
  });

  it('goes over the wrap of the RTP clock, and takes a Frame once', () => {
    for (let i = 0; i < 20; i++) {
      const ticks = (0xffffffff - 10 * 9000 + i * 9000) >>> 0;
      for (let twice = 0; twice < 2; twice++) meter.update([mark()], ticks, startMs + i * 100, 640, 480);
    }
    expect(outcome()).toEqual([['acme', 1.9]]);
    expect(meter.coverage().frames).toBe(20);
  });

  it('follows the clock of the wall slowly, whatever the network does', () => {
    for (let i = 0; i < 36_000; i++) {
      // 100 ppm off, and packets that come late now and then.
      meter.update([mark()], i * 9000, startMs + i * 100.01 + (i % 50 === 0 ? 400 : 0), 640, 480);
    }
    expect(outcome()).toEqual([['acme', 3599.9]]);
    const { toMs } = told.get('id1')!;
    expect(Math.abs(toMs - (startMs + 35_999 * 100.01))).toBeLessThan(5);
  });

  describe('when the name on a track changes', () => {
    it('ends one Appearance and begins the other', () => {
      frames(0, 2, [mark()]);
      frames(2, 4, [mark({ brandId: 'other' })]);
      expect(outcome()).toEqual([
        ['acme', 1.95],
        ['other', 1.95],
      ]);
    });

    it('for less than half a second and back, nothing happened', () => {
      frames(0, 2, [mark()]);
      frames(2, 2.3, [mark({ brandId: 'other' })]);
      report();
      frames(2.3, 2.4, [mark({ brandId: 'third' })]);
      frames(2.4, 4.1, [mark()]);
      expect(outcome()).toEqual([['acme', 4]]);
      expect(gone).toEqual(['id3', 'id2']);
    });

    it('for longer and back, there are three', () => {
      frames(0, 2, [mark()]);
      frames(2, 2.8, [mark({ brandId: 'other' })]);
      frames(2.8, 4, [mark()]);
      expect(outcome().sort()).toEqual([
        ['acme', 1.15],
        ['acme', 1.95],
        ['other', 0.8],
      ]);
    });

    it('and then it is gone, the short one stays', () => {
      frames(0, 2, [mark()]);
      frames(2, 2.2, [mark({ brandId: 'other' })]);
      frames(2.2, 5, []);
      expect(outcome()).toEqual([
        ['acme', 1.95],
        ['other', 0.2],
      ]);
    });
  });

  it('reports what changed, and ended ones until they are stored', () => {
    frames(0, 1, [mark()]);
    expect(meter.takeReport(1, 1_000)!.appearances).toHaveLength(1);
    expect(meter.takeReport(2, 2_000)).toBeUndefined();
    frames(1, 3, []);
    expect(meter.takeReport(3, 3_000)!.appearances).toMatchObject([{ id: 'id1', ended: true }]);
    meter.stored(1);
    expect(meter.takeReport(4, 4_000)).toBeUndefined();
    expect(meter.takeReport(5, 6_000)!.appearances).toMatchObject([{ id: 'id1', ended: true }]);
    meter.stored(3);
    expect(meter.unstored).toBe(1);
    meter.stored(5);
    expect([meter.unstored, gone]).toEqual([0, ['id1']]);
    expect(meter.takeReport(6, 20_000)).toBeUndefined();
  });

  it('tells how long it has looked until that is stored, also when there is nothing more to see', () => {
    frames(0, 1, []);
    meter.takeReport(1, 1_000);
    meter.stored(1);
    expect(meter.coverageStored).toBe(true);
    frames(1, 2, []);
    expect(meter.coverageStored).toBe(false);
    expect(meter.takeReport(2, 2_000)!.coverage.frames).toBe(20);
    meter.stored(1);
    expect(meter.takeReport(3, 4_900)).toBeUndefined();
    expect(meter.takeReport(4, 5_000)!.coverage.frames).toBe(20);
    // An answer to the first of the two, late.
    meter.stored(2);
    expect(meter.coverageStored).toBe(true);
    expect(meter.takeReport(5, 60_000)).toBeUndefined();
  });

  it('has limits: the longest unseen is ended early, the oldest unstored is let go of', () => {
    create({ maxOpen: 3, maxEnded: 4 });
    const spread = (count: number) => Array.from({ length: count }, (_, i) => mark({ trackId: i, brandId: `b${i}` }));
    frame(0, spread(3));
    frame(0.1, spread(5).slice(1));
    expect([meter.open, meter.cutShort, meter.unstored]).toEqual([3, 2, 2]);
    frames(5, 5.1, spread(3));
    expect([meter.open, meter.unstored, meter.dropped]).toEqual([3, 4, 1]);
    expect(gone).toEqual(['id1']);
    expect(meter.takeReport(1, 0, 2)).toMatchObject({ more: true, appearances: [{}, {}] });
    meter.stored(1);
    expect(meter.unstored).toBe(2);
  });
});

/** On and off times, seconds; sampling interval and which samples are lost. */
const pattern = fc.record({
  interval: fc.double({ min: 0.02, max: 0.15, noNaN: true }),
  parts: fc.array(
    fc.record({
      on: fc.double({ min: 0.7, max: 6, noNaN: true }),
      joined: fc.boolean(),
      extra: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  drops: fc.infiniteStream(fc.boolean()),
  jitterMs: fc.infiniteStream(fc.nat(300)),
});

describe('whatever is on screen, whenever it is looked at', { timeout: 60_000 }, () => {
  it('seconds are right within one sampling interval an Appearance, and never run backwards', () => {
    fc.assert(
      fc.property(pattern, ({ interval, parts, drops, jitterMs }) => {
        create();
        // At most every other sample is lost: no two samples are further apart than this.
        const apart = 2 * interval;
        const on: [number, number][] = [];
        let at = 2;
        for (const { on: length, joined, extra } of parts) {
          on.push([at, at + length]);
          const gap = joined ? extra * (joinGapSeconds - 2 * apart) : joinGapSeconds + 2 * apart + extra;
          at += length + Math.max(0, gap);
        }
        const truth: [number, number][] = [];
        for (const [from, to] of on) {
          const last = truth.at(-1);
          if (last && from - last[1] <= joinGapSeconds - 2 * apart + 1e-9) last[1] = to;
          else truth.push([from, to]);
        }
        const before = new Map<string, number>();
        let lost = false;
        for (let i = 0; i * interval < at + 3; i++) {
          lost = !lost && drops.next().value;
          if (lost) continue;
          const now = i * interval;
          const there = on.some(([from, to]) => now >= from && now < to);
          frame(now, there ? [mark()] : [], jitterMs.next().value);
          if (i % 7 !== 0) continue;
          for (const { id, seconds, ended } of report(0)) {
            expect(seconds).toBeGreaterThanOrEqual((before.get(id) ?? 0) - 1e-9);
            before.set(id, seconds);
            expect(ended || meter.open > 0).toBe(true);
          }
        }
        const found = report();
        expect(found).toHaveLength(truth.length);
        for (const [i, [from, to]] of truth.entries()) {
          expect(Math.abs(found[i]!.seconds - (to - from))).toBeLessThanOrEqual(apart + 1e-4);
        }
        const { seconds } = meter.coverage();
        expect(found.reduce((sum, one) => sum + one.seconds, 0)).toBeLessThanOrEqual(seconds + 1e-9);
      }),
      { seed: 20_261_121, numRuns: 200 },
    );
  });

  it('ids stay, figures agree with one another, and the union of a brand is within what was looked at', () => {
    const anyMark = fc.record({
      ...{
        trackId: fc.nat(4),
        brandId: fc.constantFrom('a', 'b', 'c'),
        score: fc.double({ min: 0, max: 1, noNaN: true }),
      },
      ...{ x: fc.double({ min: 0, max: 1, noNaN: true }), y: fc.double({ min: 0, max: 1, noNaN: true }) },
      ...{ w: fc.double({ min: 0, max: 1, noNaN: true }), h: fc.double({ min: 0, max: 1, noNaN: true }) },
    });
    const step = fc.oneof(
      { weight: 30, arbitrary: fc.integer({ min: 900, max: 45_000 }) },
      { weight: 1, arbitrary: fc.constantFrom(0, -5_000, 200_000, 0x7fffffff) },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.array(anyMark, { maxLength: 5 })), { maxLength: 150 }), (sequenceOf) => {
        create();
        let ticks = 0xffff0000;
        let wallMs = startMs;
        const brandOf = new Map<string, string>();
        for (const [gap, marks] of sequenceOf) {
          ticks = (ticks + gap) >>> 0;
          wallMs += Math.abs(gap) / 90;
          meter.update(
            marks.map((one) => ({ ...one, name: one.brandId })),
            ticks,
            wallMs,
            1280,
            720,
          );
          for (const { id, brandId } of report()) {
            expect(brandOf.get(id) ?? brandId).toBe(brandId);
            brandOf.set(id, brandId);
          }
        }
        meter.finish();
        const all = report();
        const { seconds: covered, fromMs, toMs } = meter.coverage();
        for (const one of all) {
          appearanceReportSchema.parse(one);
          expect(one.ended).toBe(true);
          expect(one.heatmap.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(one.seconds, 6);
          expect(one.toMs - one.fromMs).toBeCloseTo(one.seconds * 1000, -1);
          expect(one.shareSeconds).toBeLessThanOrEqual(one.largestShare * one.seconds + 1e-9);
          if (sequenceOf.every(([gap]) => gap >= 0)) {
            expect(one.fromMs).toBeGreaterThanOrEqual(fromMs - 1e-6);
            expect(one.toMs).toBeLessThanOrEqual(toMs + 1e-6);
          }
        }
        for (const brand of ['a', 'b', 'c']) {
          const spans = all.filter((one) => one.brandId === brand).sort((a, b) => a.fromMs - b.fromMs);
          let union = 0;
          let endMs = -Infinity;
          for (const one of spans) {
            union += Math.max(0, one.toMs - Math.max(endMs, one.fromMs)) / 1000;
            endMs = Math.max(endMs, one.toMs);
          }
          expect(union).toBeLessThanOrEqual(covered * 1.0006 + 1e-6);
        }
      }),
      { seed: 20_261_122, numRuns: 200 },
    );
  });
});
