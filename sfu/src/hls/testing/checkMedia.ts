import { nalTypes, readFragments, readInit, type ReadFragment, type ReadSample, type ReadTrack } from './readMp4.ts';
import type { ReadPart } from './readPlaylist.ts';
import type { SeenSegment } from './validateHls.ts';

const timescale = 90_000;
/** 1 ms: AAC frames of 44.1 kHz do not take whole ticks. */
const audioSlack = 90;
const tickS = 1 / timescale;
const idr = 5;
const delimiter = 9;
/** Many writers repeat them at key frames, and readers take it. */
const parameterSets = [7, 8];

interface Report {
  problem(rule: string, words: string): void;
  note(rule: string, words: string): void;
}

/** Rules for which bytes are needed; what was not given is not checked. */
export function checkMedia(
  segments: readonly SeenSegment[],
  media: ReadonlyMap<string, Buffer>,
  partTargetS: number | undefined,
  report: Report,
): void {
  new MediaCheck(media, partTargetS, report).run(segments);
}

class MediaCheck {
  readonly #media: ReadonlyMap<string, Buffer>;
  readonly #partTargetS: number | undefined;
  readonly #report: Report;
  readonly #inits = new Map<string, ReadTrack[]>();
  /** By track id: where its next sample has to begin. */
  #ends = new Map<number, number>();
  #sequenceNumber: number | undefined;
  #lastMsn: number | undefined;

  constructor(media: ReadonlyMap<string, Buffer>, partTargetS: number | undefined, report: Report) {
    this.#media = media;
    this.#partTargetS = partTargetS;
    this.#report = report;
  }

  run(segments: readonly SeenSegment[]): void {
    for (const segment of segments) {
      if (segment.discontinuity || segment.msn - 1 !== this.#lastMsn) this.#forget();
      this.#lastMsn = segment.msn;
      const parts = segment.parts.map((part) => this.#media.get(part.uri));
      const whole = segment.uri === undefined ? undefined : this.#media.get(segment.uri);
      const allParts = parts.length > 0 && parts.every((bytes) => bytes !== undefined);
      if (whole && allParts && !whole.equals(Buffer.concat(parts))) {
        this.#report.problem('segment-bytes', `${segment.uri} is not the sum of its Parts`);
      }
      if (parts.some((bytes) => bytes !== undefined)) this.#parts(segment, parts);
      else if (whole) this.#segment(segment, whole);
      else this.#forget();
      this.#durationsOfParts(segment, parts);
    }
  }

  #forget(): void {
    this.#ends = new Map();
    this.#sequenceNumber = undefined;
  }

  #parts(segment: SeenSegment, parts: readonly (Buffer | undefined)[]): void {
    segment.parts.forEach((part, i) => {
      const bytes = parts[i];
      if (!bytes) return this.#forget();
      const video = this.#piece(part.uri, bytes, segment.map);
      if (!video) return this.#forget();
      const durationS = sum(video) * tickS;
      if (Math.abs(durationS - part.durationS) > 1.5 * tickS) {
        this.#report.problem('duration', `${part.uri} takes ${durationS} s, the playlist says ${part.durationS}`);
      }
      if (video[0]!.sync !== part.independent) {
        this.#report.problem('independent', `${part.uri} is said to be ${part.independent ? '' : 'not '}independent`);
      }
    });
  }

