import { type HistoryBatch, historyBatchSchema } from '@framelock/server/protocol';
import { seededRandom } from '@framelock/server/protocol/tap/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { HistoryOutbox, type HistoryOutboxOptions, type OutboxEntry } from './HistoryOutbox.ts';

let told: HistoryBatch[];
let dropped: Record<string, number>;
let outbox: HistoryOutbox;
const create = (options: Partial<HistoryOutboxOptions> = {}): void => {
  told = [];
  dropped = {};
  outbox = new HistoryOutbox({
    emit: (batch) => told.push(structuredClone(historyBatchSchema.parse(batch))),
    onDropped: (what, count) => (dropped[what] = (dropped[what] ?? 0) + count),
    ...options,
  });
};
beforeEach(() => create());

const track = (trackId: number, ended: boolean): HistoryBatch['tracks'][number] => ({
  ...{ trackId, label: 'person', fromMs: 0, toMs: 0, firstRtp: 0, lastRtp: 0, frames: 3, bestScore: 0.9, bestRtp: 0 },
  ...{ bestBox: { x: 0, y: 0, w: 1, h: 1 }, zoneIds: [], ended },
});
const event: HistoryBatch['events'][number] = {
  ...{ kind: 'entered', zoneId: 'z', zoneName: 'Z', trackId: 1, label: 'person', cause: 'moved', rtpTimestamp: 0 },
  ...{ lagTicks: 0, x: 0.5, y: 0.5, atMs: 0 },
};
const batch = (sequence: number, rest: Partial<HistoryBatch> = {}): OutboxEntry['batch'] => ({
  ...{ publicationId: 'p', streamId: 's', runId: 'run', sequence, fromMs: 0, toMs: 0, firstRtp: 0, lastRtp: 0 },
  ...{ frames: 1, objects: 0, model: { revision: 1, modelId: 'm', labels: [] }, rawBytes: 10, mostByLabel: {} },
  ...{ tracks: [], events: [], properties: [], last: false, dropped: { batches: 0, tracks: 0, events: 0 }, ...rest },
});
const put = (sequence: number, nowMs: number, rest: Partial<HistoryBatch> = {}, bytes = 10): void =>
  outbox.complete(outbox.add(batch(sequence, rest)), Buffer.alloc(bytes), nowMs);
const sequences = () => told.map(({ sequence }) => sequence);
const none = { batches: 0, tracks: 0, events: 0 };

describe('batches', () => {
  it('are told when they are ready, in the order of their run, and once when they are stored', () => {
    outbox.tick(0, true);
    const [first, second, other] = [batch(0), batch(1), batch(0, { runId: 'other' })].map((one) => outbox.add(one));
    outbox.complete(second!, Buffer.from('second'), 0);
    outbox.complete(other!, Buffer.from('other'), 0);
    expect(told.map(({ runId, sequence }) => [runId, sequence])).toEqual([['other', 0]]);
    outbox.complete(first!, Buffer.from('first'), 0);
    expect(sequences()).toEqual([0, 0, 1]);
    expect(Buffer.from(told[2]!.detections, 'base64').toString()).toBe('second');
    for (const one of told) outbox.stored(one.runId, one.sequence, 10);
    outbox.stored('run', 1, 10);
    outbox.stored('nobody', 7, 10);
    for (let ms = 0; ms < 600_000; ms += 250) outbox.tick(ms, true);
    expect(told).toHaveLength(3);
    expect([outbox.size, outbox.bytes]).toEqual([0, 0]);
  });

  it('are told again until they are stored, less and less often', () => {
    outbox.tick(0, true);
    put(0, 0);
    const at: number[] = [];
    for (let ms = 250; ms < 300_000; ms += 250) {
      const before = told.length;
      outbox.tick(ms, true);
      if (told.length > before) at.push(ms / 1000);
    }
    expect(at).toEqual([3, 9, 21, 45, 93, 153, 213, 273]);
    outbox.stored('run', 0, 300_000);
    expect(outbox.size).toBe(0);
  });

  it('are told to nobody while nobody is there, and then not all at once', () => {
    outbox.tick(0, false);
    for (let i = 0; i < 600; i++) put(i, i * 1000);
    for (let ms = 0; ms < 600_000; ms += 250) outbox.tick(ms, false);
    expect(told).toHaveLength(0);
    outbox.heard(600_000);
    const perTick: number[] = [];
    for (let ms = 600_000; outbox.size > 0 && ms < 700_000; ms += 250) {
      const before = told.length;
      outbox.tick(ms, true);
      perTick.push(told.length - before);
      for (const { sequence } of told.slice(before)) outbox.stored('run', sequence, ms + 100);
    }
    expect(Math.max(...perTick)).toBe(25);
    expect(perTick).toHaveLength(24);
    expect(sequences()).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect(dropped).toEqual({});
  });

  it('wait while a hundred are on their way', () => {
    for (let i = 0; i < 300; i++) put(i, 0);
    for (let tick = 0; tick < 10; tick++) outbox.tick(tick * 250, true);
    expect(told).toHaveLength(100);
    outbox.stored('run', 5, 2400);
    outbox.tick(2500, true);
    expect(sequences().slice(100)).toEqual([100]);
  });

  it('that are large are told a megabyte a tick, and one at least', () => {
    for (let i = 0; i < 6; i++) put(i, 0, {}, i < 4 ? 400_000 : 2_000_000);
    const perTick = [0, 250, 500, 750].map((ms) => {
      const before = told.length;
      outbox.tick(ms, true);
      return told.length - before;
    });
    expect(perTick).toEqual([3, 2, 1, 0]);
  });

  it('of which the server was away for long are told soon after it is back', () => {
    for (let i = 0; i < 20; i++) put(i, 0);
    for (let ms = 0; ms < 400_000; ms += 250) outbox.tick(ms, true);
    const before = told.length;
    outbox.heard(400_000);
    outbox.tick(400_000, true);
    expect(told.length - before).toBe(20);
    for (let i = 0; i < 20; i++) outbox.stored('run', i, 400_100);
    expect([outbox.size, dropped]).toEqual([0, {}]);
  });

  it('that can not be stored are given up when others were, and hold nobody up', () => {
    outbox.tick(0, true);
    put(0, 0);
    for (let ms = 250; ms <= 900_000; ms += 250) {
      if (ms % 1000 === 0) put(ms / 1000, ms);
      for (const { sequence } of told) if (sequence > 0) outbox.stored('run', sequence, ms);
      told = told.filter(({ sequence }) => sequence === 0);
      outbox.tick(ms, true);
    }
    expect(told.length).toBe(12);
    expect(dropped).toEqual({ batches: 1 });
    expect(outbox.size).toBeLessThanOrEqual(1);
  });

  it('are never given up because nobody could store any', () => {
    put(0, 0);
    put(1, 0);
    for (let ms = 0; ms <= 3_600_000; ms += 250) outbox.tick(ms, true);
    outbox.stored('run', 1, 3_600_000);
    for (let ms = 3_600_000; ms < 3_605_000; ms += 250) outbox.tick(ms, true);
    expect([sequences().at(-1), outbox.size, dropped]).toEqual([0, 1, {}]);
  });
});

