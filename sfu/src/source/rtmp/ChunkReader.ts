import { RtmpProtocolError } from './RtmpProtocolError.ts';

/** One RTMP message. `payload` is the receiver's to keep. */
export interface RtmpMessage {
  /** Message type id, see `messageType`. */
  type: number;
  /** Milliseconds, u32, wraps after 49 days. */
  timestampMs: number;
  /** Message stream id. */
  streamId: number;
  payload: Buffer;
}

/** Adobe's RTMP specification 1.0, sections 5.4 and 7.1. */
export const messageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  dataAmf0: 18,
  commandAmf0: 20,
  aggregate: 22,
} as const;

export interface ChunkLimits {
  /** Longest message, bytes. */
  messageBytes: number;
  /** All messages that are not complete yet, together, bytes: what a peer can make this side hold. */
  partialBytes: number;
  /** Chunk streams at once. */
  chunkStreams: number;
}

interface ChunkStream {
  timestampMs: number;
  /** What a type 3 chunk that begins a message adds. */
  deltaMs: number;
  /** The value of the extended timestamp field, where the last header had one. */
  extended: number | undefined;
  length: number;
  type: number;
  streamId: number;
  /** Allocated when its first chunk comes. */
  payload: Buffer | undefined;
  filled: number;
}

const defaultChunkSize = 128;
const extendedMark = 0xffffff;
const none = Buffer.alloc(0);
/** Message header bytes by chunk type (fmt), section 5.3.1.2. */
const headerLengths = [11, 7, 3, 0] as const;

/**
 * Bytes of an RTMP chunk stream become messages (section 5.3), however the bytes are cut. Set Chunk Size and Abort act
 * here, at once. Holds at most `partialBytes` of messages, and 17 bytes of a header.
 */
export class ChunkReader {
  #limits: ChunkLimits;
  readonly #onMessage: (message: RtmpMessage) => void;
  readonly #streams = new Map<number, ChunkStream>();
  #chunkSize = defaultChunkSize;
  #partialBytes = 0;
  /** Begin of a header whose end has not come yet. */
  #rest: Buffer = none;
  /** The chunk stream whose chunk is being read, and how much of the chunk is missing. */
  #current: ChunkStream | undefined;
  #missing = 0;

  constructor(limits: ChunkLimits, onMessage: (message: RtmpMessage) => void) {
    this.#limits = limits;
    this.#onMessage = onMessage;
  }

  /** More is allowed once the peer has shown who it is. */
  allow(limits: ChunkLimits): void {
    this.#limits = limits;
  }

  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** @throws RtmpProtocolError: nothing that follows can be read. */
  push(data: Buffer): void {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    this.#rest = none;
    while (bytes.length > 0) {
      const taken = this.#current ? this.#readPayload(this.#current, bytes) : this.#readHeader(bytes);
      if (taken === 0) {
        // A copy: a slice would keep the whole of what came alive.
        this.#rest = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(taken);
    }
  }

  /** Bytes taken; 0 where the header is not complete. */
  #readHeader(bytes: Buffer): number {
    const first = bytes[0]!;
    const form = first >> 6;
    const short = first & 0x3f;
    const basicLength = short === 0 ? 2 : short === 1 ? 3 : 1;
    let length = basicLength + headerLengths[form]!;
    if (bytes.length < length) return 0;
    const id = short === 0 ? 64 + bytes[1]! : short === 1 ? 64 + bytes.readUInt16LE(1) : short;
    const known = this.#streams.get(id);
    if (!known && form !== 0) throw new RtmpProtocolError(`chunk stream ${id} begins with a chunk of type ${form}`);
    const field = form === 3 ? undefined : bytes.readUIntBE(basicLength, 3);
    const extends_ = field === undefined ? known?.extended !== undefined : field === extendedMark;
    let extended: number | undefined;
    if (extends_) {
      if (bytes.length < length + 4) return 0;
      extended = bytes.readUInt32BE(length);
      // Some encoders leave the field out of the chunks that go on with a message; what stands there is media then.
      const leftOut = form === 3 && known?.payload && extended !== known.extended;
      if (leftOut) extended = known.extended;
      else length += 4;
    }
    const stream = known ?? this.#open(id);
    this.#begin(stream, form, bytes, basicLength, field, extended);
    return length;
  }