  #segment(segment: SeenSegment, bytes: Buffer): void {
    const video = this.#piece(segment.uri!, bytes, segment.map);
    if (!video) return this.#forget();
    const durationS = sum(video) * tickS;
    if (Math.abs(durationS - segment.durationS!) > 1.5 * tickS) {
      this.#report.problem('duration', `${segment.uri} takes ${durationS} s, the playlist says ${segment.durationS}`);
    }
  }

  /** PART-TARGET and 85 % of it: 4.4.4.9. Pictures that last long can make either impossible. */
  #durationsOfParts({ parts, uri: ended }: SeenSegment, bytes: readonly (Buffer | undefined)[]): void {
    const target = this.#partTargetS;
    if (target === undefined) return;
    parts.forEach((part, i) => {
      if (part.durationS > target + tickS / 2) {
        const words = `${part.uri} takes ${part.durationS} s`;
        if (this.#videoOf(bytes[i])?.length === 1) this.#report.note('part-target', words);
        else this.#report.problem('part-target', words);
      }
      const next = parts[i + 1];
      const last = next === undefined && ended !== undefined;
      if (last || next === undefined || part.durationS >= 0.85 * target - tickS || exempt(part)) return;
      const words = `${part.uri} takes ${part.durationS} s, less than 85 % of ${target}`;
      const first = this.#videoOf(bytes[i + 1])?.[0];
      const fits = first === undefined || part.durationS + first.duration * tickS <= target;
      if (fits) this.#report.problem('part-minimum', words);
      else this.#report.note('part-minimum', words);
    });
  }

  #videoOf(bytes: Buffer | undefined): ReadSample[] | undefined {
    if (!bytes) return undefined;
    try {
      return videoOf(readFragments(bytes), 1);
    } catch {
      return undefined;
    }
  }

  /** Samples of the video track; undefined where it could not be read. */
  #piece(uri: string, bytes: Buffer, map: string | undefined): ReadSample[] | undefined {
    const tracks = this.#init(map);
    let fragments: ReadFragment[];
    try {
      fragments = readFragments(bytes);
      for (const fragment of fragments) this.#fragment(uri, fragment, tracks);
    } catch (error) {
      this.#report.problem('mp4', `${uri}: ${(error as Error).message}`);
      return undefined;
    }
    const video = videoOf(fragments, tracks?.find((track) => track.handler === 'vide')?.id ?? 1);
    if (video.length > 0) return video;
    this.#report.problem('mp4', `${uri} has no pictures`);
    return undefined;
  }

  #init(uri: string | undefined): ReadTrack[] | undefined {
    const bytes = uri === undefined ? undefined : this.#media.get(uri);
    if (!bytes) return undefined;
    const had = this.#inits.get(uri!);
    if (had) return had;
    let tracks: ReadTrack[] = [];
    try {
      tracks = readInit(bytes);
      for (const track of tracks) {
        const { id, extends: extended, handler, sps, pps, width, height } = track;
        if (track.timescale !== timescale) this.#report.problem('init', `${uri}: timescale ${track.timescale}`);
        if (!extended) this.#report.problem('init', `${uri}: track ${id} has no trex`);
        const whole = sps.length > 0 && pps.length > 0 && width > 0 && height > 0;
        if (handler === 'vide' && !whole) this.#report.problem('init', `${uri}: its video lacks parameters`);
      }
    } catch (error) {
      this.#report.problem('init', `${uri}: ${(error as Error).message}`);
    }
    this.#inits.set(uri!, tracks);
    return tracks;
  }

  #fragment(uri: string, { sequenceNumber, tracks, events }: ReadFragment, init: ReadTrack[] | undefined): void {
    if (this.#sequenceNumber !== undefined && sequenceNumber !== (this.#sequenceNumber + 1) % 2 ** 32) {
      this.#report.problem('sequence-number', `${uri}: ${sequenceNumber} follows ${this.#sequenceNumber}`);
    }
    this.#sequenceNumber = sequenceNumber;
    for (const event of events) {
      if (event.timescale !== timescale) this.#report.problem('emsg', `${uri}: timescale ${event.timescale}`);
    }
    for (const { id, samples } of tracks) {
      const track = init?.find((candidate) => candidate.id === id);
      if (init && !track) this.#report.problem('init', `${uri}: track ${id} is not in its InitSection`);
      const video = track ? track.handler === 'vide' : id === 1;
      if (samples.length === 0) this.#report.problem('mp4', `${uri}: a run without samples`);
      else this.#samples(uri, id, samples, video);
    }
  }

  #samples(uri: string, id: number, samples: readonly ReadSample[], video: boolean): void {
    const begins = samples[0]!.time;
    const expected = this.#ends.get(id);
    if (expected !== undefined && Math.abs(begins - expected) > (video ? 0 : audioSlack)) {
      this.#report.problem('continuity', `${uri}: track ${id} begins at ${begins} and not at ${expected}`);
    }
    const last = samples.at(-1)!;
    this.#ends.set(id, last.time + last.duration);
    for (const { duration, sync, data, time } of samples) {
      if (duration === 0) this.#report.problem('mp4', `${uri}: a sample at ${time} takes no time`);
      if (!video) continue;
      const types = nalTypes(data);
      if (types.includes(idr) !== sync) this.#report.problem('sync-flag', `${uri}: sample at ${time}`);
      const foreign = types.find((type) => type === delimiter || (!sync && parameterSets.includes(type)));
      if (foreign !== undefined) this.#report.problem('mp4', `${uri}: NAL unit ${foreign} in a sample of avc1`);
    }
  }
}

const exempt = (part: ReadPart): boolean => part.independent;

const videoOf = (fragments: readonly ReadFragment[], id: number): ReadSample[] =>
  fragments.flatMap((fragment) => fragment.tracks.filter((track) => track.id === id).flatMap((track) => track.samples));

const sum = (samples: readonly ReadSample[]): number => samples.reduce((total, sample) => total + sample.duration, 0);
