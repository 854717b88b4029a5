import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expiredRecordings } from './expiredRecordings.ts';

const nowMs = Date.UTC(2026, 10, 21);
const recording = (id: string, endedHoursAgo: number, bytes: number, state: 'recording' | 'complete' = 'complete') => ({
  ...{ id, endedAt: new Date(nowMs - endedHoursAgo * 3_600_000), bytes, state },
});
const none = { recordingMaxAgeHours: null, recordingMaxBytes: null };
const ids = (...args: Parameters<typeof expiredRecordings<ReturnType<typeof recording>>>) =>
  expiredRecordings(...args).map((one) => [one.recording.id, one.why]);

it('goes by age, counted from the end', () => {
  const all = [recording('new', 1, 9), recording('edge', 24, 9), recording('old', 24.1, 9)];
  expect(ids(all, { ...none, recordingMaxAgeHours: 24 }, nowMs)).toEqual([['old', 'age']]);
  expect(ids(all, none, nowMs)).toEqual([]);
});

it('lets the oldest go first, until the rest fits beside the one that grows', () => {
  const all = [
    recording('grows', 0, 50, 'recording'),
    recording('b', 1, 30),
    recording('c', 2, 30),
    recording('d', 3, 1),
  ];
  expect(ids(all, { ...none, recordingMaxBytes: 110 }, nowMs)).toEqual([['d', 'bytes']]);
  expect(ids(all, { ...none, recordingMaxBytes: 100 }, nowMs)).toEqual([
    ['c', 'bytes'],
    ['d', 'bytes'],
  ]);
  expect(ids(all, { ...none, recordingMaxBytes: 1 }, nowMs).map(([id]) => id)).toEqual(['b', 'c', 'd']);
});

it('what stays keeps within both limits, but for what grows, and nothing goes without need', () => {
  const one = fc.record({
    endedAt: fc.integer({ min: 0, max: 100 }).map((hours) => new Date(nowMs - hours * 3_600_000)),
    bytes: fc.integer({ min: 0, max: 100 }),
    state: fc.constantFrom('recording' as const, 'complete' as const, 'recovered' as const),
  });
  const limits = fc.record({
    recordingMaxAgeHours: fc.option(fc.integer({ min: 1, max: 100 })),
    recordingMaxBytes: fc.option(fc.integer({ min: 1, max: 500 })),
  });
  fc.assert(
    fc.property(fc.array(one), limits, (all, limit) => {
      const expired = expiredRecordings(all, limit, nowMs);
      expect(expired.every(({ recording: gone }) => gone.state !== 'recording')).toBe(true);
      const gone = new Set(expired.map((each) => each.recording));
      const kept = all.filter((each) => !gone.has(each));
      const growing = kept.filter((each) => each.state === 'recording').reduce((sum, each) => sum + each.bytes, 0);
      const finished = kept.filter((each) => each.state !== 'recording');
      const bytes = growing + finished.reduce((sum, each) => sum + each.bytes, 0);
      if (finished.some((each) => each.bytes > 0))
        expect(bytes).toBeLessThanOrEqual(limit.recordingMaxBytes ?? Infinity);
      if (limit.recordingMaxBytes === null && limit.recordingMaxAgeHours === null) expect(expired).toEqual([]);
    }),
    { seed: 20_261_121 },
  );
});
