import type { Line, LineLive, ZoneEvent } from '../../zones.ts';
import { crossingOf, type Point, squaredDistanceToSegment, turn } from './polygon.ts';
import {
  countLabel,
  type Crossing,
  crossingIn,
  dateCrossing,
  type EventSink,
  isSettled,
  LabelFilter,
} from './shapeRules.ts';
import type { FrameMoment, ZoneTrack } from './ZoneTrack.ts';

/** A path that met the line and is not clear of it yet. */
interface Pass extends Crossing {
  readonly track: ZoneTrack;
  /** Times in less times out. */
  net: number;
}

/**
 * Who crosses one line. A path is the straight way from each place of an ObjectTrack's anchor to the next; it crosses
 * where it goes from the left (exclusive) to the right of the line (inclusive), or back, between the line's ends
 * (inclusive). What jitters about the line comes out even; it counts once, by what is left over, when it is clear of the line.
 */
export class LineMonitor {
  #line: Line;
  #from!: Point;
  #to!: Point;
  #filter: LabelFilter;
  readonly #emit: EventSink;
  readonly #passes = new Map<number, Pass>();
  readonly #in = new Map<string, number>();
  readonly #out = new Map<string, number>();

  constructor(line: Line, heightOfWidth: number, emit: EventSink) {
    this.#line = line;
    this.#filter = new LabelFilter(line.labels);
    this.#emit = emit;
    this.reshape(heightOfWidth);
  }

  get id(): string {
    return this.#line.id;
  }

  see(track: ZoneTrack, frame: FrameMoment): void {
    if (track.isNew) return;
    const { anchor } = this.#line;
    const { heightOfWidth } = frame;
    const y = track.y(anchor);
    const previousY = track.previousY(anchor);
    const toX = track.x;
    const toY = y * heightOfWidth;
    const part = crossingOf(track.previousX, previousY * heightOfWidth, toX, toY, this.#from, this.#to);
    let pass = this.#passes.size > 0 ? this.#passes.get(track.id) : undefined;
    if (!this.#filter.takes(track.label)) {
      if (pass) this.#passes.delete(track.id);
      return;
    }
    if (!Number.isNaN(part)) {
      if (!pass) this.#passes.set(track.id, (pass = { ...crossingIn(frame), track, net: 0 }));
      pass.net += turn(this.#from, this.#to, { x: toX, y: toY }) < 0 ? -1 : 1;
      dateCrossing(pass, track, frame, [previousY, y], part);
    }
    if (!pass) return;
    pass.frames++;
    if (pass.net === 0) return void this.#passes.delete(track.id);
    const length = Math.hypot(this.#to.x - this.#from.x, this.#to.y - this.#from.y);
    const clear = Math.min(track.jitter, length / 4);
    const away = squaredDistanceToSegment(toX, toY, this.#from, this.#to);
    if (away >= clear * clear || isSettled(pass, frame)) this.#settle(pass);
  }

  #settle(pass: Pass): void {
    const { track, net } = pass;
    this.#passes.delete(track.id);
    countLabel(net > 0 ? this.#in : this.#out, track.label);
    const event: ZoneEvent = {
      ...{ kind: net > 0 ? 'crossedIn' : 'crossedOut', zoneId: this.#line.id, cause: 'moved' },
      ...{ trackId: track.id, label: track.label, speedMps: track.speedMps },
      ...{ rtpTimestamp: pass.shownRtp, lagTicks: Math.max(0, pass.shownTicks - pass.atTicks), x: pass.x, y: pass.y },
    };
    this.#emit(event);
  }

  /** Its ObjectTrack is over, or the analysis is: what was not settled did not happen. */
  forget(track: ZoneTrack): void {
    this.#passes.delete(track.id);
  }

  /** The same line drawn, named or set otherwise. Totals go on. */
  edit(line: Line, frame: FrameMoment): void {
    const place = (one: Line): string => JSON.stringify([one.from, one.to, one.anchor]);
    if (place(line) !== place(this.#line)) this.#passes.clear();
    this.#line = line;
    this.#filter = new LabelFilter(line.labels);
    this.reshape(frame.heightOfWidth);
  }

  reshape(heightOfWidth: number): void {
    const { from, to } = this.#line;
    this.#from = { x: from.x, y: from.y * heightOfWidth };
    this.#to = { x: to.x, y: to.y * heightOfWidth };
  }

  live(): LineLive {
    const total = (counts: Map<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
    return {
      lineId: this.#line.id,
      ...{ in: total(this.#in), out: total(this.#out) },
      ...{ inByLabel: Object.fromEntries(this.#in), outByLabel: Object.fromEntries(this.#out) },
    };
  }
}
