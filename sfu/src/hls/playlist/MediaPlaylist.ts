import { hlsNames, hlsPartHoldBackS, hlsTargetDurationS, hlsTimescale } from '@framelock/server/protocol';
import type { Part, Segment } from '../media.ts';
import { partTargetS } from '../mux/segmenterTypes.ts';

/** A Segment as the playlist, or whoever keeps one on disk, needs it. */
export type PlaylistEntry = Pick<
  Segment,
  'msn' | 'initIndex' | 'start' | 'duration' | 'discontinuity' | 'unixMs' | 'bytes'
>;

export interface MediaPlaylistOptions {
  /** Segments from before, e.g. of a Recording, with numbers that follow each other. */
  entries?: readonly PlaylistEntry[];
  /** Of the first Segment, where there are no `entries`. */
  firstMsn?: number;
  /** Segments with a discontinuity that are no longer in `entries`. */
  discontinuitySequence?: number;
  /** Nothing comes any more, and nothing is removed: EXT-X-PLAYLIST-TYPE:VOD. */
  vod?: boolean;
}

interface ListedPart {
  name: string;
  duration: number;
  independent: boolean;
}
interface Listed extends PlaylistEntry {
  parts: ListedPart[];
  /** Lines of the Segment without Parts, but for its EXT-X-MAP where the one before it has the same. */
  lines: string;
}

/** Parts further from the end are not listed (RFC 8216bis 6.2.2); also HOLD-BACK. */
const partWindowS = 3 * hlsTargetDurationS;
/** CAN-SKIP-UNTIL, at least six target durations (RFC 8216bis 4.4.3.8). */
const skipUntilS = 6 * hlsTargetDurationS;
/** A live playlist is never shorter (RFC 8216bis 6.2.2). */
const minWindowTicks = 3 * hlsTargetDurationS * hlsTimescale;

/** Segments and Parts of a Publication as clients may know of them, and the text of it (RFC 8216bis). */
export class MediaPlaylist {
  readonly #vod: boolean;
  readonly #onChange = new Set<() => void>();
  #listed: Listed[] = [];
  #open: Listed | undefined;
  #ended: boolean;
  /** Of the first Segment that is, or will be, listed. */
  #first: number;
  #removedDiscontinuities: number;
  #ticks = 0;
  #rendered: { lowLatency?: string; delta?: string; plain?: string } = {};

  constructor(options: MediaPlaylistOptions = {}) {
    this.#vod = options.vod ?? false;
    this.#ended = this.#vod;
    this.#first = options.entries?.[0]?.msn ?? options.firstMsn ?? 0;
    this.#removedDiscontinuities = options.discontinuitySequence ?? 0;
    for (const entry of options.entries ?? []) this.#list({ ...entry, parts: [], lines: '' });
  }

  get ended(): boolean {
    return this.#ended;
  }
  /** Number of the first Segment in it; of the next one while there is none. */
  get first(): number {
    return this.#first;
  }
  /** Number of the last full Segment; one before `first` while there is none. */
  get last(): number {
    return this.#first + this.#listed.length - 1;
  }
  /** Parts of the Segment behind `last`. */
  get openParts(): number {
    return this.#open?.parts.length ?? 0;
  }
  get durationS(): number {
    return this.#ticks / hlsTimescale;
  }
  /** Value of EXT-X-DISCONTINUITY-SEQUENCE. */
  get discontinuitySequence(): number {
    return this.#removedDiscontinuities;
  }
  /** Of the last full Segment (RFC 8216bis 4.4.3.3): what a playlist that goes on without these Segments begins with. */
  get lastDiscontinuitySequence(): number {
    return this.#removedDiscontinuities + this.#listed.filter((entry) => entry.discontinuity).length;
  }
  /** Full Segments, the first one first. */
  get entries(): readonly PlaylistEntry[] {
    return this.#listed;
  }

