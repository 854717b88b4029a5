import { type HistoryBox, rtpTicksBetween, type TrackReport, videoClockRate } from '@framelock/server/protocol';
import type { Confirmation, DetectedObject } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';
import { LabelPeaks } from './LabelPeaks.ts';
import { pictureQuality, type TrackPictures } from './TrackPictures.ts';

/** What goes on is told again this often, RTP ticks: each report replaces a row in a database. */
const tellAgainTicks = 3 * videoClockRate;
const betterPicture = 1.3;
const pictureEveryMs = 1_000;
const maxZoneIds = 64;
const maxRecords = 4_000;
const unknownLabel = 'unknown';

interface TrackRecord {
  readonly trackId: number;
  confirmed: boolean;
  label: string;
  /** Its best Frame has a name from the gallery. */
  named: boolean;
  readonly fromMs: number;
  toMs: number;
  readonly firstRtp: number;
  lastRtp: number;
  frames: number;
  bestScore: number;
  bestRtp: number;
  readonly bestBox: HistoryBox;
  readonly zoneIds: string[];
  ended: boolean;
  /** Something is to be told at once, or with time. */
  urgent: boolean;
  changed: boolean;
  toldAtRtp: number | undefined;
  /** Not told yet. */
  jpeg: string | undefined;
  /** Of the last picture; 0 = there is none. */
  quality: number;
  triedAtMs: number;
}

/** One analysed Frame as far as its ObjectTracks are concerned. */
export interface TrackedFrame {
  objects: readonly DetectedObject[];
  trackIds: readonly number[];
  /** u32. */
  rtpTimestamp: number;
  /** Unix ms. */
  wallMs: number;
  labels: readonly string[];
  /** Label 0 is no name: any other one describes an object better. */
  naming: boolean;
  confirmation: Confirmation;
  picture: AnalysedPicture;
}

/** What is known of the ObjectTracks of one run, until it is told. */
export class TrackRecords {
  readonly #pictures: TrackPictures;
  readonly #onDropped: (what: 'tracks' | 'pictures') => void;
  /** Told ones move to the end, so that each has its turn. */
  readonly #records = new Map<number, TrackRecord>();
  readonly #peaks = new LabelPeaks();
  /** The object of the present Frame that needs a picture most. */
  #wanting: TrackRecord | undefined;
  #wantingBox: DetectedObject | undefined;
  #wantingQuality = 0;

  constructor(pictures: TrackPictures, onDropped: (what: 'tracks' | 'pictures') => void) {
    this.#pictures = pictures;
    this.#onDropped = onDropped;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Each analysed Frame, in order. */
  add(frame: TrackedFrame): void {
    const { objects, trackIds } = frame;
    this.#wanting = undefined;
    for (let i = 0; i < objects.length; i++) {
      const trackId = trackIds[i]!;
      if (trackId > 0) this.#see(trackId, objects[i]!, frame);
    }
    this.#peaks.endFrame();
    this.#takePicture(frame);
  }

  #see(trackId: number, object: DetectedObject, frame: TrackedFrame): void {
    const { rtpTimestamp, labels, naming } = frame;
    let record = this.#records.get(trackId);
    if (!record) this.#records.set(trackId, (record = this.#begin(trackId, frame)));
    record.frames++;
    record.lastRtp = rtpTimestamp;
    record.toMs = Math.max(record.toMs, frame.wallMs);
    record.changed = true;
    const named = naming && object.label > 0;
    if (named === record.named ? object.score > record.bestScore : named) {
      record.named = named;
      record.bestScore = object.score;
      record.bestRtp = rtpTimestamp;
      record.label = labels[object.label] ?? unknownLabel;
      const { bestBox } = record;
      bestBox.x = share(object.x);
      bestBox.y = share(object.y);
      bestBox.w = share(object.w);
      bestBox.h = share(object.h);
    }
    if (!record.confirmed && !(record.confirmed = frame.confirmation.isConfirmed(trackId))) return;
    this.#peaks.add(object.label);
    if (frame.wallMs - record.triedAtMs >= pictureEveryMs) this.#considerPicture(record, object);
  }

  #begin(trackId: number, { rtpTimestamp, wallMs }: TrackedFrame): TrackRecord {
    if (this.#records.size >= maxRecords) this.#makeRoom(rtpTimestamp);
    return {
      ...{ trackId, confirmed: false, label: unknownLabel, named: false, fromMs: wallMs, toMs: wallMs },
      ...{ firstRtp: rtpTimestamp, lastRtp: rtpTimestamp, frames: 0 },
      ...{ bestScore: -1, bestRtp: rtpTimestamp, bestBox: { x: 0, y: 0, w: 0, h: 0 }, zoneIds: [], ended: false },
      ...{ urgent: true, changed: true, toldAtRtp: undefined, jpeg: undefined, quality: 0, triedAtMs: -Infinity },
    };
  }

