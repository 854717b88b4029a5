import { writeRtpPacket, type RtpStream } from './rtpPacket.ts';

/** OBS's MAX_VIDEO_FRAGMENT_SIZE. */
export const obsMaxPayloadBytes = 1200;
const fuA = 28;

/** NAL units of an Annex B byte stream (ITU-T H.264 annex B), without their start codes. */
export function splitAnnexB(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let begin = -1;
  const take = (end: number) => {
    if (begin < 0) return;
    // Trailing zeros belong to the next start code, or are trailing_zero_8bits: a NAL unit never ends with one.
    while (end > begin && bytes[end - 1] === 0) end--;
    if (end > begin) units.push(bytes.subarray(begin, end));
  };
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] !== 0 || bytes[i + 1] !== 0 || bytes[i + 2] !== 1) continue;
    take(i);
    begin = i + 3;
    i += 2;
  }
  take(bytes.length);
  return units;
}

/**
 * RTP packets of one access unit (Annex B), packetization-mode 1, exactly as libdatachannel's H264RtpPacketizer sends
 * them for OBS: one packet per NAL unit, FU-A above `maxPayloadBytes` (RFC 6184 section 5.8), no STAP-A, the marker on
 * the last packet.
 */
export function packetizeH264(
  accessUnit: Uint8Array,
  timestamp: number,
  stream: RtpStream,
  maxPayloadBytes = obsMaxPayloadBytes,
): Buffer[] {
  const payloads = splitAnnexB(accessUnit).flatMap((unit) => fragment(unit, maxPayloadBytes));
  return payloads.map((payload, i) =>
    writeRtpPacket(stream, { timestamp, marker: i === payloads.length - 1, payload }),
  );
}

function fragment(unit: Uint8Array, maxPayloadBytes: number): Uint8Array[][] {
  if (unit.length <= maxPayloadBytes) return [[unit]];
  const indicator = (unit[0]! & 0xe0) | fuA;
  const type = unit[0]! & 0x1f;
  const body = unit.subarray(1);
  const step = maxPayloadBytes - 2;
  const fragments: Uint8Array[][] = [];
  for (let at = 0; at < body.length; at += step) {
    const [start, end] = [at === 0 ? 0x80 : 0, at + step >= body.length ? 0x40 : 0];
    fragments.push([Uint8Array.of(indicator, start | end | type), body.subarray(at, at + step)]);
  }
  return fragments;
}
