import { packetType } from './rtcp.ts';

/** RFC 3550 section 6.4.1: the same instant on the sender's wall clock and on the stream's RTP clock. */
export interface SenderReport {
  ntpUnixMs: number;
  /** u32. */
  rtpTimestamp: number;
}

/** From 1900, where NTP counts from, to 1970, seconds. */
const ntpToUnixS = 2_208_988_800;

/** The report about `ssrc` in a compound packet; anything else is stepped over, hostile lengths included. */
export function readSenderReport(datagram: Buffer, ssrc: number): SenderReport | undefined {
  for (let offset = 0; offset + 20 <= datagram.length;) {
    if (datagram[offset + 1] === packetType.senderReport && datagram.readUInt32BE(offset + 4) === ssrc) {
      const seconds = datagram.readUInt32BE(offset + 8);
      const fraction = datagram.readUInt32BE(offset + 12);
      // A sender without a wall clock writes 0.
      if (seconds === 0 && fraction === 0) return undefined;
      return {
        // Era 1 of NTP begins in 2036 (RFC 5905 section 6).
        ntpUnixMs:
          ((seconds < 2 ** 31 ? seconds + 2 ** 32 : seconds) - ntpToUnixS) * 1000 + (fraction * 1000) / 2 ** 32,
        rtpTimestamp: datagram.readUInt32BE(offset + 16),
      };
    }
    offset += (datagram.readUInt16BE(offset + 2) + 1) * 4;
  }
  return undefined;
}
