import { randomUUID } from 'node:crypto';
import {
  type HistoryBatch,
  maxBatchEvents,
  maxBatchTracks,
  type ModelDescription,
  rtpTicksBetween,
  type TimedZoneEvent,
  videoClockRate,
  type VisualProperties,
  type ZoneHeatmap,
} from '@framelock/server/protocol';
import type { Confirmation, DetectedObject } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';
import type { HistoryDrop } from './HistoryOutbox.ts';
import { MessageLog } from './MessageLog.ts';
import type { TrackPictures } from './TrackPictures.ts';
import { TrackRecords } from './TrackRecords.ts';

/** A batch is of one second of media time, and of not more than this much of messages. */
const batchTicks = videoClockRate;
const maxRawBytes = 1024 * 1024;
/** Where no Frame comes to end it, a batch ends after this. */
const staleMs = 2_000;
const heatmapEveryMs = 10_000;
/** That wait for a batch with room. */
const maxWaitingEvents = 5 * maxBatchEvents;
const maxSeconds = 120;

/** Who gives the ids: one for each run. */
export interface HistoryTracker extends Confirmation {
  readonly keepSeconds: number;
}

export interface HistoryFrame {
  /** The detection message as viewers get it. Copied. */
  message: Uint8Array;
  objects: readonly DetectedObject[];
  trackIds: readonly number[];
  /** u32, or unwrapped. */
  rtpTicks: number;
  /** When the Frame was received, Unix ms. */
  wallMs: number;
  description: ModelDescription;
  /** Label 0 is no name. */
  naming: boolean;
  tracker: HistoryTracker;
  picture: AnalysedPicture;
}

export interface HistoryReporterOptions {
  publicationId: string;
  streamId: string;
  pictures: TrackPictures;
  /** Takes a finished batch; `messages` is to be read before `onRead` is called. */
  send(batch: Omit<HistoryBatch, 'detections'>, messages: Buffer, onRead: () => void): void;
  onDropped(what: HistoryDrop, count: number): void;
  onFinished(): void;
}

/** One run of a Tracker. */
interface Run {
  readonly runId: string;
  readonly tracker: HistoryTracker;
  readonly records: TrackRecords;
  sequence: number;
  description: ModelDescription;
  heatmap: ZoneHeatmap | undefined;
  heatmapAtMs: number;
}

/** Makes the HistoryBatches of one analysed Publication (history.ts of the protocol). */
export class HistoryReporter {
  readonly publicationId: string;
  readonly #options: HistoryReporterOptions;
  #run: Run | undefined;
  #log = new MessageLog();
  #spareLog: MessageLog | undefined;
  /** Of the present batch. */
  #frames = 0;
  #objects = 0;
  #fromMs = 0;
  #toMs = 0;
  #firstRtp = 0;
  #lastRtp = 0;
  #openedAtMs = 0;
  #events: TimedZoneEvent[] = [];
  #seconds: HistoryBatch['properties'] = [];
  #lost: HistoryBatch['dropped'] = { batches: 0, tracks: 0, events: 0 };
  #batches = 0;
  #finished = false;

  constructor(options: HistoryReporterOptions) {
    this.#options = options;
    this.publicationId = options.publicationId;
  }

