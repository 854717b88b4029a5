import { type AppearanceReport, type CoverageReport, joinGapSeconds } from '../exposure.ts';
import { rtpTicksBetween, videoClockRate } from '../rtpTime.ts';
import { MeteredAppearance, type NamedMark, reportOf } from './MeteredAppearance.ts';

const joinGapTicks = joinGapSeconds * videoClockRate;
const ticksPerMs = videoClockRate / 1000;
/** A new ObjectTrack this many box sizes (centre to centre, of the larger box) from where the brand was goes on with its Appearance. */
const nearBoxSizes = 1.5;
/** Another name on the same ObjectTrack for less than this is a flicker, if the old name returns. */
const flickerTicks = videoClockRate / 2;
/** Media clock and wall clock drift apart by less than 500 ppm; beyond 5 s it is another clock, or one that stood still. */
const maxSlew = 0.0005;
const clockJumpMs = 5_000;
/** An ended Appearance that was reported and is not stored yet is reported again after this. */
const resendAfterMs = 3_000;

export interface ExposureMeterOptions {
  /** Of a run and of Appearances; unique for good. */
  newId(): string;
  maxOpen?: number;
  /** Ended ones that are not stored yet. */
  maxEnded?: number;
  /** Of the analysed Frame that `update` was just called with; for pictures of it. `id` lasts as long as the Appearance. */
  onSeen?(id: string, mark: NamedMark): void;
  onEnded?(id: string): void;
  /** Stored, or let go of: nothing more of it will be reported. */
  onGone?(id: string): void;
}

export interface MeterReport {
  coverage: CoverageReport;
  appearances: AppearanceReport[];
  /** There is more than fitted. */
  more: boolean;
}

/**
 * Measures for how long, where and how large named marks are on screen, from the analysed Frames of one Publication in
 * their order. The rules, all in media time (RTP ticks):
 *
 * - an Appearance is one ObjectTrack of one brand. When the brand is seen again within `joinGapSeconds` of when it was
 *   last seen, on the same ObjectTrack or on another within 1.5 box sizes of its last place, it goes on, and the gap
 *   counts as on screen;
 * - it counts from half way between the last Frame without and the first with it, to half way between the last with and
 *   the first without; where there is no Frame before or after within `joinGapSeconds`, from or to the Frame itself. The
 *   time for which the mark was there before it got its name (`leadTicks`) counts with its place and size of then;
 * - while Frames are further apart than that nothing is known: such time counts for nothing and ends Appearances, as
 *   does a clock that jumps;
 * - when the name on an ObjectTrack changes, the Appearance ends and another begins, unless the old name is back before
 *   the new one was there for 0.5 s: then the new one never was.
 *
 * Pure; used on inference nodes and in browsers. Nothing is allocated for a Frame that begins no Appearance.
 */
export class ExposureMeter {
  readonly #options: ExposureMeterOptions;
  readonly #maxOpen: number;
  readonly #maxEnded: number;
  readonly #runId: string;
  readonly #open: MeteredAppearance[] = [];
  readonly #ended: MeteredAppearance[] = [];
  /** Of `update`'s marks, those that found no Appearance by their ObjectTrack; kept for its memory. */
  readonly #unmatched: NamedMark[] = [];
  #frame = 0;
  #lastTicks = 0;
  /** Of the present Frame, on a line of its own that begins at 0 and has no wraps. */
  #ticks = 0;
  /** Of the Frame since which there was no such gap or jump that nothing is known of it. */
  #knownSinceTicks = 0;
  #wallMs = 0;
  #startedAtMs = 0;
  #coveredTicks = 0;
  #coverageChanged = false;
  /** First report that had the coverage as it is; Infinity: it is not told yet. */
  #coverageSentIn = Infinity;
  #coverageSentAtMs = -Infinity;
  #coverageStored = true;
  #cutShort = 0;
  #dropped = 0;

  constructor(options: ExposureMeterOptions) {
    this.#options = options;
    this.#maxOpen = options.maxOpen ?? 200;
    this.#maxEnded = options.maxEnded ?? 1_000;
    this.#runId = options.newId();
  }

  get open(): number {
    return this.#open.length;
  }

  /** Appearances that wait to be stored. */
  get unstored(): number {
    return this.#ended.length;
  }

