import type { PublicationView } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { chooseVideo, simulcastLayers } from './chooseVideo.ts';

function publication(orders: (number | undefined)[], analysedProducerId?: string): PublicationView {
  const producers = orders.map((order) => ({
    ...{ id: `v${order ?? ''}`, kind: 'video' as const, mimeType: 'video/H264', paused: false },
    ...(order === undefined ? {} : { layer: { rid: String(order), order, timeline: { state: 'checking' as const } } }),
  }));
  const audio = { id: 'audio', kind: 'audio' as const, mimeType: 'audio/opus', paused: false };
  const startedAt = '2026-11-21T00:00:00.000Z';
  return {
    ...{ id: 'p', startedAt, publishedBy: 'whip', producers: [audio, ...producers] },
    ...(analysedProducerId ? { analysedProducerId } : {}),
  };
}

const idsOf = (producers: { id: string }[]) => producers.map(({ id }) => id);

it('takes the video that there is, and no layers are told', () => {
  expect(idsOf(chooseVideo(publication([undefined]), 0))).toEqual(['v']);
  expect(simulcastLayers(publication([undefined]))).toEqual([]);
  expect(simulcastLayers(null)).toEqual([]);
});

it('takes one layer: the analysed one, else the largest, else the one that was asked for', () => {
  expect(idsOf(simulcastLayers(publication([0, 2, 1])))).toEqual(['v2', 'v1', 'v0']);
  expect(idsOf(chooseVideo(publication([2, 0, 1]), undefined))).toEqual(['v0']);
  expect(idsOf(chooseVideo(publication([2, 0, 1], 'v1'), undefined))).toEqual(['v1']);
  expect([0, 1, 2, 9].map((layer) => idsOf(chooseVideo(publication([0, 1, 2], 'v1'), layer))[0])).toEqual([
    ...['v2', 'v1', 'v0', 'v0'],
  ]);
});
