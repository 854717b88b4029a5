import { type AppearanceReport, heatmapCells, heatmapColumns, heatmapRows } from '../exposure.ts';
import { videoClockRate } from '../rtpTime.ts';

const ticksPerMs = videoClockRate / 1000;

/** A mark in one analysed Frame that bears a brand's name; the box as in DetectedObject. */
export interface NamedMark {
  trackId: number;
  brandId: string;
  name: string;
  score: number;
  x: number;
  y: number;
  w: number;
  h: number;
  /** It was there for so long before this Frame without its name: counts where an Appearance begins by it. RTP ticks. */
  leadTicks?: number;
}

/** One Appearance at work in an ExposureMeter. Sums are of values times RTP ticks. */
export class MeteredAppearance {
  readonly id: string;
  readonly brandId: string;
  readonly name: string;
  readonly fromMs: number;
  readonly bornAtTicks: number;
  trackId: number;
  /** As last seen; a copy, for callers may reuse theirs. */
  readonly mark: NamedMark;
  seenAtTicks: number;
  seenAtMs: number;
  seenAtFrame: number;
  frames = 1;
  ticks = 0;
  /** After it was last seen; counts with its last place and size until it is known whether the gap is joined. */
  tailTicks = 0;
  shareTicks = 0;
  scoreTicks = 0;
  largestShare: number;
  readonly heatmapTicks = new Float64Array(heatmapCells);
  ended = false;
  /** Not reported as it is. */
  changed = true;
  sentIn = -1;
  sentAtMs = -Infinity;
  /** What had another name on the same ObjectTrack just before: not reported until one of the two proves to be a flicker. */
  replaces: MeteredAppearance | undefined;

  constructor(options: {
    id: string;
    mark: NamedMark;
    ticks: number;
    wallMs: number;
    frame: number;
    /** Time on screen before its first Frame. */
    leadTicks: number;
    replaces: MeteredAppearance | undefined;
  }) {
    const { mark } = options;
    this.id = options.id;
    this.brandId = mark.brandId;
    this.name = mark.name;
    this.trackId = mark.trackId;
    this.mark = { ...mark };
    this.seenAtTicks = this.bornAtTicks = options.ticks;
    this.seenAtFrame = options.frame;
    this.seenAtMs = options.wallMs;
    this.fromMs = options.wallMs - options.leadTicks / ticksPerMs;
    this.largestShare = shareOf(mark);
    this.replaces = options.replaces;
    this.#add(options.leadTicks);
  }

  /** Again: the time since it was last seen counts half with its old place and size, half with its new. */
  see(mark: NamedMark, ticks: number, wallMs: number, frame: number): void {
    const half = (ticks - this.seenAtTicks) / 2;
    this.#add(half);
    this.trackId = mark.trackId;
    this.mark.score = mark.score;
    this.mark.x = mark.x;
    this.mark.y = mark.y;
    this.mark.w = mark.w;
    this.mark.h = mark.h;
    this.#add(half);
    this.largestShare = Math.max(this.largestShare, shareOf(mark));
    this.seenAtTicks = ticks;
    this.seenAtMs = wallMs;
    this.seenAtFrame = frame;
    this.tailTicks = 0;
    this.frames++;
    this.changed = true;
  }

  /** Not in the Frame after the one in which it was last seen. */
  tail(ticks: number): void {
    this.tailTicks = ticks;
    this.changed = true;
  }

  end(): void {
    this.ended = true;
    this.replaces = undefined;
    this.#add(this.tailTicks);
    this.seenAtMs += this.tailTicks / ticksPerMs;
    this.tailTicks = 0;
    // An open one may have been told of just now, but not as an ended one.
    this.sentIn = -1;
    this.sentAtMs = -Infinity;
  }

  #add(ticks: number): void {
    this.ticks += ticks;
    this.shareTicks += ticks * shareOf(this.mark);
    this.scoreTicks += ticks * this.mark.score;
    this.heatmapTicks[cellOf(this.mark)]! += ticks;
  }
}

export function reportOf(one: MeteredAppearance): AppearanceReport {
  const { tailTicks, mark } = one;
  const seconds = (one.ticks + tailTicks) / videoClockRate;
  const heatmap = Array.from(one.heatmapTicks, (ticks) => ticks / videoClockRate);
  heatmap[cellOf(mark)]! += tailTicks / videoClockRate;
  return {
    id: one.id,
    brandId: one.brandId,
    name: one.name,
    fromMs: one.fromMs,
    toMs: one.seenAtMs + one.tailTicks / ticksPerMs,
    seconds,
    shareSeconds: (one.shareTicks + tailTicks * shareOf(mark)) / videoClockRate,
    scoreSeconds: (one.scoreTicks + tailTicks * mark.score) / videoClockRate,
    largestShare: one.largestShare,
    frames: one.frames,
    heatmap,
    ended: one.ended,
  };
}

const shareOf = ({ w, h }: NamedMark): number => Math.min(1, Math.max(0, w * h));

function cellOf({ x, y, w, h }: NamedMark): number {
  const column = clampCell((x + w / 2) * heatmapColumns, heatmapColumns);
  return clampCell((y + h / 2) * heatmapRows, heatmapRows) * heatmapColumns + column;
}

const clampCell = (at: number, count: number): number => Math.max(0, Math.min(count - 1, Math.floor(at)));