  /** The coverage as it is was told and stored. */
  get coverageStored(): boolean {
    return this.#coverageStored;
  }

  /** Ended early since too many were on screen at once. */
  get cutShort(): number {
    return this.#cutShort;
  }

  /** Ended ones that were let go of unstored, since too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * One analysed Frame; marks without a name are not to be among `marks`. `rtpTicks`: u32, or unwrapped. `wallMs`: when
   * it was received, Unix ms. `width`, `height`: of the picture, pixels. A Frame of the same timestamp as the one before
   * is not counted twice.
   */
  update(marks: readonly NamedMark[], rtpTicks: number, wallMs: number, width: number, height: number): void {
    const gap = this.#frame === 0 ? 0 : rtpTicksBetween(rtpTicks, this.#lastTicks);
    if (this.#frame > 0 && gap === 0) return;
    this.#lastTicks = rtpTicks;
    this.#frame++;
    this.#coverageChanged = true;
    this.#coverageStored = false;
    const known = this.#advance(gap, wallMs);
    for (let i = this.#open.length - 1; i >= 0; i--) {
      if (this.#ticks - this.#open[i]!.seenAtTicks > joinGapTicks) this.#end(i);
    }
    this.#match(marks, known ? gap : 0, width, height);
    for (const one of this.#open) {
      const isFirstWithout = one.seenAtFrame === this.#frame - 1;
      if (isFirstWithout && known) one.tail(gap / 2);
    }
    this.#settleNames();
    while (this.#open.length > this.#maxOpen) this.#cutOne();
  }

  /** Clocks and coverage; false where nothing is known of the time since the last Frame. */
  #advance(gap: number, wallMs: number): boolean {
    if (this.#frame === 1) {
      this.#startedAtMs = this.#wallMs = wallMs;
      return false;
    }
    const mapped = this.#wallMs + gap / ticksPerMs;
    const offMs = wallMs - mapped;
    const jumped = gap < 0 || Math.abs(offMs) > clockJumpMs;
    if (jumped || gap > joinGapTicks) {
      this.#endAll();
      this.#knownSinceTicks = this.#ticks += joinGapTicks + 1;
      this.#wallMs = jumped ? wallMs : Math.max(this.#wallMs, wallMs);
      return false;
    }
    const slewMs = (maxSlew * gap) / ticksPerMs;
    this.#wallMs = mapped + Math.max(-slewMs, Math.min(slewMs, offMs));
    this.#ticks += gap;
    this.#coveredTicks += gap;
    return true;
  }

  #match(marks: readonly NamedMark[], gap: number, width: number, height: number): void {
    this.#unmatched.length = 0;
    for (const mark of marks) {
      const known = this.#unseenOfTrack(mark.trackId, mark.brandId);
      if (known) this.#see(known, mark);
      else this.#unmatched.push(mark);
    }
    for (const mark of this.#unmatched) {
      const near = this.#nearest(mark, width, height);
      if (near) this.#see(near, mark);
      else this.#begin(mark, gap);
    }
  }

  #unseenOfTrack(trackId: number, brandId?: string): MeteredAppearance | undefined {
    for (const one of this.#open) {
      if (one.trackId !== trackId || one.seenAtFrame >= this.#frame) continue;
      if (brandId === undefined || one.brandId === brandId) return one;
    }
    return undefined;
  }

  #nearest(mark: NamedMark, width: number, height: number): MeteredAppearance | undefined {
    let found: MeteredAppearance | undefined;
    let best = nearBoxSizes;
    for (const one of this.#open) {
      if (one.brandId !== mark.brandId || one.seenAtFrame >= this.#frame) continue;
      const away = boxSizesBetween(one.mark, mark, width, height);
      if (away > best) continue;
      best = away;
      found = one;
    }
    return found;
  }

  #see(one: MeteredAppearance, mark: NamedMark): void {
    one.see(mark, this.#ticks, this.#wallMs, this.#frame);
    this.#options.onSeen?.(one.id, mark);
  }

  #begin(mark: NamedMark, gap: number): void {
    const leadTicks = Math.min(Math.max(gap / 2, mark.leadTicks ?? 0), this.#ticks - this.#knownSinceTicks);
    const before = this.#unseenOfTrack(mark.trackId);
    const one = new MeteredAppearance({
      id: this.#options.newId(),
      mark,
      ticks: this.#ticks,
      frame: this.#frame,
      wallMs: this.#wallMs,
      leadTicks,
      replaces: before?.replaces ?? before,
    });
    this.#open.push(one);
    this.#options.onSeen?.(one.id, mark);
  }

  /** Decides of new names on known ObjectTracks: flickers go, those that last end what was there before. */
  #settleNames(): void {
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const one = this.#open[i]!;
      const before = one.replaces;
      if (before === undefined) continue;
      const seen = one.seenAtFrame === this.#frame;
      if (before.ended) one.replaces = undefined;
      else if (before.seenAtFrame === this.#frame) {
        if (seen)
          one.replaces = undefined; // both are there
        else {
          this.#open.splice(i, 1);
          this.#options.onGone?.(one.id);
        }
      } else if (seen && this.#ticks - one.bornAtTicks >= flickerTicks) {
        one.replaces = undefined;
        this.#end(this.#open.indexOf(before));
        i = Math.min(i, this.#open.length);
      }
    }
  }

