import type { LayerTimeline, PublicationView } from '@framelock/server/protocol';

const sameClock: LayerTimeline = { state: 'known', offsetTicks: 0 };
const notKnownHere: LayerTimeline = { state: 'checking' };

/**
 * In a Producer's place: media with its own detections beside it (HLS), whose timestamps they carry. Which layer is
 * analysed by now says nothing of media that was made before.
 */
export const storedVideo = 'stored';

/**
 * Whose timestamps detections carry, and what a picture's own timestamp is on that clock. Without simulcast layers there
 * is one video and one clock; with them each layer counts by itself, and a picture of a layer whose relation to the
 * analysed one is not known has no detections of its own.
 */
export class LayerClock {
  /** Of a simulcast: each layer's relation to the analysed one. */
  #timelines: ReadonlyMap<string, LayerTimeline> | undefined;
  #analysedProducerId: string | undefined;

  /** True when what was buffered belongs to another clock from now on. */
  setPublication(publication: PublicationView | null): boolean {
    const layers = publication?.producers.flatMap(({ id, layer }) => (layer ? [[id, layer.timeline] as const] : []));
    this.#timelines = layers && layers.length > 0 ? new Map(layers) : undefined;
    const before = this.#analysedProducerId;
    this.#analysedProducerId = this.#timelines ? publication?.analysedProducerId : undefined;
    return before !== undefined && before !== this.#analysedProducerId;
  }

  /** undefined = the video has no layers. */
  timelineOf(producerId: string | undefined): LayerTimeline | undefined {
    if (!this.#timelines) return undefined;
    if (producerId === undefined) return notKnownHere;
    if (producerId === storedVideo) return sameClock;
    return producerId === this.#analysedProducerId ? sameClock : (this.#timelines.get(producerId) ?? notKnownHere);
  }

  /** The timestamp, u32, that the same frame has on the clock of the detections; undefined = nobody knows. */
  toAnalysed(producerId: string | undefined, rtpTimestamp: number): number | undefined {
    const timeline = this.timelineOf(producerId) ?? sameClock;
    return timeline.state === 'known' ? (rtpTimestamp + timeline.offsetTicks) >>> 0 : undefined;
  }

  /** Whether detections of this Producer's frames are on the present clock; a message of unknown origin is on none. */
  isAnalysed(producerId: string | undefined): boolean {
    if (!this.#timelines || producerId === storedVideo) return true;
    return producerId !== undefined && producerId === this.#analysedProducerId;
  }
}