  /** Called after every change. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  /** A Part of the Segment behind `last` can be fetched. Not for the last one of a Segment: `addSegment` knows it. */
  addPart(part: Part, segment: Segment): void {
    if (this.#ended || segment.msn !== this.last + 1) throw new Error(`Segment ${segment.msn} follows ${this.last}`);
    this.#open ??= listedOf(segment);
    if (part.index !== this.#open.parts.length) throw new Error(`Part ${part.index} of ${this.#open.parts.length}`);
    this.#open.parts.push(listedPart(part));
    this.#changed();
  }

  /** A Segment and all of its Parts can be fetched. */
  addSegment(segment: Segment): void {
    if (this.#ended || segment.msn !== this.last + 1) throw new Error(`Segment ${segment.msn} follows ${this.last}`);
    const listed = listedOf(segment);
    // A tag that clients have seen the Segment without does not come up later.
    if (this.#open) listed.unixMs = this.#open.unixMs;
    listed.parts = segment.parts.map(listedPart);
    this.#open = undefined;
    this.#list(listed);
    this.#forgetParts();
    this.#changed();
  }

  /**
   * Takes Segments before `msn` out, as far as what is left keeps three target durations. Returns the number of the
   * first Segment that is still listed: media before it may go as soon as nobody can be reading it any more.
   */
  removeBefore(msn: number): number {
    let count = 0;
    let discontinuities = 0;
    let ticks = this.#ticks;
    for (const entry of this.#listed) {
      if (entry.msn >= msn || (!this.#ended && ticks - entry.duration < minWindowTicks)) break;
      ticks -= entry.duration;
      if (entry.discontinuity) discontinuities++;
      count++;
    }
    if (count === 0) return this.#first;
    this.#listed.splice(0, count);
    this.#first += count;
    this.#ticks = ticks;
    this.#removedDiscontinuities += discontinuities;
    this.#changed();
    return this.#first;
  }

  /** Nothing comes any more. Parts of a Segment that never became full are taken back. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#open = undefined;
    this.#changed();
  }

  /**
   * It has what a reload asks for (RFC 8216bis 6.2.5.2): the Segment, or its Part. A Part behind a Segment's last one
   * means the first Part of the next Segment.
   */
  has(msn: number, part?: number): boolean {
    if (msn < this.#first) return this.last >= this.#first;
    if (part === undefined || msn < this.last) return msn <= this.last;
    if (msn === this.last) return part < this.#listed.at(-1)!.parts.length || this.openParts > 0;
    return msn === this.last + 1 && part < this.openParts;
  }

  /** With Parts, for clients that know them. */
  lowLatency(): string {
    return (this.#rendered.lowLatency ??= this.#render(0));
  }

  /** EXT-X-SKIP in the place of what is older than the skip boundary; the full text where nothing is, or it has ended. */
  delta(): string {
    return (this.#rendered.delta ??= this.#render(this.#skippable()));
  }

  /** Without anything of low latency. */
  plain(): string {
    return (this.#rendered.plain ??= this.#renderPlain());
  }

  /** Bits per second of media: of the Segment with the most, and over all. */
  bitrates(): { peakBps: number; averageBps: number } {
    let [peakBps, bytes] = [0, 0];
    for (const entry of this.#listed) {
      bytes += entry.bytes;
      peakBps = Math.max(peakBps, (entry.bytes * 8 * hlsTimescale) / entry.duration);
    }
    return { peakBps, averageBps: this.#ticks === 0 ? 0 : (bytes * 8 * hlsTimescale) / this.#ticks };
  }

  #list(listed: Listed): void {
    listed.lines = segmentTags(listed) + segmentLines(listed);
    this.#listed.push(listed);
    this.#ticks += listed.duration;
  }

  #changed(): void {
    this.#rendered = {};
    for (const listener of this.#onChange) listener();
  }

  #forgetParts(): void {
    let behind = 0;
    for (let i = this.#listed.length - 1; i >= 0; i--) {
      const entry = this.#listed[i]!;
      behind += entry.duration;
      // The last Segment keeps them: a reload asks how many it has.
      if (i === this.#listed.length - 1 || behind <= partWindowS * hlsTimescale) continue;
      if (entry.parts.length === 0) return;
      entry.parts = [];
    }
  }

  /** Segments that are further from the end of the last one than the skip boundary. */
  #skippable(): number {
    if (this.#ended) return 0;
    let behind = 0;
    let i = this.#listed.length;
    while (i > 0 && behind <= skipUntilS * hlsTimescale) behind += this.#listed[--i]!.duration;
    return i;
  }

  #render(skip: number): string {
    const control = `CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${hlsPartHoldBackS},CAN-SKIP-UNTIL=${skipUntilS},HOLD-BACK=${partWindowS}`;
    let text = this.#head(9) + `#EXT-X-SERVER-CONTROL:${control}\n#EXT-X-PART-INF:PART-TARGET=${partTargetS}\n`;
    if (skip > 0) text += `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skip}\n`;
    let initIndex = -1;
    for (let i = skip; i < this.#listed.length; i++) {
      const entry = this.#listed[i]!;
      // Also behind a skip: a client need not know which of those it has seen was the last.
      if (entry.initIndex !== initIndex) text += mapLine(entry.initIndex);
      initIndex = entry.initIndex;
      text += entry.parts.length === 0 ? entry.lines : segmentTags(entry) + partLines(entry) + segmentLines(entry);
    }
    if (this.#ended) return `${text}#EXT-X-ENDLIST\n`;
    if (this.#open) {
      if (this.#open.initIndex !== initIndex) text += mapLine(this.#open.initIndex);
      text += segmentTags(this.#open) + partLines(this.#open);
    }
    return `${text}#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${hlsNames.part(this.last + 1, this.openParts)}"\n`;
  }

  #renderPlain(): string {
    let text = this.#head(7);
    if (this.#vod) text += '#EXT-X-PLAYLIST-TYPE:VOD\n';
    let initIndex = -1;
    for (const entry of this.#listed) {
      if (entry.initIndex !== initIndex) text += mapLine(entry.initIndex);
      initIndex = entry.initIndex;
      text += entry.lines;
    }
    return this.#ended ? `${text}#EXT-X-ENDLIST\n` : text;
  }

  #head(version: number): string {
    return (
      `#EXTM3U\n#EXT-X-VERSION:${version}\n#EXT-X-TARGETDURATION:${hlsTargetDurationS}\n` +
      `#EXT-X-MEDIA-SEQUENCE:${this.#first}\n#EXT-X-DISCONTINUITY-SEQUENCE:${this.#removedDiscontinuities}\n`
    );
  }
}

const listedOf = ({ msn, initIndex, start, duration, discontinuity, unixMs, bytes }: Segment): Listed => ({
  msn,
  initIndex,
  start,
  duration,
  discontinuity,
  unixMs,
  bytes,
  parts: [],
  lines: '',
});

const listedPart = ({ msn, index, duration, independent }: Part): ListedPart => ({
  name: hlsNames.part(msn, index),
  duration,
  independent,
});

const mapLine = (initIndex: number): string => `#EXT-X-MAP:URI="${hlsNames.init(initIndex)}"\n`;

/** Five digits tell ticks apart. */
const seconds = (ticks: number): string => (ticks / hlsTimescale).toFixed(5);

function segmentTags({ discontinuity, unixMs }: PlaylistEntry): string {
  const date = unixMs === undefined ? '' : `#EXT-X-PROGRAM-DATE-TIME:${new Date(unixMs).toISOString()}\n`;
  return (discontinuity ? '#EXT-X-DISCONTINUITY\n' : '') + date;
}

const segmentLines = ({ msn, duration }: PlaylistEntry): string =>
  `#EXTINF:${seconds(duration)},\n${hlsNames.segment(msn)}\n`;

function partLines({ parts }: Listed): string {
  let text = '';
  for (const { name, duration, independent } of parts) {
    text += `#EXT-X-PART:DURATION=${seconds(duration)},URI="${name}"${independent ? ',INDEPENDENT=YES' : ''}\n`;
  }
  return text;
}
