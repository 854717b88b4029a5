import type { RtmpMessage } from './ChunkReader.ts';

const extendedMark = 0xffffff;

/**
 * One message as chunks: type 0 first, type 3 for the rest (RTMP 1.0, section 5.3). This side sends a few dozen short
 * messages per connection, so nothing is gained by the shorter headers.
 * @param chunkStreamId 2 for protocol control, else 3 to 63.
 * @param chunkSize bytes, as this side announced it.
 */
export function writeChunks(chunkStreamId: number, message: RtmpMessage, chunkSize: number): Buffer {
  const { type, timestampMs, streamId, payload } = message;
  const isExtended = timestampMs >= extendedMark;
  const extension = Buffer.alloc(isExtended ? 4 : 0);
  if (isExtended) extension.writeUInt32BE(timestampMs);
  const head = Buffer.alloc(12);
  head[0] = chunkStreamId;
  head.writeUIntBE(isExtended ? extendedMark : timestampMs, 1, 3);
  head.writeUIntBE(payload.length, 4, 3);
  head[7] = type;
  head.writeUInt32LE(streamId, 8);
  const parts = [head, extension, payload.subarray(0, chunkSize)];
  for (let at = chunkSize; at < payload.length; at += chunkSize) {
    parts.push(Buffer.of(0xc0 | chunkStreamId), extension, payload.subarray(at, at + chunkSize));
  }
  return Buffer.concat(parts);
}
