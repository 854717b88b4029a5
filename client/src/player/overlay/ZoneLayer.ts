import { rtpTicksBetween, videoClockRate, type ZoneSettings, type ZonesLive } from '@framelock/server/protocol';
import { speedWords } from './speedWords.ts';

/** At four a second, more than any picture waits for its detections; HLS plays that far behind. */
const keptFigures = 120;
/** Older figures say nothing of the shown picture: nobody counts any more, or it was rewound. */
const staleTicks = 10 * videoClockRate;

/** One zone or line as it is drawn. Made when it changes, so that drawing makes nothing. */
export interface DrawnShape {
  readonly id: string;
  readonly isLine: boolean;
  readonly colour: string;
  /** x0, y0, x1, y1, …: 0..1 of the picture. */
  readonly points: Float64Array;
  readonly name: string;
  /** Its name and its figures. */
  words: string;
  /** Somebody is inside. */
  busy: boolean;
  /** Width of `words` in `font`, canvas pixels. */
  wordsWidth: number;
  font: string;
}

/**
 * What is drawn on the Stream's picture and the figures of it that belong to the shown picture: those of the newest
 * analysed Frame that is not after it.
 */
export class ZoneLayer {
  #settings: ZoneSettings = { zones: [], lines: [], scale: null };
  #shapes: DrawnShape[] = [];
  readonly #byId = new Map<string, DrawnShape>();
  readonly #figures: ZonesLive[] = [];
  #shown: ZonesLive | undefined;
  readonly #speeds = new Map<number, string>();

  get settings(): ZoneSettings {
    return this.#settings;
  }

  get shapes(): readonly DrawnShape[] {
    return this.#shapes;
  }

  /** Of the shown picture; undefined = none are known. */
  get shown(): ZonesLive | undefined {
    return this.#shown;
  }

  setSettings(settings: ZoneSettings): void {
    this.#settings = settings;
    const { zones, lines } = settings;
    this.#shapes = [
      ...zones.map((zone) => shapeOf(zone, zone.polygon, false)),
      ...lines.map((line) => shapeOf(line, [line.from, line.to], true)),
    ];
    this.#byId.clear();
    for (const shape of this.#shapes) this.#byId.set(shape.id, shape);
    this.#tell(this.#shown);
  }

  /** Of one analysed Frame; of two of the same Frame the later one counts. */
  add(live: ZonesLive): void {
    const newest = this.#figures.at(-1);
    const gap = newest && rtpTicksBetween(live.rtpTimestamp, newest.rtpTimestamp);
    if (gap === 0) this.#figures.pop();
    else if (gap !== undefined && gap < 0) this.#figures.length = 0; // the analysis began anew
    this.#figures.push(live);
    if (this.#figures.length > keptFigures) this.#figures.shift();
  }

  /** Another Publication: figures of the one before mean nothing. */
  forgetFigures(): void {
    this.#figures.length = 0;
    this.#tell(undefined);
  }

  /** Before a picture of this timestamp is drawn (null: nobody knows which it is). True when its figures are others. */
  show(rtp: number | null): boolean {
    const next = this.#figuresOf(rtp);
    if (next === this.#shown) return false;
    this.#tell(next);
    return true;
  }

  #figuresOf(rtp: number | null): ZonesLive | undefined {
    if (rtp === null) return this.#figures.at(-1);
    for (let i = this.#figures.length - 1; i >= 0; i--) {
      const age = rtpTicksBetween(rtp, this.#figures[i]!.rtpTimestamp);
      if (age >= 0) return age <= staleTicks ? this.#figures[i] : undefined;
    }
    return undefined;
  }

  #tell(live: ZonesLive | undefined): void {
    this.#shown = live;
    for (const shape of this.#shapes) say(shape, undefined, false);
    this.#speeds.clear();
    if (!live) return;
    for (const { zoneId, occupancy } of live.zones) {
      const shape = this.#byId.get(zoneId);
      if (shape) say(shape, String(occupancy), occupancy > 0);
    }
    for (const line of live.lines) {
      const shape = this.#byId.get(line.lineId);
      if (shape) say(shape, `${line.in} in, ${line.out} out`, false);
    }
    for (const [trackId, metresPerSecond] of live.speeds) this.#speeds.set(trackId, speedWords(metresPerSecond));
  }

  /** Of an ObjectTrack, e.g. `12 km/h`; undefined = not known. */
  speedOf(trackId: number): string | undefined {
    return this.#speeds.get(trackId);
  }
}

function shapeOf(
  { id, name, colour }: { id: string; name: string; colour: string },
  points: readonly { x: number; y: number }[],
  isLine: boolean,
): DrawnShape {
  const flat = Float64Array.from(points.flatMap(({ x, y }) => [x, y]));
  return { id, name, colour, isLine, points: flat, words: name, busy: false, wordsWidth: 0, font: '' };
}

function say(shape: DrawnShape, figures: string | undefined, busy: boolean): void {
  shape.words = figures === undefined ? shape.name : `${shape.name}  ${figures}`;
  shape.busy = busy;
  shape.font = ''; // to be measured again
}