describe('what is too much', () => {
  it('goes, the oldest first, and the next batch of the Publication tells of it', () => {
    create({ maxBatches: 3 });
    put(0, 0, { tracks: [track(1, true), { ...track(2, false), jpeg: '/9j/' }], events: [event, event] });
    put(1, 0, { dropped: { batches: 0, tracks: 4, events: 0 } });
    put(0, 0, { publicationId: 'q', runId: 'other' });
    put(2, 0);
    put(3, 0);
    outbox.tick(0, true);
    expect(told.map(({ publicationId, sequence }) => [publicationId, sequence])).toEqual([
      ['q', 0],
      ['p', 2],
      ['p', 3],
    ]);
    expect(told.map((one) => one.dropped)).toEqual([none, { batches: 2, tracks: 5, events: 2 }, none]);
    expect(dropped).toEqual({ batches: 2, tracks: 1, events: 2, pictures: 1 });
  });

  it('is told of by a batch that is made later, where none waits', () => {
    create({ maxBytes: 50_000 });
    put(0, 0, { events: [event] }, 60_000);
    expect(outbox.size).toBe(1);
    put(0, 0, { publicationId: 'q', runId: 'other' }, 1);
    expect(outbox.size).toBe(1);
    put(1, 0, { last: true });
    outbox.tick(0, true);
    expect(told.map((one) => one.dropped)).toEqual([none, { batches: 1, tracks: 0, events: 1 }]);
  });

  it('is judged by its bytes, and nothing is left behind', () => {
    const maxBytes = 1_000_000;
    create({ maxBytes });
    const random = seededRandom(5);
    const entries: OutboxEntry[] = [];
    let stored = 0;
    for (let i = 0; i < 2_000; i++) {
      entries.push(
        outbox.add(batch(i, { rawBytes: Math.floor(random() * 40_000), events: random() < 0.1 ? [event] : [] })),
      );
      expect(outbox.bytes).toBeLessThanOrEqual(maxBytes);
      if (random() < 0.8)
        outbox.complete(
          entries.splice(Math.floor(random() * entries.length), 1)[0]!,
          Buffer.alloc(Math.floor(random() * 20_000)),
          i,
        );
      if (random() < 0.05) outbox.fail(entries.splice(0, 1)[0]!);
      outbox.tick(i * 250, true);
      for (const one of told.splice(0)) {
        if (random() < 0.3) continue;
        outbox.stored(one.runId, one.sequence, i * 250);
        stored++;
      }
    }
    expect(stored).toBeGreaterThan(200);
    expect(dropped.batches).toBeGreaterThan(200);
    for (const entry of entries) outbox.fail(entry);
    for (let i = 2_000; outbox.size > 0; i++) {
      outbox.tick(i * 250, true);
      for (const one of told.splice(0)) outbox.stored(one.runId, one.sequence, i * 250);
    }
    expect(outbox.bytes).toBe(0);
  });
});
