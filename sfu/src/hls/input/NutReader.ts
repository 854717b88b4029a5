/** One frame of a NUT stream. */
export interface NutPacket {
  stream: number;
  /** In the stream's time base. */
  pts: number;
  data: Buffer;
}

export interface NutStream {
  id: number;
  timeBase: { numerator: number; denominator: number };
  /** `codec_specific_data`, e.g. an AudioSpecificConfig. */
  config: Buffer;
}

export interface NutEvents {
  onStream(stream: NutStream): void;
  onPacket(packet: NutPacket): void;
}

interface FrameCode {
  flags: number;
  stream: number;
  sizeFactor: number;
  size: number;
  ptsStep: number;
  reserved: number;
  header: number;
}

interface StreamState extends NutStream {
  ptsShift: number;
  lastPts: number;
}

const fileId = 'nut/multimedia container\0';
const startCodes = {
  main: '4e4d7a561f5f04ad',
  stream: '4e5311405bf2f9db',
  syncpoint: '4e4be4adeeca4569',
} as const;
const flag = {
  codedPts: 8,
  streamId: 16,
  sizeFactor: 32,
  checksum: 64,
  reserved: 128,
  header: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
} as const;
const maxPacketBytes = 16 * 1024 * 1024;
/** First byte of every start code; no frame begins with it. */
const letterN = 0x4e;

/**
 * Reads FFmpeg's NUT as it comes out of a pipe (nut.txt of the NUT specification, version 3): of the containers that
 * FFmpeg writes, the one that holds no frame back and has exact times. Throws RangeError on anything else.
 */
export class NutReader {
  readonly #events: NutEvents;
  readonly #streams: StreamState[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #at = 0;
  #begun = false;
  #timeBases: NutStream['timeBase'][] = [];
  #codes: (FrameCode | undefined)[] = [];
  #headers: Buffer[] = [];

