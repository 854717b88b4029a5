import { videoClockRate } from '../../rtpTime.ts';
import type { Zone, ZoneEvent, ZoneEventCause, ZoneLive } from '../../zones.ts';
import { PolygonShape } from './polygon.ts';
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

/** One ObjectTrack that is in the zone, or is about to be. */
interface Visit {
  readonly track: ZoneTrack;
  inside: boolean;
  /** Into the zone or out of it, not settled yet. */
  crossing: Crossing | undefined;
  /** Of an entry that is not settled yet. */
  cause: ZoneEventCause;
  enteredAtTicks: number;
  dwelt: boolean;
}

/** A moment at which a visit begins or ends, and the Frame that shows it. */
type Moment = Pick<Crossing, 'atTicks' | 'x' | 'y' | 'shownTicks' | 'shownRtp'>;

/** Who is in one zone, since when. */
export class ZoneMonitor {
  #zone: Zone;
  #shape: PolygonShape;
  #filter: LabelFilter;
  readonly #emit: EventSink;
  readonly #visits = new Map<number, Visit>();
  #entered = 0;
  #left = 0;
  #dwellTicks = 0;

  constructor(zone: Zone, heightOfWidth: number, emit: EventSink) {
    this.#zone = zone;
    this.#shape = new PolygonShape(zone.polygon, heightOfWidth);
    this.#filter = new LabelFilter(zone.labels);
    this.#emit = emit;
  }

  get id(): string {
    return this.#zone.id;
  }

  /** An object in an analysed Frame, after the track has seen it. */
  see(track: ZoneTrack, frame: FrameMoment): void {
    const visit = this.#visits.get(track.id);
    if (!this.#filter.takes(track.label)) {
      if (visit) this.#end(visit, 'renamed', momentOf(visit, track.x, this.#y(track), frame));
      return;
    }
    const within = this.#contains(track, frame.heightOfWidth);
    if (within !== (visit?.inside ?? false)) this.#cross(visit, track, frame, within);
    else if (visit && !within) this.#visits.delete(track.id);
    else if (visit) {
      visit.crossing = undefined;
      this.#dwellNow(visit, frame);
    }
  }

  /** It is seen on the other side of the border than it is known to be on. */
  #cross(known: Visit | undefined, track: ZoneTrack, frame: FrameMoment, within: boolean): void {
    const visit = known ?? this.#begin(track);
    if (!visit.crossing) {
      visit.crossing = crossingIn(frame);
      const y: [number, number] = [track.isNew ? this.#y(track) : track.previousY(this.#zone.anchor), this.#y(track)];
      const isRenamed = within && !track.isNew && this.#shape.contains(track.previousX, y[0] * frame.heightOfWidth);
      visit.cause = track.isNew ? 'appeared' : isRenamed ? 'renamed' : 'moved';
      const { heightOfWidth: scale } = frame;
      const moved = visit.cause === 'moved';
      const part = moved ? this.#shape.lastCrossing(track.previousX, y[0] * scale, track.x, y[1] * scale) : 1;
      dateCrossing(visit.crossing, track, frame, y, part);
    }
    const { crossing } = visit;
    crossing.frames++;
    const clear = Math.min(track.jitter, this.#shape.breadth / 2);
    const depth = this.#shape.distanceTo(track.x, this.#y(track) * frame.heightOfWidth);
    if (depth < clear && !isSettled(crossing, frame)) return;
    if (!within) return this.#end(visit, 'moved', crossing);
    this.#enter(visit, visit.cause, crossing);
    this.#dwellNow(visit, frame);
  }

  #begin(track: ZoneTrack): Visit {
    const rest = { crossing: undefined, cause: 'moved', enteredAtTicks: NaN, dwelt: false } as const;
    const visit: Visit = { track, inside: false, ...rest };
    this.#visits.set(track.id, visit);
    return visit;
  }

