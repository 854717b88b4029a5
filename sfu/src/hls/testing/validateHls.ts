import { checkMedia } from './checkMedia.ts';
import { readPlaylist, type ReadPart, type ReadPlaylist, type ReadSegment } from './readPlaylist.ts';

/** Delivery directives of the request that a playlist answered. */
export interface PlaylistRequest {
  msn?: number;
  part?: number;
  skip?: boolean;
}

/** What has been seen of a Segment, in whatever playlist. */
export interface SeenSegment extends Omit<ReadSegment, 'uri' | 'durationS'> {
  /** Of the EXTINF; undefined while only Parts of it were listed. */
  uri: string | undefined;
  durationS: number | undefined;
  discontinuitySequence: number;
}

const maxProblems = 200;
/** EXTINF and DURATION have five digits. */
const roundingS = 0.000_02;

/**
 * Checks one client's view of one Publication: every playlist in the order of its answers, every piece of media that
 * it fetched. Rules are named at the begin of each problem; RFC 8216bis unless said otherwise. `notes`: what a strict
 * reader may dislike and pictures make unavoidable.
 */
export class HlsValidator {
  readonly problems: string[] = [];
  readonly notes: string[] = [];
  readonly #seen = new Map<number, SeenSegment>();
  readonly #media = new Map<string, Buffer>();
  readonly #last = new Map<'lowLatency' | 'plain', ReadPlaylist>();
  /** URI of a hinted Part by its place, until that is filled. */
  readonly #hints = new Map<string, { msn: number; index: number; uri: string }>();
  #targetDurationS: number | undefined;
  #partTargetS: number | undefined;
  #firstSequence: number | undefined;
  #ended = false;

  /** Returns it as read, or undefined where it can not be. */
  playlist(text: string, request: PlaylistRequest = {}): ReadPlaylist | undefined {
    let read: ReadPlaylist;
    try {
      read = readPlaylist(text);
    } catch (error) {
      this.#problem('syntax', (error as Error).message);
      return undefined;
    }
    const kind = read.control ? 'lowLatency' : 'plain';
    this.#checkHeader(read);
    if (kind === 'lowLatency') this.#checkControl(read);
    else this.#checkPlain(read);
    this.#checkHints(read, kind);
    this.#checkSkip(read, request);
    this.#checkRequest(read, request);
    this.#checkProgress(read, this.#last.get(kind));
    this.#remember(read);
    this.#checkWindow(read);
    this.#checkHintsAnswered();
    this.#last.set(kind, read);
    this.#ended ||= read.ended;
    return read;
  }

  /** InitSection, Part or Segment, by its URI as the playlist has it. */
  media(uri: string, bytes: Buffer): void {
    const had = this.#media.get(uri);
    if (had && !had.equals(bytes)) this.#problem('immutable', `${uri} has other bytes than before`);
    this.#media.set(uri, bytes);
  }

  /** What needs everything. `complete`: all media that were listed have been given. Returns the problems. */
  finish({ complete = false }: { complete?: boolean } = {}): string[] {
    const segments = [...this.#seen.values()].sort((a, b) => a.msn - b.msn);
    if (complete) {
      for (const { uri, map, parts } of segments) {
        for (const listed of [uri, map, ...parts.map((part) => part.uri)]) {
          if (listed !== undefined && !this.#media.has(listed)) this.#problem('missing', `${listed} was not given`);
        }
      }
    }
    checkMedia(segments, this.#media, this.#partTargetS, {
      problem: (rule, words) => this.#problem(rule, words),
      note: (rule, words) => this.#note(rule, words),
    });
    return this.problems;
  }

  #problem(rule: string, words: string): void {
    if (this.problems.length < maxProblems) this.problems.push(`${rule}: ${words}`);
  }

