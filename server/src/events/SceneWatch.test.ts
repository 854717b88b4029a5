import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { eventViewsOf } from '../history/eventViews.ts';
import { testBatch, testStartMs, testTrack, testZoneEvent } from '../history/testBatches.ts';
import { encodeDetections } from '../protocol/analysis/index.ts';
import { type HistoryBatch, type RuleCondition, ruleConditionSchema, type TimedZoneEvent } from '../protocol/index.ts';
import type { Match } from './Match.ts';
import { SceneWatch } from './SceneWatch.ts';
import type { WatchedRule } from './WatchedRule.ts';

const ruleOf = (condition: unknown): WatchedRule => ({
  ...{ id: 'r', name: 'Rule', streamId: null, targetIds: [], cooldownSeconds: 0 },
  condition: ruleConditionSchema.parse(condition) as RuleCondition,
});

/** One run of an analysis: batches one after another, and what the rule made of each. */
class Run {
  readonly #scene = new SceneWatch();
  readonly #rule: WatchedRule;
  #sequence = 0;

  constructor(condition: unknown) {
    this.#rule = ruleOf(condition);
  }

  batch(rest: Partial<HistoryBatch> = {}): Match[] {
    const batch = testBatch('run', this.#sequence++, rest);
    return [...this.#scene.batch(batch, eventViewsOf(batch, 'Front door'), [this.#rule])];
  }

  events(...events: Partial<TimedZoneEvent>[]): Match[] {
    return this.batch({ events: events.map((one) => testZoneEvent(one)) });
  }
}

const atMs = (seconds: number): number => testStartMs + seconds * 1000;
const facts = (matches: Match[]) =>
  matches.map(({ atMs: at, facts: { label, trackId } = {} }) => [at - testStartMs, label, trackId]);

describe('an object at a zone or line', () => {
  it('fires by kind, zone and label, with the event as its cause', () => {
    const run = new Run({ kind: 'zone', on: ['entered', 'crossedIn'], zoneId: 'door', labels: ['car'] });
    const matches = run.events(
      { trackId: 1 },
      { trackId: 2, label: 'dog' },
      { trackId: 3, kind: 'left' },
      { trackId: 4, zoneId: 'gate' },
      { trackId: 5, kind: 'crossedIn', atMs: atMs(0.5) },
    );
    expect(facts(matches)).toEqual([
      [0, 'car', 1],
      [500, 'car', 5],
    ]);
    expect(matches[0]!.cause).toMatchObject({ kind: 'entered', zoneId: 'door', id: 'run:0:0' });
    expect(matches[0]!.key).toBe('run:0:0');
  });

  it('does not take for a movement that somebody drew the zone, or that the analysis ended', () => {
    const run = new Run({ kind: 'zone', on: ['entered', 'left'] });
    expect(run.events({ cause: 'edited' }, { trackId: 2 })).toHaveLength(1);
    expect(run.events({ kind: 'left', cause: 'stopped' }, { kind: 'left', trackId: 2, cause: 'lost' })).toHaveLength(1);
  });
});

describe('an object that stays in a zone', () => {
  const track = (trackId: number, toMs: number) => testTrack(trackId, 30, { toMs });

  it('fires once when it was seen there for long enough, dated to that moment', () => {
    const run = new Run({ kind: 'dwell', seconds: 2.5, zoneId: 'door' });
    expect(run.batch({ events: [testZoneEvent()], tracks: [track(1, atMs(1))] })).toEqual([]);
    expect(run.batch({ tracks: [track(1, atMs(2))] })).toEqual([]);
    expect(facts(run.batch({ tracks: [track(1, atMs(3))] }))).toEqual([[2500, 'car', 1]]);
    expect(run.batch({ tracks: [track(1, atMs(4))] })).toEqual([]);
    // The next visit is another one.
    const again = { kind: 'left', dwellSeconds: 4 } as const;
    expect(run.events(again, { atMs: atMs(5) })).toEqual([]);
    expect(facts(run.batch({ tracks: [track(1, atMs(8))] }))).toEqual([[7500, 'car', 1]]);
  });

  it('does not fire for one that was out of sight before, though it was given up later', () => {
    const run = new Run({ kind: 'dwell', seconds: 2 });
    run.batch({ events: [testZoneEvent()], tracks: [track(1, atMs(1.5))] });
    expect(run.batch()).toEqual([]);
    expect(run.batch({ events: [testZoneEvent({ kind: 'left', cause: 'lost', dwellSeconds: 1.5 })] })).toEqual([]);
  });

  it('fires with what tells that it is over, where that was first', () => {
    const run = new Run({ kind: 'dwell', seconds: 0.5, labels: ['car'] });
    expect(facts(run.events({}, { kind: 'left', dwellSeconds: 0.7, atMs: atMs(0.7) }))).toEqual([[500, 'car', 1]]);
    expect(run.events({ label: 'dog' }, { label: 'dog', kind: 'left', dwellSeconds: 0.7 })).toEqual([]);
  });
});

describe('too many objects', () => {
  const counts = [0, 3, 3, 3, 3, 3];
  /** A Frame each 100 ms with so many cars, and one dog. */
  const picture = (sequence: number, cars: readonly number[]): Partial<HistoryBatch> => {
    const messages = cars.map((count, i) => {
      const object = (label: number) => ({ label, score: 0.9, x: 0.1, y: 0.1, w: 0.2, h: 0.2 });
      const objects = [object(1), ...Array.from({ length: count }, () => object(0))];
      const { bytes } = encodeDetections({
        ...{ publicationId: 'p', rtpTimestamp: (0xffff_fff0 + (sequence * 10 + i) * 9_000) % 2 ** 32, sequence: i },
        ...{ revision: 1, width: 640, height: 360, receivedAtMs: 1, decodedAtMs: 1, inferredAtMs: 1, sentAtMs: 1 },
        ...{ objects: objects as never, trackIds: objects.map((_, track) => track + 1) },
      });
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    });
    const most = Math.max(...cars);
    return {
      ...{ firstRtp: (0xffff_fff0 + sequence * 90_000) % 2 ** 32, frames: cars.length },
      model: { revision: 1, modelId: 'marker', labels: ['car', 'dog'] },
      detections: zstdCompressSync(Buffer.concat(messages)).toString('base64'),
      mostByLabel: { dog: 1, ...(most > 0 ? { car: most } : {}) },
    };
  };

  it('in the picture: counted Frame by Frame, for long enough, over the wrap of RTP timestamps', () => {
    const run = new Run({ kind: 'count', over: 2, seconds: 1.2, labels: ['car'] });
    expect(run.batch(picture(0, [0, 0, 0, 0, 0, ...counts.slice(1)]))).toEqual([]);
    const [match] = run.batch(picture(1, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]));
    expect(match).toMatchObject({
      atMs: atMs(1.7),
      data: { count: 3, over: 2, seconds: 1.2 },
      facts: { label: 'car' },
    });
    expect(match!.facts!.rtpTimestamp).toBe((0xffff_fff0 + 17 * 9_000) % 2 ** 32);
    // Once, until it was over.
    expect(run.batch(picture(2, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]))).toEqual([]);
    expect(run.batch(picture(3, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).toEqual([]);
    expect(run.batch(picture(4, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]))).toEqual([]);
    expect(run.batch(picture(5, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]))).toHaveLength(1);
  });

  it('an object missed in a Frame or two does not begin it anew', () => {
    const run = new Run({ kind: 'count', over: 2, seconds: 1.5, labels: null });
    expect(run.batch(picture(0, [2, 2, 2, 0, 0, 2, 2, 1, 2, 2]))).toEqual([]);
    expect(run.batch(picture(1, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]))).toHaveLength(1);
  });