  #enter(visit: Visit, cause: ZoneEventCause, moment: Moment): void {
    visit.inside = true;
    visit.crossing = undefined;
    visit.enteredAtTicks = moment.atTicks;
    this.#entered++;
    this.#emit(this.#event('entered', visit, cause, moment));
  }

  #dwellNow(visit: Visit, frame: FrameMoment): void {
    if (!visit.dwelt && this.#dwellsFrom(visit) <= frame.ticks) {
      this.#dwell(visit, momentOf(visit, visit.track.x, this.#y(visit.track), frame));
    }
  }

  /** When its visit is long enough; NaN = never. */
  #dwellsFrom(visit: Visit): number {
    return visit.enteredAtTicks + (this.#zone.dwellSeconds ?? NaN) * videoClockRate;
  }

  #dwell(visit: Visit, moment: Moment): void {
    const { dwellSeconds } = this.#zone;
    const atTicks = this.#dwellsFrom(visit);
    if (dwellSeconds === null || visit.dwelt || !(atTicks <= moment.atTicks)) return;
    visit.dwelt = true;
    this.#emit({ ...this.#event('dwell', visit, 'moved', { ...moment, atTicks }), dwellSeconds });
  }

  #end(visit: Visit, cause: ZoneEventCause, moment: Moment): void {
    this.#visits.delete(visit.track.id);
    if (!visit.inside) return;
    this.#dwell(visit, moment);
    const ticks = moment.atTicks - visit.enteredAtTicks;
    this.#left++;
    this.#dwellTicks += ticks;
    this.#emit({ ...this.#event('left', visit, cause, moment), dwellSeconds: ticks / videoClockRate });
  }

  #event(kind: ZoneEvent['kind'], { track }: Visit, cause: ZoneEventCause, moment: Moment): ZoneEvent {
    return {
      ...{ kind, zoneId: this.#zone.id, trackId: track.id, label: track.label, cause },
      rtpTimestamp: moment.shownRtp,
      lagTicks: Math.max(0, moment.shownTicks - moment.atTicks),
      ...{ x: moment.x, y: moment.y, speedMps: track.speedMps },
    };
  }

  /** Its ObjectTrack is over, or the analysis is: what was not settled did not happen. */
  forget(track: ZoneTrack, cause: 'lost' | 'stopped'): void {
    const visit = this.#visits.get(track.id);
    if (!visit) return;
    const { x, seenAtTicks, seenAtRtp } = track;
    const moment = { atTicks: seenAtTicks, shownTicks: seenAtTicks, shownRtp: seenAtRtp, x, y: this.#y(track) };
    this.#end(visit, cause, moment);
  }

  /** The same zone drawn, named or set otherwise, from `frame` on; `tracks`: all that are known. */
  edit(zone: Zone, tracks: Iterable<ZoneTrack>, frame: FrameMoment): void {
    const before = this.#zone;
    this.#zone = zone;
    if (zone.dwellSeconds !== before.dwellSeconds) for (const visit of this.#visits.values()) visit.dwelt = false;
    const place = (one: Zone): string => JSON.stringify([one.polygon, one.anchor, one.labels]);
    if (place(zone) === place(before)) return;
    this.#shape = new PolygonShape(zone.polygon, frame.heightOfWidth);
    this.#filter = new LabelFilter(zone.labels);
    this.assess(tracks, frame);
  }

  /** Nobody moved, but the zone is new or was changed: who is inside now? */
  assess(tracks: Iterable<ZoneTrack>, frame: FrameMoment): void {
    for (const track of tracks) {
      const within = this.#filter.takes(track.label) && this.#contains(track, frame.heightOfWidth);
      const visit = this.#visits.get(track.id) ?? (within ? this.#begin(track) : undefined);
      if (!visit) continue;
      visit.crossing = undefined;
      const moment = momentOf(visit, track.x, this.#y(track), frame);
      if (!within) this.#end(visit, 'edited', moment);
      else if (!visit.inside) this.#enter(visit, 'edited', moment);
    }
  }

  /** It is no more. */
  remove(frame: FrameMoment): void {
    for (const visit of this.#visits.values()) {
      this.#end(visit, 'edited', momentOf(visit, visit.track.x, this.#y(visit.track), frame));
    }
  }

  reshape(heightOfWidth: number): void {
    this.#shape = new PolygonShape(this.#zone.polygon, heightOfWidth);
  }

  #contains(track: ZoneTrack, heightOfWidth: number): boolean {
    return this.#shape.contains(track.x, this.#y(track) * heightOfWidth);
  }

  #y(track: ZoneTrack): number {
    return track.y(this.#zone.anchor);
  }

  live(ticks: number): ZoneLive {
    const counts = new Map<string, number>();
    let occupancy = 0;
    let since = Infinity;
    let speeds = 0;
    let speedSum = 0;
    for (const { inside, track, enteredAtTicks } of this.#visits.values()) {
      if (!inside) continue;
      occupancy++;
      countLabel(counts, track.label);
      since = Math.min(since, enteredAtTicks);
      const speed = track.speedMps;
      if (speed === undefined) continue;
      speeds++;
      speedSum += speed;
    }
    return {
      zoneId: this.#zone.id,
      occupancy,
      counts: Object.fromEntries(counts),
      ...{ entered: this.#entered, left: this.#left },
      meanDwellSeconds: this.#left > 0 ? this.#dwellTicks / this.#left / videoClockRate : null,
      longestPresentSeconds: occupancy > 0 ? Math.max(0, ticks - since) / videoClockRate : null,
      meanSpeedMps: speeds > 0 ? speedSum / speeds : null,
    };
  }
}

/** Now, where the object is; never before it came in. */
function momentOf(visit: Visit, x: number, y: number, frame: FrameMoment): Moment {
  const atTicks = visit.inside ? Math.max(frame.ticks, visit.enteredAtTicks) : frame.ticks;
  return { atTicks, x, y, shownTicks: frame.ticks, shownRtp: frame.rtpTimestamp };
}