  constructor(events: NutEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let begin = 0;
    try {
      for (;;) {
        this.#at = begin;
        if (begin === this.#pending.length) break;
        this.#readElement();
        begin = this.#at;
      }
    } catch (error) {
      if (error !== needsMore) throw error;
    }
    this.#pending = this.#pending.subarray(begin);
    if (this.#pending.length > maxPacketBytes) throw new RangeError('a NUT packet is too long');
  }

  #readElement(): void {
    if (!this.#begun) {
      const id = this.#take(fileId.length);
      if (id.toString('latin1') !== fileId) throw new RangeError('this is no NUT');
      this.#begun = true;
    } else if (this.#pending[this.#at] === letterN) this.#readPacket();
    else this.#readFrame();
  }

  #readPacket(): void {
    const code = this.#take(8).toString('hex');
    const bytes = this.#unsigned();
    if (bytes > maxPacketBytes) throw new RangeError('a NUT packet is too long');
    if (bytes > 4096) this.#take(4);
    const end = this.#at + bytes;
    if (end > this.#pending.length) throw needsMore;
    if (code === startCodes.main) this.#readMain(end);
    else if (code === startCodes.stream) this.#readStream();
    else if (code === startCodes.syncpoint) this.#readSyncpoint();
    // Index, info, and what the specification lets readers step over.
    this.#at = end;
  }

  #readMain(end: number): void {
    const version = this.#unsigned();
    if (version !== 3) throw new RangeError(`this is NUT ${version}`);
    this.#unsigned(); // stream_count
    this.#unsigned(); // max_distance
    this.#timeBases = Array.from({ length: this.#count(1024) }, () => ({
      numerator: this.#unsigned(),
      denominator: this.#unsigned(),
    }));
    this.#codes = this.#readCodes();
    this.#headers = [Buffer.alloc(0)];
    if (end > this.#at + 4) {
      const more = this.#count(127);
      for (let i = 0; i < more; i++) this.#headers.push(Buffer.from(this.#take(this.#count(1024))));
    }
  }

  #readCodes(): (FrameCode | undefined)[] {
    const codes: (FrameCode | undefined)[] = [];
    let [ptsStep, sizeFactor, stream, header] = [0, 1, 0, 0];
    while (codes.length < 256) {
      const flags = this.#unsigned();
      const fields = this.#count(1024);
      if (fields > 0) ptsStep = this.#signed();
      if (fields > 1) sizeFactor = this.#unsigned();
      if (fields > 2) stream = this.#unsigned();
      const size = fields > 3 ? this.#unsigned() : 0;
      const reserved = fields > 4 ? this.#unsigned() : 0;
      const count = fields > 5 ? this.#unsigned() : sizeFactor - size;
      if (fields > 6) this.#signed(); // match_time_delta
      if (fields > 7) header = this.#unsigned();
      for (let i = 8; i < fields; i++) this.#unsigned();
      if (count < 1 || count > 256) throw new RangeError('a NUT frame code is wrong');
      for (let i = 0; i < count && codes.length < 256;) {
        if (codes.length === letterN) codes.push(undefined);
        else codes.push({ flags, stream, sizeFactor, size: size + i++, ptsStep, reserved, header });
      }
    }
    return codes;
  }

  #readStream(): void {
    const id = this.#count(255);
    this.#unsigned(); // class
    this.#take(this.#count(256)); // fourcc
    const timeBase = this.#timeBases[this.#unsigned()];
    const ptsShift = this.#count(32);
    this.#unsigned(); // max_pts_distance
    this.#unsigned(); // decode_delay
    this.#unsigned(); // stream_flags
    const config = Buffer.from(this.#take(this.#count(maxPacketBytes)));
    if (!timeBase) throw new RangeError('a NUT stream has no time base');
    // Headers are repeated now and then.
    if (this.#streams[id]) return;
    this.#streams[id] = { id, timeBase, config, ptsShift, lastPts: 0 };
    this.#events.onStream({ id, timeBase, config });
  }

  /** Times of frames are counted from here. */
  #readSyncpoint(): void {
    const coded = this.#unsigned();
    const from = this.#timeBases[coded % Math.max(1, this.#timeBases.length)];
    if (!from) throw new RangeError('a NUT syncpoint comes before its header');
    const pts = Math.floor(coded / this.#timeBases.length);
    for (const stream of this.#streams) {
      if (!stream) continue;
      const { numerator, denominator } = stream.timeBase;
      const same = numerator === from.numerator && denominator === from.denominator;
      stream.lastPts = same ? pts : Math.floor((pts * from.numerator * denominator) / (from.denominator * numerator));
    }
  }

  #readFrame(): void {
    const code = this.#codes[this.#take(1)[0]!];
    if (!code) throw new RangeError('a NUT frame has no code');
    let { flags } = code;
    if (flags & flag.coded) flags ^= this.#unsigned();
    if (flags & flag.invalid) throw new RangeError('a NUT frame is invalid');
    const stream = this.#streams[flags & flag.streamId ? this.#unsigned() : code.stream];
    if (!stream) throw new RangeError('a NUT frame is of no stream');
    const pts = flags & flag.codedPts ? fullPts(stream, this.#unsigned()) : stream.lastPts + code.ptsStep;
    let size = code.size;
    if (flags & flag.sizeFactor) size += code.sizeFactor * this.#unsigned();
    if (flags & flag.matchTime) this.#signed();
    let header = flags & flag.header ? this.#unsigned() : code.header;
    const reserved = flags & flag.reserved ? this.#count(1024) : code.reserved;
    for (let i = 0; i < reserved; i++) this.#unsigned();
    if (flags & flag.checksum) this.#take(4);
    if (size > 4096) header = 0;
    const elided = this.#headers[header];
    if (!elided || size < elided.length || size > maxPacketBytes) throw new RangeError('a NUT frame has no such size');
    const body = this.#take(size - elided.length);
    stream.lastPts = pts;
    this.#events.onPacket({ stream: stream.id, pts, data: elided.length > 0 ? Buffer.concat([elided, body]) : body });
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (end > this.#pending.length) throw needsMore;
    const taken = this.#pending.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** `v`: seven bits a byte, the highest first. */
  #unsigned(): number {
    let value = 0;
    for (;;) {
      const byte = this.#pending[this.#at];
      if (byte === undefined) throw needsMore;
      this.#at++;
      value = value * 128 + (byte & 0x7f);
      if (!Number.isSafeInteger(value)) throw new RangeError('a NUT number is too large');
      if (byte < 0x80) return value;
    }
  }

  #count(limit: number): number {
    const count = this.#unsigned();
    if (count > limit) throw new RangeError('a NUT count is too large');
    return count;
  }

  /** `s`. */
  #signed(): number {
    const value = this.#unsigned() + 1;
    const half = Math.floor(value / 2);
    return value % 2 === 1 ? -half : half;
  }
}

/** Not a failure: the rest comes with a later chunk. */
const needsMore = new Error('more bytes are needed');

/** Either all of it, or its lowest bits beside the time of the last frame. */
function fullPts({ ptsShift, lastPts }: StreamState, coded: number): number {
  const range = 2 ** ptsShift;
  if (coded >= range) return coded - range;
  const from = lastPts - Math.floor((range - 1) / 2);
  return from + ((((coded - from) % range) + range) % range);
}
