import type { FrameMoment, TrackedBox } from './ZoneTrack.ts';

/** More than that many Frames no Model's `confirmAfter` asks for; what is older is let go. */
const maxPlaces = 30;
const maxIds = 1000;

/** Where an object was in one analysed Frame. */
export interface Place extends TrackedBox, FrameMoment {
  labelName: string;
}

/** Where those were of which it is not certain yet that they are things and no flickers of the Model. */
export class UnconfirmedPlaces {
  readonly #places = new Map<number, Place[]>();

  add(id: number, { label, x, y, w, h }: TrackedBox, labelName: string, frame: FrameMoment): void {
    let places = this.#places.get(id);
    if (!places) this.#places.set(id, (places = []));
    else if (places.at(-1)!.number === frame.number) return;
    const { ticks, rtpTimestamp, number, heightOfWidth } = frame;
    places.push({ label, x, y, w, h, ticks, rtpTimestamp, number, heightOfWidth, labelName });
    if (places.length > maxPlaces) places.shift();
    if (this.#places.size <= maxIds) return;
    for (const oldest of this.#places.keys()) return void this.#places.delete(oldest);
  }

  /** It is a thing: where it was before, oldest first. */
  take(id: number): readonly Place[] {
    const places = this.#places.get(id);
    if (!places) return [];
    this.#places.delete(id);
    return places;
  }

  /** Those not seen since are over. */
  forgetBefore(ticks: number): void {
    for (const [id, places] of this.#places) if (places.at(-1)!.ticks < ticks) this.#places.delete(id);
  }

  clear(): void {
    this.#places.clear();
  }
}
