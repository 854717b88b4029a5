/** A media playlist as a client reads it (RFC 8216bis); knows nothing of what wrote it. */
export interface ReadPlaylist {
  version: number;
  targetDurationS: number;
  mediaSequence: number;
  discontinuitySequence: number;
  control: Map<string, string> | undefined;
  partTargetS: number | undefined;
  /** SKIPPED-SEGMENTS. */
  skipped: number;
  /** Those that are written out: the first has number `mediaSequence + skipped`. */
  segments: ReadSegment[];
  /** Parts behind the last Segment, and the tags before them. */
  open: Omit<ReadSegment, 'uri' | 'durationS'>;
  hints: string[];
  ended: boolean;
  tags: Set<string>;
}

export interface ReadPart {
  uri: string;
  durationS: number;
  independent: boolean;
}

export interface ReadSegment {
  msn: number;
  uri: string;
  durationS: number;
  /** URI of the EXT-X-MAP that applies. */
  map: string | undefined;
  discontinuity: boolean;
  dateTime: string | undefined;
  parts: ReadPart[];
}

const known = new Set(
  (
    'EXTM3U EXT-X-VERSION EXT-X-TARGETDURATION EXT-X-MEDIA-SEQUENCE EXT-X-DISCONTINUITY-SEQUENCE EXT-X-SERVER-CONTROL ' +
    'EXT-X-PART-INF EXT-X-SKIP EXT-X-MAP EXT-X-DISCONTINUITY EXT-X-PROGRAM-DATE-TIME EXT-X-PART EXTINF ' +
    'EXT-X-PRELOAD-HINT EXT-X-ENDLIST EXT-X-PLAYLIST-TYPE EXT-X-INDEPENDENT-SEGMENTS'
  ).split(' '),
);

/** Throws an Error with the line that a strict client would stop at. */
export function readPlaylist(text: string): ReadPlaylist {
  const lines = text.split('\n');
  if (lines[0] !== '#EXTM3U') throw new Error('it does not begin with #EXTM3U');
  if (lines.at(-1) !== '') throw new Error('its last line does not end');
  const reader = new PlaylistReader();
  for (const line of lines.slice(0, -1)) reader.line(line);
  return reader.end();
}

class PlaylistReader {
  readonly #read: ReadPlaylist = {
    version: 1,
    targetDurationS: NaN,
    mediaSequence: 0,
    discontinuitySequence: 0,
    control: undefined,
    partTargetS: undefined,
    skipped: 0,
    segments: [],
    open: { msn: 0, map: undefined, discontinuity: false, dateTime: undefined, parts: [] },
    hints: [],
    ended: false,
    tags: new Set(),
  };
  #map: string | undefined;
  #durationS: number | undefined;
  #next = this.#read.open;

  line(line: string): void {
    if (line === '') return;
    if (!line.startsWith('#')) return this.#uri(line);
    if (!line.startsWith('#EXT')) return;
    const [, tag = '', value = ''] = /^#([A-Z0-9-]+):?(.*)$/.exec(line) ?? [];
    if (!known.has(tag)) throw new Error(`unknown tag: ${line}`);
    this.#read.tags.add(tag);
    this.#tag(tag, value, line);
  }

  end(): ReadPlaylist {
    if (this.#durationS !== undefined) throw new Error('an EXTINF has no URI');
    if (Number.isNaN(this.#read.targetDurationS)) throw new Error('no EXT-X-TARGETDURATION');
    this.#next.map ??= this.#map;
    this.#next.msn = this.#number();
    this.#read.open = this.#next;
    return this.#read;
  }

  #number(): number {
    return this.#read.mediaSequence + this.#read.skipped + this.#read.segments.length;
  }

  #uri(uri: string): void {
    if (this.#durationS === undefined) throw new Error(`a URI without EXTINF: ${uri}`);
    this.#read.segments.push({ ...this.#next, msn: this.#number(), map: this.#map, uri, durationS: this.#durationS });
    this.#durationS = undefined;
    this.#next = { msn: 0, map: undefined, discontinuity: false, dateTime: undefined, parts: [] };
  }

  #tag(tag: string, value: string, line: string): void {
    const read = this.#read;
    const applied = ['EXT-X-DISCONTINUITY', 'EXT-X-MAP', 'EXT-X-PROGRAM-DATE-TIME'];
    if (applied.includes(tag) && this.#next.parts.length > 0) throw new Error(`behind the first Part: ${line}`);
    const header = ['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE', 'EXT-X-SKIP'];
    if (header.includes(tag) && read.segments.length > 0) throw new Error(`behind the first Segment: ${line}`);
    if (tag === 'EXT-X-VERSION') read.version = wholeNumber(value, line);
    else if (tag === 'EXT-X-TARGETDURATION') read.targetDurationS = wholeNumber(value, line);
    else if (tag === 'EXT-X-MEDIA-SEQUENCE') read.mediaSequence = wholeNumber(value, line);
    else if (tag === 'EXT-X-DISCONTINUITY-SEQUENCE') read.discontinuitySequence = wholeNumber(value, line);
    else if (tag === 'EXT-X-SERVER-CONTROL') read.control = attributes(value, line);
    else if (tag === 'EXT-X-PART-INF') read.partTargetS = decimal(attributes(value, line).get('PART-TARGET'), line);
    else if (tag === 'EXT-X-SKIP') read.skipped = wholeNumber(attributes(value, line).get('SKIPPED-SEGMENTS'), line);
    else if (tag === 'EXT-X-MAP') this.#map = required(attributes(value, line).get('URI'), line);
    else if (tag === 'EXT-X-DISCONTINUITY') this.#next.discontinuity = true;
    else if (tag === 'EXT-X-PROGRAM-DATE-TIME') this.#next.dateTime = date(value, line);
    else if (tag === 'EXT-X-PART') this.#part(value, line);
    else if (tag === 'EXTINF') this.#durationS = decimal(value.split(',')[0], line);
    else if (tag === 'EXT-X-ENDLIST') read.ended = true;
    else if (tag === 'EXT-X-PRELOAD-HINT') {
      const hint = attributes(value, line);
      if (hint.get('TYPE') === 'PART') read.hints.push(required(hint.get('URI'), line));
    }
  }

  #part(value: string, line: string): void {
    const part = attributes(value, line);
    this.#next.map = this.#map;
    this.#next.parts.push({
      uri: required(part.get('URI'), line),
      durationS: decimal(part.get('DURATION'), line),
      independent: part.get('INDEPENDENT') === 'YES',
    });
  }
}

function attributes(value: string, line: string): Map<string, string> {
  const found = new Map<string, string>();
  const pattern = /([A-Z0-9-]+)=("[^"]*"|[^",]+)(,|$)/y;
  while (pattern.lastIndex < value.length) {
    const match = pattern.exec(value);
    if (!match) throw new Error(`not an attribute list: ${line}`);
    found.set(match[1]!, match[2]!.replace(/^"|"$/g, ''));
  }
  return found;
}

function required(value: string | undefined, line: string): string {
  if (!value) throw new Error(`an attribute is missing: ${line}`);
  return value;
}

function wholeNumber(value: string | undefined, line: string): number {
  if (!/^\d{1,15}$/.test(value ?? '')) throw new Error(`not a whole number: ${line}`);
  return Number(value);
}

function decimal(value: string | undefined, line: string): number {
  if (!/^\d+(\.\d+)?$/.test(value ?? '')) throw new Error(`not a decimal number: ${line}`);
  return Number(value);
}

function date(value: string, line: string): string {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) throw new Error(`not a date: ${line}`);
  return value;
}
