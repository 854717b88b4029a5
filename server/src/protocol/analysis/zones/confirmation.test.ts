import { describe, expect, it } from 'vitest';
import { type ZoneEvent, zoneSettingsSchema } from '../../zones.ts';
import type { TrackedBox } from './ZoneTrack.ts';
import { ZoneEvaluator } from './ZoneEvaluator.ts';

const at = (x: number, y: number) => ({ x, y });
const settings = zoneSettingsSchema.parse({
  zones: [
    {
      ...{ id: 'zone', name: 'Zone', colour: '#ff0000', dwellSeconds: 0.5 },
      polygon: [at(0.3, 0.2), at(0.7, 0.2), at(0.7, 0.8), at(0.3, 0.8)],
    },
  ],
  lines: [{ id: 'line', name: 'Line', colour: '#00ff00', from: at(0.5, 0), to: at(0.5, 1) }],
  scale: { kind: 'width', metresPerWidth: 10 },
});
const box = (x: number, y: number, label = 0): TrackedBox => ({ label, x: x - 0.02, y: y - 0.08, w: 0.04, h: 0.08 });

function create() {
  const events: ZoneEvent[] = [];
  const onEvent = (event: ZoneEvent) => events.push(event);
  const evaluator = new ZoneEvaluator({ settings, labels: ['person', 'car'], onEvent });
  const order = (event: ZoneEvent): string => `${event.trackId} ${event.rtpTimestamp} ${event.kind}`;
  return { evaluator, events: () => events.toSorted((a, b) => order(a).localeCompare(order(b))) };
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('objects that are not confirmed yet', () => {
  it.each([1, 2, 3, 4, 5])('are told as if they always had been, and flickers never are (seed %s)', (seed) => {
    const random = seeded(seed);
    const [plain, careful] = [create(), create()];
    const seen = new Map<number, number>();
    const confirmAfter = 1 + Math.floor(random() * 4);
    const confirmation = { isConfirmed: (id: number) => id < 1000 && seen.get(id)! >= confirmAfter };
    const walkers: { id: number; x: number; y: number; dx: number; until: number }[] = [];
    let nextId = 1;
    let flickers = 1000;
    for (let number = 0; number < 600; number++) {
      if (random() < 0.05) {
        const dx = (random() - 0.5) * 0.1;
        walkers.push({ id: nextId++, x: random(), y: 0.1 + random() * 0.8, dx, until: number + 20 + random() * 60 });
      }
      const [boxes, ids]: [TrackedBox[], number[]] = [[], []];
      for (const walker of walkers) {
        walker.x = Math.max(0, Math.min(1, walker.x + walker.dx * random()));
        // At the end it is there for enough Frames to have been confirmed.
        if (number > walker.until || random() < 0.1) continue;
        seen.set(walker.id, (seen.get(walker.id) ?? 0) + 1);
        boxes.push(box(walker.x, walker.y, random() < 0.2 ? 1 : 0));
        ids.push(walker.id);
      }
      const ticks = 4_294_900_000 + number * 9000;
      plain.evaluator.update(boxes, ids, ticks, 1280, 720);
      while (random() < 0.4) {
        boxes.push(box(random(), random()));
        ids.push(flickers + Math.floor(random() * 3));
        if (random() < 0.5) flickers++;
      }
      const unique = ids.map((id, i) => (ids.indexOf(id) === i ? id : 0));
      careful.evaluator.update(boxes, unique, ticks, 1280, 720, confirmation);
    }
    const unconfirmed = [...seen].filter(([, frames]) => frames < confirmAfter).map(([id]) => id);
    for (const { evaluator } of [plain, careful]) evaluator.finish();
    expect(plain.events().length).toBeGreaterThan(20);
    expect(careful.events()).toEqual(plain.events().filter(({ trackId }) => !unconfirmed.includes(trackId)));
    if (unconfirmed.length > 0) return;
    expect(careful.evaluator.live()).toEqual(plain.evaluator.live());
    const [found, wanted] = [careful, plain].map(({ evaluator }) => evaluator.heatmap().seconds);
    found!.forEach((seconds, i) => expect(seconds).toBeCloseTo(wanted![i]!, 9));
  });

  it('count from their first Frame on, and nobody sees them before', () => {
    const { evaluator, events } = create();
    let frames = 0;
    const confirmation = { isConfirmed: () => frames >= 3 };
    for (const x of [0.28, 0.34, 0.4]) {
      expect(evaluator.live().counts).toEqual({});
      frames++;
      evaluator.update([box(x, 0.5)], [7], frames * 9000, 1280, 720, confirmation);
    }
    expect(events()).toMatchObject([{ kind: 'entered', cause: 'moved', trackId: 7, rtpTimestamp: 18_000 }]);
    expect(18_000 - events()[0]!.lagTicks).toBeCloseTo(9000 + 9000 / 3, 6);
    expect(evaluator.live()).toMatchObject({ counts: { person: 1 }, zones: [{ occupancy: 1, entered: 1 }] });
  });

  it('are forgotten when they are not seen again, and more Frames than any Model asks for are not kept', () => {
    const { evaluator, events } = create();
    let confirmed = false;
    const confirmation = { isConfirmed: () => confirmed };
    evaluator.update([box(0.1, 0.5)], [7], 0, 1280, 720, confirmation);
    for (let i = 1; i <= 100; i++) evaluator.update([], [], i * 9000, 1280, 720, confirmation);
    for (let i = 101; i <= 150; i++) evaluator.update([box(0.4, 0.5)], [7], i * 9000, 1280, 720, confirmation);
    confirmed = true;
    evaluator.update([box(0.4, 0.5)], [7], 151 * 9000, 1280, 720, confirmation);
    const [entered, dwell] = events();
    expect(entered).toMatchObject({ kind: 'entered', cause: 'appeared', rtpTimestamp: 121 * 9000 });
    expect(dwell).toMatchObject({ kind: 'dwell', rtpTimestamp: 126 * 9000 });
  });
});

it('waits for what is out of sight as long as the Tracker does', () => {
  const { evaluator, events } = create();
  evaluator.setKeepSeconds(3);
  evaluator.update([box(0.4, 0.5)], [7], 0, 1280, 720);
  evaluator.update([], [], 200_000, 1280, 720);
  evaluator.update([box(0.4, 0.5)], [7], 250_000, 1280, 720);
  expect(events().map(({ kind }) => kind)).toEqual(['entered', 'dwell']);
});
