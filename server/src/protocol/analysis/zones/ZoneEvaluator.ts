import { rtpTicksBetween, videoClockRate } from '../../rtpTime.ts';
import type { ZoneHeatmap, ZoneSettings, ZonesLive } from '../../zones.ts';
import { defaultTrackParameters } from '../track/TrackParameters.ts';
import { GroundScale } from './groundScale.ts';
import { LineMonitor } from './LineMonitor.ts';
import { PositionHeatmap } from './PositionHeatmap.ts';
import { countLabel, type EventSink } from './shapeRules.ts';
import { UnconfirmedPlaces } from './UnconfirmedPlaces.ts';
import { ZoneMonitor } from './ZoneMonitor.ts';
import { type FrameMoment, type TrackedBox, ZoneTrack } from './ZoneTrack.ts';

const maxTracks = 1000;
/** Of an index that the model's description has no label for. */
const unknownLabel = 'unknown';

export interface ZoneEvaluatorOptions {
  settings: ZoneSettings;
  /** Of the model, by DetectedObject.label. */
  labels: readonly string[];
  /** Called inside `update`, `setZones` and `finish`; must not call back. */
  onEvent: EventSink;
  /** Of the heatmap; without it nothing fades, and `takeHeatmap` ends a period. */
  heatmapHalfLifeSeconds?: number;
}

/** Tells things from flickers of the Model: the Tracker that gave the ids. */
export interface Confirmation {
  isConfirmed(trackId: number): boolean;
}

/**
 * Evaluates the zones and lines of one Stream on the ObjectTracks of one Publication, one analysed Frame after another,
 * in media time. The rules:
 *
 * - an object is where its anchor is, and went straight from each place it was seen at to the next;
 * - it is in a zone when it was seen inside, and not when it only flew through between two Frames; a line is crossed also
 *   between two;
 * - borders and lines have hysteresis: only what goes further than its box jitters counts, or what stays (shapeRules.ts).
 *   Events are dated back to where the path met the border, so that they are not told in the order of their moments;
 * - unseen objects stay where they are for as long as the Tracker waits for them (1.5 s), then their tracks are over, and
 *   were so when they were last seen;
 * - what is not confirmed yet does not count; once it is, it counts from the Frame on that first showed it;
 * - sides of zones on the edge of the picture are no border: who goes there is lost, not moved.
 *
 * Pure; for inference nodes and browsers. A Frame in which nothing happens makes no object but an iterator.
 */
export class ZoneEvaluator {
  readonly #onEvent: EventSink;
  readonly #tracks = new Map<number, ZoneTrack>();
  readonly #unconfirmed = new UnconfirmedPlaces();
  readonly #heatmap: PositionHeatmap;
  readonly #frame: FrameMoment = { ticks: 0, rtpTimestamp: 0, number: 0, heightOfWidth: 9 / 16 };
  #settings: ZoneSettings = { zones: [], lines: [], scale: null };
  #labels: readonly string[];
  #zones: ZoneMonitor[] = [];
  #lines: LineMonitor[] = [];
  #scale: GroundScale | undefined;
  #lostAfterTicks = defaultTrackParameters.keepSeconds * videoClockRate;
  #cutShort = 0;

  /** Throws RangeError where the scale is none (see `zoneSettingsSchema`, which refuses it). */
  constructor(options: ZoneEvaluatorOptions) {
    this.#onEvent = options.onEvent;
    this.#labels = options.labels;
    this.#heatmap = new PositionHeatmap({ halfLifeSeconds: options.heatmapHalfLifeSeconds });
    this.setZones(options.settings);
  }

  /** ObjectTracks that were given up early since there were too many. */
  get cutShort(): number {
    return this.#cutShort;
  }

  get tracks(): number {
    return this.#tracks.size;
  }

  /** Labels of another revision of the model's description; ObjectTracks keep theirs until they are seen with another. */
  setLabels(labels: readonly string[]): void {
    this.#labels = labels;
  }

  /** For how long the Tracker waits for what is out of sight: nothing may be over here and come back there. */
  setKeepSeconds(seconds: number): void {
    this.#lostAfterTicks = seconds * videoClockRate;
  }

