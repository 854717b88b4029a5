import type { ProducerView, PublicationView } from '@framelock/server/protocol';

/** The simulcast layers of a Publication, smallest first as spatial layers are counted; empty where it has none. */
export function simulcastLayers(publication: PublicationView | null): ProducerView[] {
  const layers = publication?.producers.filter(({ kind, layer }) => kind === 'video' && layer) ?? [];
  return layers.sort((a, b) => b.layer!.order - a.layer!.order);
}

/**
 * The video Producers to consume: all, or of a simulcast one layer. `layer` counts from 0 = smallest; without it the one
 * that is analysed, which is the largest that flows.
 */
export function chooseVideo(publication: PublicationView, layer: number | undefined): ProducerView[] {
  const layers = simulcastLayers(publication);
  if (layers.length === 0) return publication.producers.filter(({ kind }) => kind === 'video');
  if (layer !== undefined) return [layers[Math.min(layers.length - 1, Math.max(0, layer))]!];
  return [layers.find(({ id }) => id === publication.analysedProducerId) ?? layers.at(-1)!];
}
