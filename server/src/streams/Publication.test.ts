import { expect, it } from 'vitest';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import type { ProducerView } from '../protocol/index.ts';
import { Publication } from './Publication.ts';

function layer(order: number): ProducerView {
  return {
    ...{ id: `v${order}`, kind: 'video', mimeType: 'video/H264', paused: false },
    layer: { rid: String(order), order, timeline: { state: 'checking' } },
  };
}

const publicationOf = (...producers: ProducerView[]): Publication => {
  const publication = new Publication({ id: 'p', sfu: {} as SfuNode });
  for (const producer of producers) publication.add(producer);
  return publication;
};

it('has one of each kind, and several videos only as the layers of one simulcast', () => {
  const publication = publicationOf();
  const release = publication.reserve('video', '0');
  expect(release).toBeDefined();
  expect(publication.reserve('video', '0')).toBeUndefined();
  expect(publication.reserve('video')).toBeUndefined();
  publication.reserve('audio');
  expect(publication.reserve('audio')).toBeUndefined();
  expect(['1', '2', '3', '4'].map((rid) => publication.reserve('video', rid) !== undefined)).toEqual([
    ...[true, true, true, false],
  ]);
  release?.();
  expect(publication.reserve('video', '4')).toBeDefined();
});

it('says which layer is analysed, also when that was told before the layer was there', () => {
  const publication = publicationOf();
  expect(publication.setAnalysed('v1')).toBe(true);
  publication.add(layer(0));
  expect(publication.view().analysedProducerId).toBe('v0');
  publication.add(layer(1));
  expect(publication.view().analysedProducerId).toBe('v1');
  expect(publication.setAnalysed('v1')).toBe(false);
  publication.remove('v1');
  expect(publication.view().analysedProducerId).toBe('v0');
});

it('tells a timeline that is new, and hands out no view that changes later', () => {
  const publication = publicationOf(layer(0), layer(1));
  const before = publication.view();
  expect(publication.setTimeline('v1', { state: 'known', offsetTicks: 3000 })).toBe(true);
  expect(publication.setTimeline('v1', { state: 'known', offsetTicks: 3000 })).toBe(false);
  expect(publication.setTimeline('gone', { state: 'checking' })).toBe(false);
  expect(before.producers[1]!.layer!.timeline).toEqual({ state: 'checking' });
  expect(publication.view().producers[1]!.layer!.timeline).toEqual({ state: 'known', offsetTicks: 3000 });
});