  /** Ends the batch before a Frame that does not belong into it. Call before anything of that Frame is told. */
  prepare({ rtpTicks, tracker, description }: HistoryFrame): void {
    const run = this.#run;
    if (run === undefined || run.tracker !== tracker) return this.#begin(tracker, description);
    if (run.description.revision !== description.revision) {
      if (this.#frames > 0) this.#flush(false);
      run.description = description;
    }
    if (this.#frames === 0) return;
    const ticks = rtpTicksBetween(rtpTicks, this.#firstRtp);
    if (ticks < 0 || ticks >= batchTicks || this.#log.length >= maxRawBytes) this.#flush(false);
  }

  #begin(tracker: HistoryTracker, description: ModelDescription): void {
    this.endRun();
    const records = new TrackRecords(this.#options.pictures, (what) => {
      if (what === 'tracks') this.#lost.tracks++;
      this.#options.onDropped(what, 1);
    });
    const heatmap = { heatmap: undefined, heatmapAtMs: -Infinity };
    this.#run = { runId: randomUUID(), tracker, records, sequence: 0, description, ...heatmap };
  }

  /** Each analysed Frame, in order, after `prepare`. */
  add({ message, objects, trackIds, rtpTicks, wallMs, naming, picture }: HistoryFrame): void {
    const run = this.#run!;
    const rtpTimestamp = rtpTicks >>> 0;
    if (this.#frames++ === 0) {
      this.#firstRtp = rtpTimestamp;
      this.#fromMs = this.#toMs = wallMs;
      this.#openedAtMs = wallMs;
    }
    this.#lastRtp = rtpTimestamp;
    this.#toMs = Math.max(this.#toMs, wallMs);
    this.#objects += objects.length;
    this.#log.add(message);
    const { labels } = run.description;
    const { records, tracker: confirmation } = run;
    records.add({ objects, trackIds, rtpTimestamp, wallMs, labels, naming, confirmation, picture });
  }

  addEvent(event: TimedZoneEvent): void {
    const records = this.#run?.records;
    if (!records) return;
    if (event.kind !== 'left' && event.kind !== 'dwell') records.addZone(event.trackId, event.zoneId);
    if (this.#events.length < maxWaitingEvents) this.#events.push(event);
    else {
      this.#lost.events++;
      this.#options.onDropped('events', 1);
    }
  }

  addSecond(properties: VisualProperties, atMs: number): void {
    if (this.#seconds.length < maxSeconds) this.#seconds.push({ ...properties, atMs });
  }

  /** Whether a heatmap is due; Unix ms as Frames have it. */
  wantsHeatmap(wallMs: number): boolean {
    const run = this.#run;
    if (!run) return false;
    if (run.heatmapAtMs === -Infinity) run.heatmapAtMs = wallMs;
    return wallMs - run.heatmapAtMs >= heatmapEveryMs;
  }

  /** For the next batch. */
  setHeatmap(heatmap: ZoneHeatmap, wallMs: number): void {
    if (!this.#run) return;
    this.#run.heatmap = heatmap;
    this.#run.heatmapAtMs = wallMs;
  }

  /** Some times a second: a batch that no Frame ends is told, too. */
  tick(nowMs: number): void {
    if (this.#frames > 0 && nowMs - this.#openedAtMs >= staleMs) this.#flush(false);
  }

  /** The ids of the Tracker mean nothing any more. */
  endRun(): void {
    const run = this.#run;
    if (!run) return;
    run.records.endAll();
    this.#flush(true);
    this.#run = undefined;
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.endRun();
    this.#options.onFinished();
  }

  #flush(isLast: boolean): void {
    const run = this.#run!;
    if (!isLast) run.records.endUnseen(this.#lastRtp, run.tracker.keepSeconds);
    for (;;) {
      const tracks = run.records.take(this.#lastRtp, maxBatchTracks);
      const events = this.#events.splice(0, maxBatchEvents);
      const isWhole = tracks.length < maxBatchTracks && this.#events.length === 0;
      this.#send(run, tracks, events, isLast && isWhole);
      if (!isLast || isWhole) return;
    }
  }

  #send(run: Run, tracks: HistoryBatch['tracks'], events: TimedZoneEvent[], last: boolean): void {
    const { publicationId, streamId } = this.#options;
    const { revision, modelId, labels } = run.description;
    const log = this.#log;
    const batch: Omit<HistoryBatch, 'detections'> = {
      ...{ publicationId, streamId, runId: run.runId, sequence: run.sequence++ },
      ...{ fromMs: this.#fromMs, toMs: this.#toMs, firstRtp: this.#firstRtp, lastRtp: this.#lastRtp },
      ...{ frames: this.#frames, objects: this.#objects, model: { revision, modelId, labels }, rawBytes: log.length },
      ...{ mostByLabel: run.records.takePeaks(labels), tracks, events, properties: this.#seconds, last },
      ...(run.heatmap ? { heatmap: run.heatmap } : {}),
      dropped: this.#lost,
    };
    this.#batches++;
    run.heatmap = undefined;
    this.#seconds = [];
    this.#lost = { batches: 0, tracks: 0, events: 0 };
    this.#frames = this.#objects = 0;
    // Where nothing follows at once, the next one begins where this one ends.
    this.#fromMs = this.#toMs;
    this.#firstRtp = this.#lastRtp;
    this.#log = this.#spareLog ?? new MessageLog();
    this.#spareLog = undefined;
    this.#options.send(batch, log.view(), () => {
      log.clear();
      this.#spareLog = log;
    });
  }

  dump(): object {
    const run = this.#run;
    return {
      publicationId: this.publicationId,
      runId: run?.runId ?? null,
      batches: this.#batches,
      tracks: run?.records.size ?? 0,
      waitingEvents: this.#events.length,
      frames: this.#frames,
    };
  }
}
