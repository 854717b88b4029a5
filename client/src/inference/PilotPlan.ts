import { distinctUs } from './SentFrame.ts';

/** Captured frames before each pilot, in turn: a sequence that is unlike itself when it is moved. */
const pauses = [3, 5, 4, 6, 3, 4, 7, 5];
/** How far from the captured frame before it a pilot lies, in turn, as a share of the distance to the next one. */
const places = [0.2, 0.4, 0.28, 0.36];
/** That far before the middle at least: else a jump by half a frame would make frames pilots, and pilots frames, µs. */
const fromMiddleUs = distinctUs / 2;
const lastGaps = 8;

/** When pilots are sent: between captured frames, as far from both as is needed to tell them apart. */
export class PilotPlan {
  readonly #gapsUs: number[] = [];
  #framesSincePilot = 0;
  #turn = 0;
  #lastUs: number | undefined;

  captured(timestampUs: number): void {
    this.#framesSincePilot++;
    if (this.#lastUs !== undefined) this.#gapsUs.push(timestampUs - this.#lastUs);
    if (this.#gapsUs.length > lastGaps) this.#gapsUs.shift();
    this.#lastUs = timestampUs;
  }

  /** After the last captured frame, µs; undefined = none is due, or frames follow each other too fast. */
  next(pause = pauses[this.#turn % pauses.length]!): number | undefined {
    if (this.#lastUs === undefined || this.#gapsUs.length < 3 || this.#framesSincePilot < pause) return undefined;
    const meanUs = this.#gapsUs.reduce((sum, gap) => sum + gap, 0) / this.#gapsUs.length;
    const mostUs = Math.min(meanUs / 2 - fromMiddleUs, Math.min(...this.#gapsUs) - distinctUs);
    if (mostUs < distinctUs) return undefined;
    const place = places[this.#turn % places.length]! * meanUs;
    this.#turn++;
    this.#framesSincePilot = 0;
    return Math.round(this.#lastUs + Math.min(Math.max(place, distinctUs), mostUs));
  }

  restart(): void {
    this.#gapsUs.length = 0;
    this.#lastUs = undefined;
  }
}
