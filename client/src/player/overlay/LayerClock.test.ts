import type { LayerTimeline, PublicationView } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { LayerClock, storedVideo } from './LayerClock.ts';

function publication(
  analysedProducerId: string | undefined,
  timelines: Record<string, LayerTimeline>,
): PublicationView {
  const producers = Object.entries(timelines).map(([id, timeline], order) => ({
    ...{ id, kind: 'video' as const, mimeType: 'video/H264', paused: false },
    layer: { rid: String(order), order, timeline },
  }));
  const audio = { id: 'audio', kind: 'audio' as const, mimeType: 'audio/opus', paused: false };
  return {
    ...{ id: 'pub1', startedAt: '2026-11-21T00:00:00.000Z', publishedBy: 'whip' },
    producers: [audio, ...producers],
    ...(analysedProducerId ? { analysedProducerId } : {}),
  };
}

describe('LayerClock', () => {
  it('is one clock where the video has no layers', () => {
    const clock = new LayerClock();
    clock.setPublication(publication('v', {}));
    expect([clock.toAnalysed('v', 5), clock.toAnalysed(undefined, 5), clock.timelineOf('v')]).toEqual([
      5,
      5,
      undefined,
    ]);
    expect(clock.isAnalysed(undefined)).toBe(true);
  });

  it('adds the offset of a layer, across the wrap', () => {
    const clock = new LayerClock();
    clock.setPublication(
      publication('a', { a: { state: 'known', offsetTicks: 0 }, b: { state: 'known', offsetTicks: 3000 } }),
    );
    expect(clock.toAnalysed('a', 7)).toBe(7);
    expect(clock.toAnalysed('b', 0xffffffff)).toBe(2999);
    expect([clock.isAnalysed('a'), clock.isAnalysed('b'), clock.isAnalysed(undefined)]).toEqual([true, false, false]);
  });

  it('knows nothing of a layer that is being checked, is unknown, or was never told', () => {
    const clock = new LayerClock();
    const unknown = { state: 'unknown', reason: 'jitter' } as const;
    clock.setPublication(
      publication('a', { a: { state: 'known', offsetTicks: 0 }, b: { state: 'checking' }, c: unknown }),
    );
    expect(['b', 'c', 'd', undefined].map((id) => clock.toAnalysed(id, 7))).toEqual(Array(4).fill(undefined));
    expect(clock.timelineOf('c')).toEqual(unknown);
  });

  it('says when another layer is the analysed one', () => {
    const clock = new LayerClock();
    const timelines: Record<string, LayerTimeline> = { a: { state: 'checking' }, b: { state: 'checking' } };
    expect(clock.setPublication(publication('a', timelines))).toBe(false);
    expect(clock.setPublication(publication('a', timelines))).toBe(false);
    expect(clock.setPublication(publication('b', timelines))).toBe(true);
    expect([clock.toAnalysed('a', 7), clock.toAnalysed('b', 7)]).toEqual([undefined, 7]);
    expect(clock.setPublication(null)).toBe(true);
  });

  it('leaves media that brings its own detections on its own clock, whichever layer is analysed by now', () => {
    const clock = new LayerClock();
    const b: LayerTimeline = { state: 'known', offsetTicks: 3000 };
    for (const analysed of ['a', 'b', undefined]) {
      clock.setPublication(publication(analysed, { a: { state: 'checking' }, b }));
      expect([clock.toAnalysed(storedVideo, 7), clock.isAnalysed(storedVideo)]).toEqual([7, true]);
    }
  });
});