  #end(index: number): void {
    const [one] = this.#open.splice(index, 1);
    one!.end();
    this.#ended.push(one!);
    this.#options.onEnded?.(one!.id);
    if (this.#ended.length <= this.#maxEnded) return;
    this.#dropped++;
    this.#options.onGone?.(this.#ended.shift()!.id);
  }

  #endAll(): void {
    while (this.#open.length > 0) this.#end(0);
  }

  #cutOne(): void {
    let longestUnseen = 0;
    for (let i = 1; i < this.#open.length; i++) {
      if (this.#open[i]!.seenAtFrame < this.#open[longestUnseen]!.seenAtFrame) longestUnseen = i;
    }
    this.#cutShort++;
    this.#end(longestUnseen);
  }

  /** The analysis is over: all Appearances end with their last Frame. */
  finish(): void {
    this.#endAll();
  }

  /**
   * What changed since the last report, totals since the beginning of each: at most `max` Appearances, ended ones first.
   * An ended one is in every report that is 3 s after the last one it was in, until `stored` names that; so is the
   * coverage. `sequence`: of this report, higher than any before. Undefined when there is nothing to tell.
   */
  takeReport(sequence: number, nowMs: number, max = 100): MeterReport | undefined {
    const appearances: AppearanceReport[] = [];
    let more = false;
    const take = (one: MeteredAppearance): void => {
      if (appearances.length >= max) return void (more = true);
      one.changed = false;
      one.sentIn = sequence;
      one.sentAtMs = nowMs;
      appearances.push(reportOf(one));
    };
    for (const one of this.#ended) if (nowMs - one.sentAtMs >= resendAfterMs) take(one);
    for (const one of this.#open) if (one.changed && one.replaces === undefined) take(one);
    const again = !this.#coverageStored && nowMs - this.#coverageSentAtMs >= resendAfterMs;
    if (!this.#coverageChanged && !again && appearances.length === 0) return undefined;
    if (this.#coverageChanged) this.#coverageSentIn = sequence;
    this.#coverageSentAtMs = nowMs;
    this.#coverageChanged = false;
    return { coverage: this.coverage(), appearances, more };
  }

  /** The report of this sequence is in the database: what was last told of in it is done. */
  stored(sequence: number): void {
    if (!this.#coverageChanged && sequence >= this.#coverageSentIn) this.#coverageStored = true;
    for (let i = this.#ended.length - 1; i >= 0; i--) {
      if (this.#ended[i]!.sentIn !== sequence) continue;
      const [one] = this.#ended.splice(i, 1);
      this.#options.onGone?.(one!.id);
    }
  }

  coverage(): CoverageReport {
    return {
      runId: this.#runId,
      fromMs: this.#startedAtMs,
      toMs: this.#wallMs,
      seconds: this.#coveredTicks / videoClockRate,
      frames: this.#frame,
    };
  }
}

/** Distance of the centres in sizes (the longer side) of the larger box. */
function boxSizesBetween(a: NamedMark, b: NamedMark, width: number, height: number): number {
  const dx = (a.x + a.w / 2 - b.x - b.w / 2) * width;
  const dy = (a.y + a.h / 2 - b.y - b.h / 2) * height;
  const size = Math.max(a.w * width, b.w * width, a.h * height, b.h * height);
  return size > 0 ? Math.hypot(dx, dy) / size : Infinity;
}