  it('reads no detections where there can be none', () => {
    const run = new Run({ kind: 'count', over: 5 });
    expect(run.batch({ detections: 'unreadable' })).toEqual([]);
    const other = new Run({ kind: 'count', over: 1 });
    expect(() => other.batch({ detections: 'unreadable' })).toThrow();
  });

  it('in a zone: who entered and did not leave', () => {
    const run = new Run({ kind: 'count', over: 1, seconds: 1.5, zoneId: 'door', labels: ['car'] });
    const enter = (trackId: number, seconds: number, label = 'car') => ({ trackId, label, atMs: atMs(seconds) });
    expect(run.events(enter(1, 0.1), enter(2, 0.5, 'dog'), enter(3, 0.6))).toEqual([]);
    expect(run.events()).toEqual([]);
    const [match] = run.events();
    expect(match).toMatchObject({ atMs: atMs(2.99), data: { count: 2 }, facts: { zoneId: 'door', zoneName: 'Door' } });
    expect(run.events({ ...enter(1, 3.5), kind: 'left' }, enter(1, 3.6))).toEqual([]);
    expect(run.events({ ...enter(1, 4.1), kind: 'left' })).toEqual([]);
    expect(run.events(enter(1, 5.1))).toEqual([]);
    expect([...run.events(), ...run.events()]).toHaveLength(1);
  });

  it('forgets who was there with a new run of the analysis', () => {
    const scene = new SceneWatch();
    const rules = [ruleOf({ kind: 'count', over: 0, seconds: 1, zoneId: 'door' })];
    const of = (runId: string, sequence: number, events: TimedZoneEvent[] = []) => {
      const batch = testBatch(runId, sequence, { events });
      return [...scene.batch(batch, eventViewsOf(batch, ''), rules)];
    };
    expect([...of('a', 0, [testZoneEvent()]), ...of('b', 1), ...of('b', 2)]).toEqual([]);
  });
});

describe('a label that is seen', () => {
  it('fires once for each ObjectTrack, when it scored enough', () => {
    const run = new Run({ kind: 'labelSeen', labels: ['car', 'dog'], minScore: 0.8 });
    const tracks = [
      testTrack(1, 5),
      testTrack(2, 5, { bestScore: 0.9, firstRtp: 77 }),
      testTrack(3, 5, { label: 'cat' }),
    ];
    const [match, ...others] = run.batch({ tracks });
    expect(others).toEqual([]);
    expect(match).toMatchObject({ key: 'run 2', facts: { trackId: 2, label: 'car', rtpTimestamp: 77 }, cause: null });
    expect(
      facts(run.batch({ tracks: [testTrack(1, 9, { bestScore: 0.81 }), testTrack(2, 9, { bestScore: 0.9 })] })),
    ).toEqual([[0, 'car', 1]]);
  });
});
