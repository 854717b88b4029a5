/** One RTP packet (RFC 3550 section 5.1), its payload a view of the datagram without padding. */
export interface RtpPacket {
  payloadType: number;
  marker: boolean;
  /** u16. */
  sequenceNumber: number;
  /** u32. */
  timestamp: number;
  ssrc: number;
  payload: Buffer;
  /** Unix ms at which the datagram was read. */
  receivedAtMs: number;
}

/** RTCP shares the socket (RFC 5761 section 4): its packet types are 192 to 223 in the second byte. */
export function looksLikeRtcp(datagram: Buffer): boolean {
  return datagram.length >= 8 && datagram[0]! >> 6 === 2 && datagram[1]! >= 192 && datagram[1]! <= 223;
}

/** Undefined for bytes that are no RTP packet; never throws. */
export function parseRtpPacket(datagram: Buffer, receivedAtMs: number): RtpPacket | undefined {
  if (datagram.length < 12) return undefined;
  const flags = datagram[0]!;
  if (flags >> 6 !== 2) return undefined;
  let begin = 12 + (flags & 0x0f) * 4;
  if (flags & 0x10) {
    if (begin + 4 > datagram.length) return undefined;
    begin += 4 + datagram.readUInt16BE(begin + 2) * 4;
  }
  let end = datagram.length;
  if (begin > end) return undefined;
  if (flags & 0x20) {
    const padding = datagram[end - 1]!;
    if (padding === 0 || padding > end - begin) return undefined;
    end -= padding;
  }
  return {
    payloadType: datagram[1]! & 0x7f,
    marker: datagram[1]! >= 0x80,
    sequenceNumber: datagram.readUInt16BE(2),
    timestamp: datagram.readUInt32BE(4),
    ssrc: datagram.readUInt32BE(8),
    payload: datagram.subarray(begin, end),
    receivedAtMs,
  };
}

/** Signed distance a - b of two u16 sequence numbers, right across the wrap. */
export function sequenceBetween(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}
