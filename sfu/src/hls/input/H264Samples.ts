import type { MediaTime, VideoFormat, VideoSample } from '../media.ts';
import { parseSps } from '../../source/h264Sps.ts';
import { type AccessUnit, readAccessUnit } from './accessUnit.ts';

export interface H264SamplesEvents {
  onVideoFormat(format: VideoFormat): void;
  onVideo(sample: VideoSample): void;
}

/** A real one has some dozen bytes; MP4 has 16 bits for the length. */
const maxParameterBytes = 4_096;
/** Twice 4K; MP4 has 16 bits for each side. */
const maxSide = 8_192;
/** Baseline, Main, High: what every MediaSource plays. */
const playableProfiles = new Set([66, 77, 100]);

/** Access units in Annex B form -> samples as MP4 has them, their format told before the first and on change. */
export class H264Samples {
  readonly #events: H264SamplesEvents;
  #format: VideoFormat | undefined;
  #told: VideoFormat | undefined;
  /** What browsers cannot be given of this format; undefined: nothing. */
  #objection: string | undefined;

  constructor(events: H264SamplesEvents) {
    this.#events = events;
  }

  get format(): VideoFormat | undefined {
    return this.#format;
  }

  /** `bytes` are overwritten. */
  read(bytes: Buffer): AccessUnit {
    const unit = readAccessUnit(bytes);
    const { sps, pps } = unit;
    const same = this.#format && (!sps || sps.equals(this.#format.sps)) && (!pps || pps.equals(this.#format.pps));
    if (!same) this.#readFormat(sps ?? this.#format?.sps, pps ?? this.#format?.pps);
    return unit;
  }

  #readFormat(sps: Buffer | undefined, pps: Buffer | undefined): void {
    if (!sps || !pps) return;
    if (sps.length > maxParameterBytes || pps.length > maxParameterBytes) {
      this.#objection = 'its H264 header is too long';
      return;
    }
    const facts = parseSps(sps);
    if (!facts) {
      this.#objection = 'its H264 header cannot be read';
      return;
    }
    this.#objection = objectionTo(facts);
    const { width, height } = facts;
    this.#format = { codec: `avc1.${sps.toString('hex', 1, 4)}`, width, height, sps, pps };
  }

  /** Why what was read last may not be passed on as it is, for people. */
  objection(unit: AccessUnit): string | undefined {
    if (unit.bSlice) return 'it has B-frames; without them (0 in the encoder) it costs nothing';
    return this.#objection;
  }

  emit(time: MediaTime, receivedAtMs: number, unit: AccessUnit): void {
    const format = this.#format;
    if (!format || unit.data.length === 0) return;
    if (format !== this.#told) {
      // A sample that differs is a key frame, or the stream is not what it says.
      if (!unit.key) return;
      this.#told = format;
      this.#events.onVideoFormat(format);
    }
    this.#events.onVideo({ time, key: unit.key, data: unit.data, receivedAtMs });
  }
}

function objectionTo(facts: NonNullable<ReturnType<typeof parseSps>>): string | undefined {
  if (facts.width > maxSide || facts.height > maxSide) return `its picture is ${facts.width}x${facts.height}`;
  if (facts.interlaced) return 'it is interlaced; a progressive picture costs nothing';
  if (facts.chromaFormat !== 1 || facts.bitDepth !== 8)
    return 'browsers play H264 with 8 bits and 4:2:0 only; with these it costs nothing';
  if (!playableProfiles.has(facts.profileIdc))
    return `browsers do not play H264 of profile ${facts.profileIdc}; Baseline, Main or High costs nothing`;
  return undefined;
}