  #note(rule: string, words: string): void {
    if (this.notes.length < maxProblems) this.notes.push(`${rule}: ${words}`);
  }

  #checkHeader(read: ReadPlaylist): void {
    const { targetDurationS, partTargetS, version } = read;
    this.#targetDurationS ??= targetDurationS;
    if (targetDurationS !== this.#targetDurationS) this.#problem('target-duration', `changed to ${targetDurationS}`);
    this.#partTargetS ??= partTargetS;
    if (partTargetS !== undefined && partTargetS !== this.#partTargetS) {
      this.#problem('part-target', `changed to ${partTargetS}`);
    }
    const needed = read.tags.has('EXT-X-SKIP') ? 9 : 6;
    if (version < needed) this.#problem('version', `${version}, needs ${needed}`);
    for (const { durationS, msn, map, parts } of read.segments) {
      if (Math.round(durationS) > targetDurationS) {
        this.#problem('target-duration', `Segment ${msn} takes ${durationS} of ${targetDurationS} s`);
      }
      if (map === undefined) this.#problem('map', `Segment ${msn} has no EXT-X-MAP`);
      const sum = parts.reduce((total, part) => total + part.durationS, 0);
      if (parts.length > 0 && Math.abs(sum - durationS) > roundingS * (parts.length + 1)) {
        this.#problem('part-sum', `Segment ${msn} takes ${durationS} s, its Parts ${sum}`);
      }
    }
    if (read.open.parts.length > 0 && read.open.map === undefined) this.#problem('map', 'Parts have no EXT-X-MAP');
  }

  #checkControl(read: ReadPlaylist): void {
    const control = read.control!;
    const atLeast = (name: string, least: number): void => {
      const value = Number(control.get(name));
      if (!(value >= least - 1e-9)) this.#problem('server-control', `${name} is ${value}, needs ${least}`);
    };
    if (control.get('CAN-BLOCK-RELOAD') !== 'YES') this.#problem('server-control', 'no CAN-BLOCK-RELOAD');
    if (read.partTargetS === undefined) return this.#problem('part-target', 'no EXT-X-PART-INF');
    atLeast('PART-HOLD-BACK', 3 * read.partTargetS);
    atLeast('HOLD-BACK', 3 * read.targetDurationS);
    atLeast('CAN-SKIP-UNTIL', 6 * read.targetDurationS);
    // 6.2.2, with room for the Segment that lies across the border and for the one that grows.
    let behindS = 0;
    for (const { durationS, parts, msn } of [...read.segments].reverse()) {
      if (parts.length > 0 && behindS > 3 * read.targetDurationS) {
        this.#problem('part-window', `Segment ${msn} lists Parts ${behindS.toFixed(1)} s from the end`);
      }
      behindS += durationS;
    }
  }

  #checkPlain(read: ReadPlaylist): void {
    for (const tag of ['EXT-X-PART-INF', 'EXT-X-PART', 'EXT-X-PRELOAD-HINT', 'EXT-X-SKIP']) {
      if (read.tags.has(tag)) this.#problem('plain', `${tag} without EXT-X-SERVER-CONTROL`);
    }
  }

  #checkHints(read: ReadPlaylist, kind: 'lowLatency' | 'plain'): void {
    const expected = kind === 'lowLatency' && !read.ended ? 1 : 0;
    if (read.hints.length !== expected) this.#problem('hint', `${read.hints.length} hints for a Part`);
    if (read.ended && read.open.parts.length > 0) this.#problem('ended', 'Parts without a Segment at the end');
    const uri = read.hints[0];
    const place = { msn: read.open.msn, index: read.open.parts.length };
    if (uri !== undefined) this.#hints.set(`${place.msn}/${place.index}`, { ...place, uri });
  }

  /** 4.4.5.2, 6.2.5.1 */
  #checkSkip(read: ReadPlaylist, request: PlaylistRequest): void {
    const untilS = Number(read.control?.get('CAN-SKIP-UNTIL'));
    const behindFirstS = read.segments.slice(1).reduce((sum, segment) => sum + segment.durationS, 0);
    if (read.skipped === 0) {
      if (read.tags.has('EXT-X-SKIP')) this.#problem('delta', 'skips nothing');
      if (request.skip && !read.ended && behindFirstS > untilS)
        this.#problem('delta', 'was asked for and did not come');
      return;
    }
    if (!request.skip) this.#problem('delta', 'nobody asked for it');
    if (read.ended) this.#problem('delta', 'of a playlist that has ended');
    if (behindFirstS > untilS) this.#problem('delta', `Segment ${read.segments[0]?.msn} had to be skipped`);
    if (behindFirstS + (read.segments[0]?.durationS ?? 0) < untilS) {
      this.#problem('delta', `skips what is less than ${untilS} s from the end`);
    }
    for (let msn = read.mediaSequence; msn < read.mediaSequence + read.skipped; msn++) {
      if (this.#seen.get(msn)?.uri === undefined)
        this.#problem('delta', `skips Segment ${msn}, which was never listed`);
    }
  }

  /** 6.2.5.2 */
  #checkRequest(read: ReadPlaylist, { msn, part }: PlaylistRequest): void {
    if (msn === undefined || read.ended) return;
    const { open, segments } = read;
    const lastParts = segments.at(-1)?.parts.length ?? 0;
    let has = msn < open.msn;
    if (part !== undefined && msn === open.msn) has = part < open.parts.length;
    if (part !== undefined && msn === open.msn - 1) has = part < lastParts || open.parts.length > 0;
    if (!has) this.#problem('blocking', `Segment ${msn} Part ${part ?? '-'} was waited for and is not there`);
  }

  #checkProgress(read: ReadPlaylist, before: ReadPlaylist | undefined): void {
    this.#firstSequence ??= read.mediaSequence;
    if (!before) return;
    if (read.mediaSequence < before.mediaSequence) {
      this.#problem('media-sequence', `${before.mediaSequence} became ${read.mediaSequence}`);
    }
    if (read.discontinuitySequence < before.discontinuitySequence) {
      this.#problem('discontinuity-sequence', `${before.discontinuitySequence} became ${read.discontinuitySequence}`);
    }
    const behind = read.open.msn - before.open.msn || read.open.parts.length - before.open.parts.length;
    if (behind < 0 && !(read.ended && read.open.msn === before.open.msn)) {
      this.#problem('vanished', `Segment ${before.open.msn} Part ${before.open.parts.length} was the end before`);
    }
    if (before.ended && !read.ended) this.#problem('ended', 'it goes on');
  }

  #remember(read: ReadPlaylist): void {
    let sequence = read.discontinuitySequence;
    for (let msn = read.mediaSequence; msn < read.mediaSequence + read.skipped; msn++) {
      if (this.#seen.get(msn)?.discontinuity) sequence++;
    }
    const open = { ...read.open, uri: undefined, durationS: undefined };
    for (const segment of [...read.segments, ...(open.parts.length > 0 ? [open] : [])]) {
      if (segment.discontinuity) sequence++;
      this.#compare({ ...segment, discontinuitySequence: sequence });
    }
  }

  #compare(now: SeenSegment): void {
    const before = this.#seen.get(now.msn);
    if (!before) {
      this.#seen.set(now.msn, now);
      return;
    }
    for (const name of ['uri', 'durationS', 'map', 'discontinuity', 'dateTime'] as const) {
      const grew = before[name] === undefined && (name === 'uri' || name === 'durationS');
      if (before[name] !== now[name] && !grew && now[name] !== undefined) {
        this.#problem('changed', `${name} of Segment ${now.msn}: ${before[name]} became ${now[name]}`);
      } else if (before[name] !== undefined && now[name] === undefined && !(name === 'uri' || name === 'durationS')) {
        this.#problem('changed', `${name} of Segment ${now.msn} is gone`);
      }
    }
    if (before.discontinuitySequence !== now.discontinuitySequence) {
      const { discontinuitySequence: was } = before;
      this.#problem('discontinuity-sequence', `Segment ${now.msn}: ${was} became ${now.discontinuitySequence}`);
    }
    this.#seen.set(now.msn, { ...now, uri: now.uri ?? before.uri, durationS: now.durationS ?? before.durationS, parts: this.#mergeParts(before, now) }); // prettier-ignore
  }

  #mergeParts(before: SeenSegment, now: SeenSegment): ReadPart[] {
    if (now.parts.length === 0) return before.parts;
    const shared = Math.min(before.parts.length, now.parts.length);
    for (let i = 0; i < shared; i++) {
      const [was, is] = [before.parts[i]!, now.parts[i]!];
      if (was.uri !== is.uri || was.durationS !== is.durationS || was.independent !== is.independent) {
        this.#problem('changed', `Part ${i} of Segment ${now.msn}`);
      }
    }
    if (now.parts.length < before.parts.length) this.#problem('vanished', `a Part of Segment ${now.msn}`);
    if (before.uri !== undefined && before.parts.length > 0 && now.parts.length > before.parts.length) {
      this.#problem('changed', `Segment ${now.msn} got a Part after its end`);
    }
    return now.parts.length > before.parts.length ? now.parts : before.parts;
  }

  /** 6.2.2: at least three target durations are left. */
  #checkWindow(read: ReadPlaylist): void {
    if (read.ended || read.mediaSequence === this.#firstSequence) return;
    let durationS = 0;
    for (let msn = read.mediaSequence; msn < read.open.msn; msn++) durationS += this.#seen.get(msn)?.durationS ?? 0;
    if (durationS < 3 * read.targetDurationS - roundingS) this.#problem('window', `only ${durationS} s are left`);
  }

  #checkHintsAnswered(): void {
    for (const [place, { msn, index, uri }] of this.#hints) {
      const segment = this.#seen.get(msn);
      const part = segment?.parts[index];
      if (part) {
        if (part.uri !== uri) this.#problem('hint-answered', `${uri} was hinted at, ${part.uri} came`);
        this.#hints.delete(place);
      } else if (segment?.uri !== undefined && segment.parts.length > 0) {
        this.#problem('hint-answered', `${uri} was hinted at, and its Segment ended without`);
        this.#hints.delete(place);
      }
    }
    // One Segment is hinted at while another one ends: the older places can not be filled any more.
    while (this.#hints.size > 100) this.#hints.delete(this.#hints.keys().next().value!);
  }
}
