import { messageType, type RtmpMessage } from './ChunkReader.ts';

/**
 * An aggregate message (RTMP 1.0, section 7.1.6) holds FLV tags; their timestamps count from the first one's, which is
 * the aggregate's own. What is cut off at its end is left out.
 */
export function splitAggregate({ payload, timestampMs, streamId }: RtmpMessage): RtmpMessage[] {
  const messages: RtmpMessage[] = [];
  let firstMs: number | undefined;
  for (let at = 0; at + 11 <= payload.length;) {
    const type = payload[at]!;
    const length = payload.readUIntBE(at + 1, 3);
    const tagMs = (payload.readUIntBE(at + 4, 3) | (payload[at + 7]! << 24)) >>> 0;
    const end = at + 11 + length;
    if (end > payload.length) break;
    firstMs ??= tagMs;
    if (type === messageType.audio || type === messageType.video || type === messageType.dataAmf0) {
      const sinceMs = tagMs - firstMs;
      messages.push({
        type,
        timestampMs: (timestampMs + sinceMs) >>> 0,
        streamId,
        payload: payload.subarray(at + 11, end),
      });
    }
    at = end + 4; // its size once more
  }
  return messages;
}
