import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkReader, messageType, type ChunkLimits, type RtmpMessage } from './ChunkReader.ts';
import { RtmpProtocolError } from './RtmpProtocolError.ts';
import { writeChunks } from './writeChunks.ts';

const limits: ChunkLimits = { messageBytes: 4_000, partialBytes: 12_000, chunkStreams: 64 };

interface Sent extends RtmpMessage {
  chunkStreamId: number;
}

/** A writer that uses the shortest header it may, and puts chunks of several messages between each other. */
class TestWriter {
  readonly #last = new Map<number, Sent & { deltaMs: number; extended: boolean }>();
  chunkSize = 128;

  /** Chunks of one message; the first one's header by what was sent before on its chunk stream. */
  *chunks(message: Sent, mayShorten: boolean): Generator<Buffer> {
    const { chunkStreamId: id, timestampMs, payload, type, streamId } = message;
    const last = this.#last.get(id);
    const deltaMs = last ? (timestampMs - last.timestampMs) >>> 0 : timestampMs;
    let form = 0;
    if (mayShorten && last && last.streamId === streamId && deltaMs < 0x80000000) {
      form = 1;
      if (last.type === type && last.payload.length === payload.length) form = last.deltaMs === deltaMs ? 3 : 2;
    }
    const timeMs = form === 0 ? timestampMs : deltaMs;
    const extended = timeMs >= 0xffffff;
    const field = Buffer.alloc(3);
    field.writeUIntBE(Math.min(timeMs, 0xffffff), 0, 3);
    const extension = Buffer.alloc(extended ? 4 : 0);
    if (extended) extension.writeUInt32BE(timeMs);
    const length = Buffer.alloc(3);
    length.writeUIntBE(payload.length, 0, 3);
    const stream = Buffer.alloc(4);
    stream.writeUInt32LE(streamId);
    const parts = [[field, length, Buffer.of(type), stream], [field, length, Buffer.of(type)], [field], []][form]!;
    this.#last.set(id, { ...message, deltaMs: timeMs, extended });
    yield Buffer.concat([this.#basic(form, id), ...parts, extension, payload.subarray(0, this.chunkSize)]);
    for (let at = this.chunkSize; at < payload.length; at += this.chunkSize) {
      yield Buffer.concat([this.#basic(3, id), extension, payload.subarray(at, at + this.chunkSize)]);
    }
  }

  #basic(form: number, id: number): Buffer {
    if (id < 64) return Buffer.of((form << 6) | id);
    if (id < 320) return Buffer.of(form << 6, id - 64);
    return Buffer.of((form << 6) | 1, (id - 64) & 0xff, (id - 64) >> 8);
  }
}

const message = fc.record({
  chunkStreamId: fc.constantFrom(3, 4, 6, 63, 64, 100, 319, 320, 65_599),
  type: fc.constantFrom(8, 9, 18, 20),
  streamId: fc.constantFrom(0, 1, 0x01020304),
  timestampMs: fc.oneof(fc.nat(200), fc.integer({ min: 0xfffff0, max: 0x1000010 }), fc.nat(0xffffffff)),
  payload: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
});

/** Cuts at random places. */
function cut(bytes: Buffer, lengths: number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const length = lengths[index % lengths.length]!;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function read(pieces: Buffer[]): RtmpMessage[] {
  const messages: RtmpMessage[] = [];
  const reader = new ChunkReader(limits, (one) => messages.push(one));
  for (const piece of pieces) reader.push(piece);
  expect(reader.partialBytes).toBe(0);
  return messages;
}

describe('ChunkReader', () => {
  it('gives the same messages however the bytes are cut and the chunks are mixed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(1, 17, 128, 4096),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }),
        (sent, lengths, chunkSize, picks) => {
          const writer = new TestWriter();
          const bytes = [setChunkSize(chunkSize)];
          writer.chunkSize = chunkSize;
          const order: Sent[] = [];
          // Messages of one chunk stream follow each other; those of different ones are mixed chunk by chunk.
          const waiting = [...sent];
          const open: { sent: Sent; chunks: Generator<Buffer>; left: Buffer | undefined }[] = [];
          for (let step = 0; waiting.length + open.length > 0; step++) {
            const pick = picks[step % picks.length]!;
            const next = waiting[0];
            const canOpen = next && !open.some((one) => one.sent.chunkStreamId === next[0].chunkStreamId);
            if (canOpen && (open.length === 0 || pick % 3 === 0)) {
              waiting.shift();
              const chunks = writer.chunks(next[0], next[1]);
              open.push({ sent: next[0], chunks, left: undefined });
              continue;
            }
            const index = pick % open.length;
            const one = open[index]!;
            const chunk = one.chunks.next();
            if (!chunk.done) bytes.push(chunk.value);
            else {
              order.push(one.sent);
              open.splice(index, 1);
            }
          }
          const got = read(cut(Buffer.concat(bytes), lengths));
          expect(got.map(({ payload }) => payload.length).sort()).toEqual(
            sent.map(([{ payload }]) => payload.length).sort(),
          );
          for (const id of new Set(order.map((one) => one.chunkStreamId))) {
            const expected = order.filter((one) => one.chunkStreamId === id);
            for (const { type, timestampMs, streamId, payload } of expected) {
              expect(got).toContainEqual({ type, timestampMs, streamId, payload });
            }
          }
        },
      ),
      { seed: 3101, numRuns: 400 },
    );
  });

  it('refuses or reads hostile bytes, and never holds more than its limits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }),
        fc.boolean(),
        (pieces, beginsRight) => {
          const messages: RtmpMessage[] = [];
          const reader = new ChunkReader(limits, (one) => messages.push(one));
          if (beginsRight) for (let id = 3; id < 40; id++) reader.push(chunkOf(id, 9, Buffer.alloc(10)));
          try {
            for (const piece of pieces) {
              reader.push(Buffer.from(piece));
              expect(reader.partialBytes).toBeLessThanOrEqual(limits.partialBytes);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(RtmpProtocolError);
          }
          for (const { payload } of messages) expect(payload.length).toBeLessThanOrEqual(limits.messageBytes);
        },
      ),
      { seed: 3102, numRuns: 2_000 },
    );
  });

