import { describe, expect, it } from 'vitest';
import { lineSchema, type ZoneEvent, zoneSchema, zoneSettingsSchema } from '../../zones.ts';
import { seededRandom } from '../../tap/testPackets.ts';
import { type DetectedObject, Tracker } from '../index.ts';
import { ZoneEvaluator } from './ZoneEvaluator.ts';

/*
 * A film of 30 s: things that go known ways, found by a detector as it would be, followed by the Tracker. Whoever made
 * the film knows every event and its moment.
 */

const second = 90_000;
const rate = 15;
const at = (x: number, y: number) => ({ x, y });
const person = { label: 0, w: 0.06, h: 0.2 };
const car = { label: 1, w: 0.16, h: 0.12 };

interface Thing {
  label: number;
  w: number;
  h: number;
  /** [seconds, x, y] of its lower middle; straight between. It is there from the first to the last. */
  way: [number, number, number][];
  /** [from, to] seconds. */
  hidden?: [number, number];
}
const things: Thing[] = [
  // Through the shop from left to right at 0.1 of the picture a second, and on along the gate.
  { ...person, way: [[1, 0.1, 0.6], [9, 0.9, 0.6]] }, // prettier-ignore
  // Goes in, stands for long, is hidden for 0.8 s meanwhile, and goes out where it came from.
  { ...person, way: [[4, 0.1, 0.5], [8, 0.5, 0.5], [20, 0.5, 0.5], [24, 0.1, 0.5]], hidden: [12, 12.8] }, // prettier-ignore
  // Over the gate and back, fast.
  { ...car, way: [[2, 0.85, 0.35], [3, 0.85, 0.85], [6, 0.85, 0.85], [7, 0.85, 0.35]] }, // prettier-ignore
  // Appears in the shop and is never seen again.
  { ...person, way: [[25, 0.55, 0.7], [27, 0.55, 0.55]] }, // prettier-ignore
  // Stands with its wheels on the gate.
  { ...car, way: [[10, 0.85, 0.601], [28, 0.85, 0.601]] }, // prettier-ignore
];

const settings = zoneSettingsSchema.parse({
  zones: [
    zoneSchema.parse({
      ...{ id: 'shop', name: 'Shop', colour: '#ff0000', labels: ['person'], dwellSeconds: 2.5 },
      polygon: [at(0.35, 0.3), at(0.65, 0.3), at(0.65, 0.9), at(0.35, 0.9)],
    }),
  ],
  lines: [
    lineSchema.parse({ id: 'gate', name: 'Gate', colour: '#00ff00', from: at(0.7, 0.6), to: at(1, 0.6) }),
    // Down the picture: in is to its right hand, which is the left of the picture.
    lineSchema.parse({ id: 'aisle', name: 'Aisle', colour: '#0000ff', from: at(0.4, 0.4), to: at(0.4, 0.8) }),
  ],
});

/** [seconds, id, kind, cause, dwell seconds], as it was filmed. */
const truth: [number, string, string, string, number?][] = [
  [2.5, 'gate', 'crossedIn', 'moved'],
  [3.5, 'shop', 'entered', 'moved'],
  [4, 'aisle', 'crossedOut', 'moved'],
  [6, 'shop', 'dwell', 'moved', 2.5],
  [6.5, 'gate', 'crossedOut', 'moved'],
  [6.5, 'shop', 'entered', 'moved'],
  [6.5, 'shop', 'left', 'moved', 3],
  [7, 'aisle', 'crossedOut', 'moved'],
  [9, 'shop', 'dwell', 'moved', 2.5],
  [21, 'aisle', 'crossedIn', 'moved'],
  [21.5, 'shop', 'left', 'moved', 15],
  [25, 'shop', 'entered', 'appeared'],
  [27, 'shop', 'left', 'lost', 2],
];

/** What is found in the picture of that second; `jitter`: of the box's sides, share of its size. */
function detect(seconds: number, jitter: number, random: () => number): DetectedObject[] {
  return things.flatMap(({ way, hidden, label, w, h }) => {
    const isThere = seconds >= way[0]![0] - 1e-9 && seconds <= way.at(-1)![0] + 1e-9;
    if (!isThere || (hidden && seconds > hidden[0] && seconds < hidden[1])) return [];
    const next = Math.max(1, way.findIndex(([when]) => when >= seconds - 1e-9)); // prettier-ignore
    const [[t0, x0, y0], [t1, x1, y1]] = [way[next - 1]!, way[next]!];
    const part = (seconds - t0) / (t1 - t0);
    const shake = (size: number): number => (random() * 2 - 1) * jitter * size;
    const [x, y] = [x0 + part * (x1 - x0) + shake(w), y0 + part * (y1 - y0) + shake(h)];
    const size = { w: w + shake(w), h: h + shake(h) };
    return [{ label, score: 0.9, x: x - size.w / 2, y: y - size.h, ...size }];
  });
}

function play(jitter: number) {
  const random = seededRandom(20_261_122);
  const tracker = new Tracker();
  const events: { seconds: number; event: ZoneEvent }[] = [];
  const starts = 2 ** 32 - 10 * second;
  let now = 0;
  const onEvent = (event: ZoneEvent): void => {
    const back = ((starts + now - event.rtpTimestamp) | 0) / second;
    events.push({ seconds: now / second - back - event.lagTicks / second, event });
    // Told of the first Frame that shows it: no Frame lies between the two.
    expect(event.lagTicks).toBeLessThan(event.kind === 'dwell' ? 0.9 * second : second / rate + 1);
  };
  const evaluator = new ZoneEvaluator({ settings, labels: ['person', 'car'], onEvent });
  for (let i = 0; i <= 30 * rate; i++) {
    now = Math.round((i * second) / rate);
    const objects = detect(i / rate, jitter, random);
    const rtpTicks = (starts + now) >>> 0;
    evaluator.update(objects, tracker.update(objects, rtpTicks), rtpTicks, 1920, 1080);
  }
  evaluator.finish();
  return events.sort((a, b) => a.seconds - b.seconds || (a.event.zoneId < b.event.zoneId ? -1 : 1));
}

describe('a film with known crossings and dwell times', () => {
  it('gives exactly these events, at their moments', () => {
    const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
    const told = play(0).map(({ seconds, event: { zoneId, kind, cause, dwellSeconds } }) => {
      const what = [rounded(seconds), zoneId, kind, cause];
      return dwellSeconds === undefined ? what : [...what, rounded(dwellSeconds)];
    });
    expect(told).toHaveLength(truth.length);
    expect(told).toEqual(expect.arrayContaining(truth));
  });

  it('gives the same events of boxes that jitter, about then', () => {
    const events = play(0.025);
    for (const [seconds, id, kind, cause, dwellSeconds] of truth) {
      const index = events.findIndex(
        ({ event, seconds: when }) =>
          event.zoneId === id && event.kind === kind && event.cause === cause && Math.abs(when - seconds) < 0.25,
      );
      expect(index, `${seconds} ${id} ${kind}`).toBeGreaterThanOrEqual(0);
      const [found] = events.splice(index, 1);
      if (dwellSeconds !== undefined) expect(Math.abs(found!.event.dwellSeconds! - dwellSeconds)).toBeLessThan(0.3);
    }
    expect(events).toEqual([]);
  });
});