  /** From now on these. Zones and lines of the same id go on with what they know, as far as their place did not change. */
  setZones(settings: ZoneSettings): void {
    const { zones, lines, scale } = settings;
    const before = this.#settings;
    if (JSON.stringify(scale) !== JSON.stringify(before.scale)) this.#setScale(settings);
    this.#settings = settings;
    const frame = this.#frame;
    for (const old of this.#zones) if (!zones.some(({ id }) => id === old.id)) old.remove(frame);
    this.#zones = zones.map((zone) => {
      const known = this.#zones.find(({ id }) => id === zone.id);
      const monitor = known ?? new ZoneMonitor(zone, frame.heightOfWidth, this.#onEvent);
      if (known) known.edit(zone, this.#tracks.values(), frame);
      else monitor.assess(this.#tracks.values(), frame);
      return monitor;
    });
    this.#lines = lines.map((line) => {
      const known = this.#lines.find(({ id }) => id === line.id);
      known?.edit(line, frame);
      return known ?? new LineMonitor(line, frame.heightOfWidth, this.#onEvent);
    });
  }

  #setScale({ scale }: ZoneSettings): void {
    for (const track of this.#tracks.values()) track.forgetSpeed();
    if (scale === null) this.#scale = undefined;
    else if (scale.kind === 'ground') this.#scale = GroundScale.ofGround(scale.points);
    else this.#scale = GroundScale.ofWidth(scale.metresPerWidth, this.#frame.heightOfWidth);
  }

  /**
   * One analysed Frame, in order, also without objects. `trackIds`: one for each object, 0 = none. `rtpTicks`: u32, or
   * unwrapped. `width`, `height`: of the decoded picture, pixels. A Frame of the same timestamp as the one before is
   * passed over; when the clock goes back, all tracks are over. Without `confirmation` everything counts at once.
   */
  update(
    objects: readonly TrackedBox[],
    trackIds: readonly number[],
    rtpTicks: number,
    width: number,
    height: number,
    confirmation?: Confirmation,
  ): void {
    const frame = this.#frame;
    const gap = frame.number === 0 ? 0 : rtpTicksBetween(rtpTicks, frame.rtpTimestamp);
    if (frame.number > 0 && gap === 0) return;
    if (gap < 0) this.#loseAll('lost');
    const passed = Math.max(0, gap);
    frame.number++;
    frame.ticks += passed;
    frame.rtpTimestamp = rtpTicks >>> 0;
    if (height / width !== frame.heightOfWidth) this.#reshape(height / width);
    this.#heatmap.fade(passed);
    for (const track of this.#tracks.values()) {
      if (frame.ticks - track.seenAtTicks > this.#lostAfterTicks) this.#lose(track, 'lost');
    }
    this.#unconfirmed.forgetBefore(frame.ticks - this.#lostAfterTicks);
    for (let i = 0; i < objects.length; i++) {
      const id = trackIds[i]!;
      if (id > 0) this.#see(id, objects[i]!, confirmation);
    }
    while (this.#tracks.size > maxTracks) this.#cutOne();
  }

  #see(id: number, box: TrackedBox, confirmation: Confirmation | undefined): void {
    const frame = this.#frame;
    const label = this.#labels[box.label] ?? unknownLabel;
    let track = this.#tracks.get(id);
    if (!track) {
      if (confirmation && !confirmation.isConfirmed(id)) return this.#unconfirmed.add(id, box, label, frame);
      const places = this.#unconfirmed.take(id);
      this.#tracks.set(id, (track = new ZoneTrack(id, places[0]?.labelName ?? label)));
      for (const place of places) {
        // Zones and lines are as wide as they are now.
        place.heightOfWidth = frame.heightOfWidth;
        this.#follow(track, place, place.labelName, place);
      }
    }
    if (track.seenAtNumber !== frame.number) this.#follow(track, box, label, frame);
  }

  #follow(track: ZoneTrack, box: TrackedBox, label: string, frame: FrameMoment): void {
    track.see(box, label, frame, this.#scale);
    if (!track.isNew) {
      const half = (frame.ticks - track.previousTicks) / 2;
      this.#heatmap.add(track.previousX, track.previousBottom, half);
      this.#heatmap.add(track.x, track.bottom, half);
    }
    for (let i = 0; i < this.#zones.length; i++) this.#zones[i]!.see(track, frame);
    for (let i = 0; i < this.#lines.length; i++) this.#lines[i]!.see(track, frame);
  }

  #lose(track: ZoneTrack, cause: 'lost' | 'stopped'): void {
    this.#tracks.delete(track.id);
    for (const zone of this.#zones) zone.forget(track, cause);
    for (const line of this.#lines) line.forget(track);
  }

  #loseAll(cause: 'lost' | 'stopped'): void {
    this.#unconfirmed.clear();
    for (const track of this.#tracks.values()) this.#lose(track, cause);
  }

  #cutOne(): void {
    let longestUnseen: ZoneTrack | undefined;
    for (const track of this.#tracks.values()) {
      if (!longestUnseen || track.seenAtNumber < longestUnseen.seenAtNumber) longestUnseen = track;
    }
    this.#cutShort++;
    this.#lose(longestUnseen!, 'lost');
  }

  #reshape(heightOfWidth: number): void {
    this.#frame.heightOfWidth = heightOfWidth;
    for (const zone of this.#zones) zone.reshape(heightOfWidth);
    for (const line of this.#lines) line.reshape(heightOfWidth);
    if (this.#settings.scale?.kind === 'width') this.#setScale(this.#settings);
  }

  /** As of the last Frame. For a few times a second: it counts and allocates. */
  live(): ZonesLive {
    const { ticks, rtpTimestamp, number } = this.#frame;
    const counts = new Map<string, number>();
    const speeds: [number, number][] = [];
    for (const track of this.#tracks.values()) {
      if (track.seenAtNumber !== number) continue;
      countLabel(counts, track.label);
      const speed = track.speedMps;
      if (speed !== undefined) speeds.push([track.id, speed]);
    }
    return {
      rtpTimestamp,
      zones: this.#zones.map((zone) => zone.live(ticks)),
      lines: this.#lines.map((line) => line.live()),
      counts: Object.fromEntries(counts),
      speeds,
    };
  }

  /** Of all objects, whatever their labels. */
  heatmap(): ZoneHeatmap {
    return this.#heatmap.snapshot();
  }

  /** The heatmap since the last call, which begins anew. */
  takeHeatmap(): ZoneHeatmap {
    return this.#heatmap.take();
  }

  /** The analysis is over: everyone leaves, at the last Frame that shows them. */
  finish(): void {
    this.#loseAll('stopped');
  }
}
