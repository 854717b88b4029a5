import { expect, it } from 'vitest';
import { historyRows, isStorable } from './historyRows.ts';
import { testBatch, testItem, testJpeg, testStartMs, testTrack, testZoneEvent } from './testBatches.ts';

it('of several batches makes one row for each key: totals of the latest, the latest picture', () => {
  const picture = (fill: number) => testJpeg(300, fill);
  const rows = historyRows([
    testItem('a', 1, { tracks: [testTrack(1, 60, { ended: true, jpeg: picture(2) })], events: [testZoneEvent()] }),
    testItem('a', 0, { tracks: [testTrack(1, 30, { jpeg: picture(1) }), testTrack(2, 5)] }),
    testItem('a', 1, { tracks: [testTrack(1, 60)], events: [testZoneEvent()] }),
    testItem('b', 0, { publicationId: 'q', tracks: [testTrack(1, 1, { jpeg: 'bm8gSlBFRw==' })] }),
  ]);
  expect(rows.batches.map(({ runId, sequence }) => `${runId}:${sequence}`)).toEqual(['a:1', 'a:0', 'b:0']);
  expect(
    rows.tracks.map(({ runId, trackId, frames, ended, hasThumbnail }) => [runId, trackId, frames, ended, hasThumbnail]),
  ).toEqual([
    ['a', 1, 60, true, true],
    ['a', 2, 5, false, false],
    ['b', 1, 1, false, false],
  ]);
  expect(rows.thumbnails.map(({ runId, trackId, jpeg }) => [runId, trackId, jpeg[200]])).toEqual([['a', 1, 2]]);
  expect(rows.events.map(({ id }) => id)).toEqual(['a:1:0']);
  expect(rows.models.map(({ publicationId }) => publicationId)).toEqual(['p', 'q']);
});

it('ended stays true for as many Frames, and not beyond', () => {
  const ended = (...tracks: [number, boolean][]) =>
    historyRows(
      tracks.map(([frames, isEnded], i) => testItem('a', i, { tracks: [testTrack(1, frames, { ended: isEnded })] })),
    ).tracks[0]!.ended;
  expect(ended([5, true], [5, false])).toBe(true);
  expect(ended([5, false], [5, true])).toBe(true);
  expect(ended([5, true], [6, false])).toBe(false);
});

it('keeps the latest heatmap of a run, from its first moment', () => {
  const heatmap = (fill: number) => ({
    columns: 48 as const,
    rows: 27 as const,
    seconds: new Array<number>(48 * 27).fill(fill),
  });
  const { heatmaps } = historyRows([
    testItem('a', 9, { heatmap: heatmap(2) }),
    testItem('a', 3, { heatmap: heatmap(1) }),
    testItem('b', 0, { heatmap: heatmap(1e300) }),
  ]);
  expect(heatmaps.map(({ startedAt }) => startedAt.getTime())).toEqual([testStartMs + 3_000, testStartMs]);
  expect(heatmaps.map(({ seconds }) => Buffer.from(seconds).readFloatLE(0))).toEqual([2, Math.fround(1e30)]);
});

it('takes out of texts what Postgres has no place for', () => {
  const track = testTrack(1, 1, { label: 'a\u0000b\ud800', bestScore: 1e-300 });
  const rows = historyRows([testItem('a', 0, { tracks: [track], events: [testZoneEvent({ zoneName: '\u0000' })] })]);
  expect(rows.tracks[0]).toMatchObject({ label: 'ab\ufffd', bestScore: 0 });
  expect(rows.events[0]).toMatchObject({ zoneName: '', streamName: 'Front door' });
});

it.each([
  [{ toMs: 1e300 }, false],
  [{ fromMs: -1 }, false],
  [{ sequence: 2 ** 31 }, false],
  [{ events: [testZoneEvent({ atMs: 5 })] }, false],
  [{ tracks: [testTrack(2 ** 31, 1)] }, false],
  [{ tracks: [testTrack(1, 1, { toMs: NaN })] }, false],
  [{}, true],
])('%j is storable: %s', (rest, storable) => {
  expect(isStorable({ batch: testBatch('a', 0, rest), events: [] })).toBe(storable);
});