  #makeRoom(rtpTimestamp: number): void {
    for (const record of this.#records.values()) {
      if (!record.confirmed && record.lastRtp !== rtpTimestamp) this.#records.delete(record.trackId);
    }
    for (const record of this.#records.values()) {
      if (this.#records.size < maxRecords) return;
      if (record.lastRtp === rtpTimestamp) continue;
      this.#records.delete(record.trackId);
      this.#onDropped('tracks');
    }
  }

  #considerPicture(record: TrackRecord, object: DetectedObject): void {
    const quality = pictureQuality(object);
    if (record.quality > 0 && quality < record.quality * betterPicture) return;
    const wanting = this.#wanting;
    // First pictures before better ones.
    const isRival = wanting && (wanting.quality === 0) === (record.quality === 0);
    if (wanting && (isRival ? quality <= this.#wantingQuality : record.quality > 0)) return;
    this.#wanting = record;
    this.#wantingBox = object;
    this.#wantingQuality = quality;
  }

  /** At most one a Frame. */
  #takePicture({ wallMs, picture }: TrackedFrame): void {
    const record = this.#wanting;
    if (!record || !this.#pictures.hasTime(record.quality === 0, wallMs)) return;
    record.triedAtMs = wallMs;
    const jpeg = this.#pictures.make(picture, this.#wantingBox!);
    if (jpeg === undefined) return;
    record.jpeg = jpeg;
    record.quality = this.#wantingQuality;
    record.urgent = true;
  }

  /** It was in this zone, or crossed this line. */
  addZone(trackId: number, zoneId: string): void {
    const record = this.#records.get(trackId);
    if (!record || record.zoneIds.includes(zoneId) || record.zoneIds.length >= maxZoneIds) return;
    record.zoneIds.push(zoneId);
    record.urgent = true;
  }

  /** Those that the Tracker does not wait for any more are over. */
  endUnseen(rtpTimestamp: number, keepSeconds: number): void {
    for (const record of this.#records.values()) {
      const unseen = rtpTicksBetween(rtpTimestamp, record.lastRtp) / videoClockRate;
      if (unseen > keepSeconds || unseen < 0) this.#end(record);
    }
  }

  /** The run is over. */
  endAll(): void {
    for (const record of this.#records.values()) this.#end(record);
  }

  #end(record: TrackRecord): void {
    if (!record.confirmed) this.#records.delete(record.trackId);
    else record.ended = record.urgent = true;
  }

  /** What is new of confirmed ones, at most so many; what does not fit comes first the next time. */
  take(rtpTimestamp: number, limit: number): TrackReport[] {
    const reports: TrackReport[] = [];
    const told: TrackRecord[] = [];
    for (const record of this.#records.values()) {
      if (reports.length >= limit) break;
      if (!record.confirmed || !this.#isDue(record, rtpTimestamp)) continue;
      reports.push(reportOf(record));
      told.push(record);
    }
    for (const record of told) {
      this.#records.delete(record.trackId);
      record.urgent = record.changed = false;
      record.toldAtRtp = rtpTimestamp;
      record.jpeg = undefined;
      if (!record.ended) this.#records.set(record.trackId, record);
      else if (record.quality === 0) this.#onDropped('pictures');
    }
    return reports;
  }

  #isDue({ urgent, changed, toldAtRtp }: TrackRecord, rtpTimestamp: number): boolean {
    if (urgent) return true;
    return changed && Math.abs(rtpTicksBetween(rtpTimestamp, toldAtRtp ?? rtpTimestamp)) >= tellAgainTicks;
  }

  /** Most confirmed objects of a label in one Frame since the last call, by its name. */
  takePeaks(labels: readonly string[]): Record<string, number> {
    return this.#peaks.take(labels);
  }
}

function reportOf(record: TrackRecord): TrackReport {
  const { trackId, label, fromMs, toMs, firstRtp, lastRtp, frames, bestRtp, bestBox, zoneIds, ended, jpeg } = record;
  return {
    ...{ trackId, label, fromMs, toMs, firstRtp, lastRtp, frames, bestScore: share(record.bestScore), bestRtp },
    ...{ bestBox: { ...bestBox }, zoneIds: zoneIds.slice(), ended },
    ...(jpeg === undefined ? {} : { jpeg }),
  };
}

const share = (value: number): number => Math.max(0, Math.min(1, value));
