import type { InitSection, MediaTime, Part, Segment, VideoSample } from '../media.ts';
import { hlsTimescale } from '@framelock/server/protocol';
import type { AudioQueue } from './AudioQueue.ts';
import { partTargetTicks, type SegmenterCounts, type SegmenterEvents } from './segmenterTypes.ts';
import { writePart, type MediaEvent } from './writePart.ts';

/** Longer, a Part does not wait for its audio. */
const maxAudioWaitMs = 250;
/** More Parts do not wait: then the first goes as it is. */
const maxWaiting = 8;
/** Detection messages for one Part; the oldest goes. */
const maxEvents = 512;

/** A Segment as its pictures come. */
export interface OpenSegment {
  init: InitSection;
  audio: AudioQueue | undefined;
  /**
   * SPS and PPS as NAL units with lengths, to repeat in its first picture. For readers that keep the first InitSection
   * they saw, as FFmpeg's does: after another size they would decode rubbish.
   */
  parameterSets: Buffer | undefined;
  /** What is told of it; grows with each Part. */
  told: Segment;
}

/** The pictures of one Part, whose audio may still be under way. */
export interface CutPart {
  segment: OpenSegment;
  start: MediaTime;
  video: VideoSample[];
  durations: number[];
  /** Ticks. */
  duration: number;
  /** Of its Segment. */
  last: boolean;
}

/** Takes what was cut, waits a little for the audio of it, and writes Parts. In order, always. */
export class PartAssembly {
  readonly #events: SegmenterEvents;
  readonly #counts: SegmenterCounts;
  readonly #waiting: CutPart[] = [];
  #detections: MediaEvent[] = [];
  /** When the first of those that wait goes without its audio; undefined: no tick has seen it yet. */
  #deadlineMs: number | undefined;
  #clock: { time: MediaTime; unixMs: number } | undefined;
  /** What the last Part read. */
  #audio: AudioQueue | undefined;
  #toldInit = -1;
  #sequenceNumber = 0;
  #eventId = 0;

  constructor(events: SegmenterEvents, counts: SegmenterCounts) {
    this.#events = events;
    this.#counts = counts;
  }

  setClock(time: MediaTime, unixMs: number): void {
    this.#clock = { time, unixMs };
  }

  addDetection(time: MediaTime, message: Uint8Array): void {
    this.#detections.push({ time, message });
    if (this.#detections.length <= maxEvents) return;
    this.#detections.shift();
    this.#counts.detectionsDropped++;
  }

  add(cut: CutPart): void {
    this.#waiting.push(cut);
    if (this.#waiting.length > maxWaiting) this.#writeFirst();
    this.proceed();
  }

  /** Writes every Part whose audio is here. */
  proceed(): void {
    let first = this.#waiting[0];
    while (first && (first.segment.audio?.reaches(first.start + first.duration) ?? true)) {
      this.#writeFirst();
      first = this.#waiting[0];
    }
  }

  /** Nothing more comes for what waits. */
  flush(): void {
    while (this.#waiting.length > 0) this.#writeFirst();
  }

  end(): void {
    this.flush();
    this.#leaveAudio(undefined);
    this.#counts.detectionsDropped += this.#detections.length;
    this.#detections = [];
  }

  tick(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    this.#deadlineMs ??= nowMs + maxAudioWaitMs;
    if (nowMs < this.#deadlineMs) return;
    this.#counts.partsWithoutTheirAudio++;
    this.#writeFirst();
    this.proceed();
  }

  #writeFirst(): void {
    const cut = this.#waiting.shift()!;
    this.#deadlineMs = undefined;
    const { init, told } = cut.segment;
    this.#leaveAudio(cut.segment.audio);
    if (this.#toldInit !== init.index) {
      this.#toldInit = init.index;
      this.#events.onInit(init);
    }
    const part = this.#write(cut);
    if (part.index === 0) told.unixMs = this.#unixMsAt(told.start);
    told.parts.push(part);
    told.duration += part.duration;
    told.bytes += part.data.length;
    if (part.duration > partTargetTicks) this.#counts.longParts++;
    this.#events.onPart(part, told, cut.last);
    if (cut.last) this.#events.onSegment(told);
  }

  /** The one that was read until now is never read again. */
  #leaveAudio(next: AudioQueue | undefined): void {
    if (this.#audio && this.#audio !== next) this.#counts.audioAfterVideo += this.#audio.clear();
    this.#audio = next;
  }

  #write(cut: CutPart): Part {
    const { told, audio: queue } = cut.segment;
    const end = cut.start + cut.duration;
    // What was heard before a new beginning belongs to pictures that nobody sees.
    if (queue && told.parts.length === 0 && (told.discontinuity || this.#sequenceNumber === 0)) {
      this.#counts.audioBeforeVideo += queue.dropBefore(cut.start);
    }
    const audio = queue?.takeBefore(end) ?? [];
    for (const sample of audio) if (sample.time < cut.start) this.#counts.audioLate++;
    const events = this.#detections;
    this.#detections = [];
    const first = cut.video[0]!;
    if (told.parts.length === 0 && first.key && cut.segment.parameterSets) {
      cut.video[0] = { ...first, data: Buffer.concat([cut.segment.parameterSets, first.data]) };
    }
    const data = writePart({
      sequenceNumber: ++this.#sequenceNumber,
      video: cut.video,
      videoDurations: cut.durations,
      audio,
      audioDurations: queue?.durationsOf(audio) ?? [],
      events,
      firstEventId: this.#eventId,
    });
    this.#eventId += events.length;
    return {
      msn: told.msn,
      index: told.parts.length,
      start: cut.start,
      duration: cut.duration,
      independent: first.key,
      data,
      frames: cut.video.map((sample) => sample.time),
    };
  }

  #unixMsAt(time: MediaTime): number | undefined {
    return this.#clock && Math.round(this.#clock.unixMs + ((time - this.#clock.time) * 1_000) / hlsTimescale);
  }
}