  #open(id: number): ChunkStream {
    if (this.#streams.size >= this.#limits.chunkStreams) {
      throw new RtmpProtocolError(`more than ${this.#limits.chunkStreams} chunk streams`);
    }
    const stream: ChunkStream = {
      timestampMs: 0,
      deltaMs: 0,
      extended: undefined,
      length: 0,
      type: 0,
      streamId: 0,
      payload: undefined,
      filled: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #begin(
    stream: ChunkStream,
    form: number,
    bytes: Buffer,
    at: number,
    field: number | undefined,
    extended: number | undefined,
  ): void {
    if (form !== 3 || !stream.payload) {
      this.#drop(stream); // a new header in the middle of a message: that message will never be complete
      const timeMs = extended ?? field ?? stream.deltaMs;
      // After a type 0 chunk, the delta of a type 3 chunk is that chunk's timestamp (section 5.3.1.2.4).
      stream.deltaMs = timeMs;
      stream.timestampMs = form === 0 ? timeMs : (stream.timestampMs + timeMs) >>> 0;
      stream.extended = extended;
      if (form < 2) {
        stream.length = bytes.readUIntBE(at + 3, 3);
        stream.type = bytes[at + 6]!;
      }
      if (form === 0) stream.streamId = bytes.readUInt32LE(at + 7);
      this.#allocate(stream);
    }
    this.#current = stream;
    this.#missing = Math.min(this.#chunkSize, stream.length - stream.filled);
    if (this.#missing === 0) this.#finishChunk(stream);
  }

  #allocate(stream: ChunkStream): void {
    const { length } = stream;
    const { messageBytes, partialBytes } = this.#limits;
    if (length > messageBytes) throw new RtmpProtocolError(`a message of ${length} bytes; at most ${messageBytes}`);
    if (this.#partialBytes + length > partialBytes) {
      throw new RtmpProtocolError(`unfinished messages of more than ${partialBytes} bytes`);
    }
    stream.payload = Buffer.allocUnsafe(length);
    stream.filled = 0;
    this.#partialBytes += length;
  }

  #readPayload(stream: ChunkStream, bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#missing);
    bytes.copy(stream.payload!, stream.filled, 0, taken);
    stream.filled += taken;
    this.#missing -= taken;
    if (this.#missing === 0) this.#finishChunk(stream);
    return taken;
  }

  #finishChunk(stream: ChunkStream): void {
    this.#current = undefined;
    const { payload, type, timestampMs, streamId } = stream;
    if (!payload || stream.filled < stream.length) return;
    this.#drop(stream);
    if (type === messageType.setChunkSize) this.#setChunkSize(payload);
    else if (type === messageType.abort) this.#abort(payload);
    else this.#onMessage({ type, timestampMs, streamId, payload });
  }

  #drop(stream: ChunkStream): void {
    if (!stream.payload) return;
    this.#partialBytes -= stream.length;
    stream.payload = undefined;
    stream.filled = 0;
  }

  #setChunkSize(payload: Buffer): void {
    const size = payload.length >= 4 ? payload.readUInt32BE(0) : 0;
    // The first bit is 0 by section 5.4.1; no message is longer than 0xffffff.
    if (size < 1 || size > 0x7fffffff) throw new RtmpProtocolError(`a chunk size of ${size}`);
    this.#chunkSize = size;
  }

  #abort(payload: Buffer): void {
    const stream = payload.length >= 4 ? this.#streams.get(payload.readUInt32BE(0)) : undefined;
    if (stream) this.#drop(stream);
  }
}