  it('reads back what writeChunks writes', () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 3, max: 63 }), (one, id) => {
        const { chunkStreamId: _, ...sent } = one;
        expect(read([writeChunks(id, sent, 128)])).toEqual([sent]);
      }),
      { seed: 3103, numRuns: 200 },
    );
  });

  it('refuses a message that is longer than allowed, before it has come', () => {
    const reader = new ChunkReader(limits, () => {});
    expect(() => reader.push(chunkOf(3, 9, Buffer.alloc(4_001)).subarray(0, 13))).toThrow(/4001 bytes; at most 4000/);
  });

  it('refuses too many unfinished messages, and too many chunk streams', () => {
    const begun = (id: number): Buffer => chunkOf(id, 9, Buffer.alloc(4_000)).subarray(0, 12 + 128);
    const reader = new ChunkReader(limits, () => {});
    for (const id of [3, 4, 5]) reader.push(begun(id));
    expect(reader.partialBytes).toBe(12_000);
    expect(() => reader.push(begun(6))).toThrow(/unfinished/);
    const other = new ChunkReader(limits, () => {});
    for (let id = 64; id < 128; id++) other.push(shortMessage(id));
    expect(() => other.push(shortMessage(200))).toThrow(/64 chunk streams/);
  });

  it('drops an aborted message and goes on', () => {
    const messages: RtmpMessage[] = [];
    const reader = new ChunkReader(limits, (one) => messages.push(one));
    reader.push(chunkOf(5, 9, Buffer.alloc(300, 1)).subarray(0, 12 + 128));
    reader.push(chunkOf(2, messageType.abort, Buffer.of(0, 0, 0, 5)));
    expect(reader.partialBytes).toBe(0);
    reader.push(chunkOf(5, 9, Buffer.alloc(50, 2)));
    expect(messages).toEqual([{ type: 9, timestampMs: 0, streamId: 1, payload: Buffer.alloc(50, 2) }]);
  });

  it('takes extended timestamps also where the chunks that go on leave them out', () => {
    const payload = Buffer.alloc(200, 0xab);
    const head = Buffer.from('04ffffff0000c80901000000', 'hex');
    const extension = Buffer.from('01020304', 'hex');
    const first = [head, extension, payload.subarray(0, 128)];
    const expected = [{ type: 9, timestampMs: 0x01020304, streamId: 1, payload }];
    expect(read([Buffer.concat([...first, Buffer.of(0xc4), extension, payload.subarray(128)])])).toEqual(expected);
    expect(read([Buffer.concat([...first, Buffer.of(0xc4), payload.subarray(128)])])).toEqual(expected);
  });

  it('refuses a chunk size of 0 and a chunk stream that begins without a full header', () => {
    expect(() => read([setChunkSize(0)])).toThrow(/chunk size/);
    expect(() => read([Buffer.of(0xc7)])).toThrow(/begins with a chunk of type 3/);
  });
});

function chunkOf(id: number, type: number, payload: Buffer): Buffer {
  return writeChunks(id, { type, timestampMs: 0, streamId: 1, payload }, 128);
}

function shortMessage(id: number): Buffer {
  return Buffer.concat([Buffer.of(0, id - 64), Buffer.from('0000000000000901000000', 'hex')]);
}

function setChunkSize(size: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(size);
  return chunkOf(2, messageType.setChunkSize, payload);
}
