import { videoClockRate } from '../../rtpTime.ts';
import type { Anchor } from '../../zones.ts';
import type { GroundScale } from './groundScale.ts';
import { SpeedWindow } from './SpeedWindow.ts';

/** Another label on the same ObjectTrack counts when it was there for this long: names flicker. */
const labelTicks = videoClockRate / 2;
/** Jitter grows with the box: a move of this share of it (root of its area) is one, within limits (picture widths). */
const jitterShare = 0.06;
const [leastJitter, mostJitter] = [0.004, 0.02];
/** Anchors stay off the very edges of the picture, where half open borders would leave them outside. */
const inset = 1e-6;

/** A box as DetectedObject has it, clipped to the picture or nearly so. */
export interface TrackedBox {
  label: number;
  x: number;
  y: number;
  w: number;
  h: number;
}

/** One analysed Frame, on a line of media time that begins at 0. */
export interface FrameMoment {
  ticks: number;
  /** u32. */
  rtpTimestamp: number;
  /** Counts analysed Frames. */
  number: number;
  /** The picture's height by its width. */
  heightOfWidth: number;
}

/** What zones and lines know of one ObjectTrack: its last two places, 0..1 of the picture, and its label. */
export class ZoneTrack {
  readonly id: number;
  label: string;
  x = 0;
  bottom = 0;
  centre = 0;
  previousX = NaN;
  previousBottom = NaN;
  previousCentre = NaN;
  seenAtTicks = 0;
  seenAtRtp = 0;
  seenAtNumber = 0;
  previousTicks = NaN;
  /** Picture widths: moves less far than this may be the detector's. */
  jitter = leastJitter;
  #speed: SpeedWindow | undefined;
  /** Asked for by each zone and event: worked out once a Frame. */
  #speedMps = NaN;
  #speedAtTicks = NaN;
  #nextLabel: string | undefined;
  #nextLabelAtTicks = 0;

  constructor(id: number, label: string) {
    this.id = id;
    this.label = label;
  }

  /** Its first Frame: there is no way to it. */
  get isNew(): boolean {
    return Number.isNaN(this.previousTicks);
  }

  see(box: TrackedBox, label: string, frame: FrameMoment, scale: GroundScale | undefined): void {
    if (this.seenAtNumber > 0) {
      this.previousX = this.x;
      this.previousBottom = this.bottom;
      this.previousCentre = this.centre;
      this.previousTicks = this.seenAtTicks;
    }
    this.x = within(box.x + box.w / 2);
    this.bottom = within(box.y + box.h);
    this.centre = within(box.y + box.h / 2);
    const size = jitterShare * Math.sqrt(Math.max(0, box.w * box.h * frame.heightOfWidth));
    this.jitter = Math.max(leastJitter, Math.min(mostJitter, size));
    this.seenAtTicks = frame.ticks;
    this.seenAtRtp = frame.rtpTimestamp;
    this.seenAtNumber = frame.number;
    this.#name(label, frame.ticks);
    if (scale?.locate(this.x, this.bottom)) {
      this.#speed ??= new SpeedWindow();
      this.#speed.add(frame.ticks, scale.xMetres, scale.yMetres);
    }
  }

  #name(label: string, ticks: number): void {
    if (label === this.label) this.#nextLabel = undefined;
    else if (label !== this.#nextLabel) {
      this.#nextLabel = label;
      this.#nextLabelAtTicks = ticks;
    } else if (ticks - this.#nextLabelAtTicks >= labelTicks) {
      this.label = label;
      this.#nextLabel = undefined;
    }
  }

  y(anchor: Anchor): number {
    return anchor === 'bottom' ? this.bottom : this.centre;
  }

  previousY(anchor: Anchor): number {
    return anchor === 'bottom' ? this.previousBottom : this.previousCentre;
  }

  /** Metres a second as of when it was last seen; undefined where it is not known. */
  get speedMps(): number | undefined {
    if (!this.#speed) return undefined;
    if (this.#speedAtTicks !== this.seenAtTicks) {
      this.#speedAtTicks = this.seenAtTicks;
      this.#speedMps = this.#speed.metresPerSecond(this.seenAtTicks);
    }
    return Number.isFinite(this.#speedMps) ? this.#speedMps : undefined;
  }

  /** The scale is another one. */
  forgetSpeed(): void {
    this.#speed = undefined;
    this.#speedAtTicks = NaN;
  }
}

const within = (at: number): number => Math.max(inset, Math.min(1 - inset, at));
