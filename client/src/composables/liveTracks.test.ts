import { describe, expect, it } from 'vitest';
import type { DrawnBox, DrawnKind, DrawnRecord } from '../player/Player.ts';
import { countLabels, LiveTracks } from './liveTracks.ts';

const boxOf = (trackId: number, changes: Partial<DrawnBox> = {}): DrawnBox => ({
  ...{ trackId, labelIndex: 0, label: 'person', score: 0.9, x: 0.1, y: 0.1, w: 0.1, h: 0.2 },
  ...{ color: '#fff', predicted: false, ...changes },
});
const drawn = (drawnAtMs: number, boxes: DrawnBox[], kind: DrawnKind = 'exact', publicationId = 'p'): DrawnRecord => ({
  ...{ publicationId, rtpTimestamp: 0, analysedRtpTimestamp: 0, kind, boxesRtpTimestamp: 0, basedOnRtpTimestamp: 0 },
  ...{ boxes, pictureRect: { x: 0, y: 0, width: 1, height: 1 }, pictureWidth: 1, pictureHeight: 1 },
  ...{ mediaTimeMs: 0, drawnAtMs, redraw: false },
});
const idsOf = (tracks: LiveTracks, nowMs: number) => tracks.list(nowMs).map(({ trackId }) => trackId);

describe('LiveTracks', () => {
  it('keeps one row a track with its newest score and place, the oldest first', () => {
    const tracks = new LiveTracks();
    tracks.add(drawn(1000, [boxOf(7)]));
    tracks.add(drawn(1100, [boxOf(3), boxOf(7, { score: 0.5, x: 0.3 })]));
    expect(idsOf(tracks, 1100)).toEqual([7, 3]);
    expect(tracks.list(1100)[0]).toMatchObject({ score: 0.5, x: 0.3, sinceMs: 1000, lastMs: 1100, wasThere: true });
    expect(tracks.list(1100)[1]).toMatchObject({ wasThere: false });
  });

  it('takes no prediction for a sighting, and no box without a track', () => {
    const tracks = new LiveTracks();
    tracks.add(drawn(0, [boxOf(1)], 'extrapolated'));
    tracks.add(drawn(0, [boxOf(2, { predicted: true }), boxOf(0)], 'interpolated'));
    expect(tracks.list(0)).toEqual([]);
  });

  it('lets a track go some time after it was last seen', () => {
    const tracks = new LiveTracks();
    tracks.add(drawn(0, [boxOf(1), boxOf(2)]));
    tracks.add(drawn(2_000, [boxOf(2)]));
    expect(idsOf(tracks, 2_400)).toEqual([1, 2]);
    expect(idsOf(tracks, 3_000)).toEqual([2]);
  });

  it('begins anew with another Publication', () => {
    const tracks = new LiveTracks();
    tracks.add(drawn(0, [boxOf(1)]));
    tracks.add(drawn(10, [boxOf(1, { label: 'car' })], 'exact', 'q'));
    expect(tracks.list(10)).toMatchObject([{ label: 'car', sinceMs: 10, wasThere: true }]);
  });

  it('gives copies, and holds no more than a page can bear', () => {
    const tracks = new LiveTracks();
    tracks.add(
      drawn(
        0,
        Array.from({ length: 900 }, (_, i) => boxOf(i + 1)),
      ),
    );
    const before = tracks.list(0);
    expect(before).toHaveLength(500);
    tracks.add(drawn(5, [boxOf(1, { score: 0.1 })]));
    expect(before[0]!.score).toBe(0.9);
  });
});

describe('countLabels', () => {
  it('has the most frequent first', () => {
    const of = (label: string) => ({ label, color: '#000' });
    expect(countLabels([of('b'), of('a'), of('c'), of('c')])).toMatchObject([
      { label: 'c', count: 2 },
      { label: 'a', count: 1 },
      { label: 'b', count: 1 },
    ]);
  });
});
