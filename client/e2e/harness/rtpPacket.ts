/** One RTP stream as a publisher counts it; `writeRtpPacket` advances it. */
export interface RtpStream {
  ssrc: number;
  payloadType: number;
  /** Of the next packet. */
  sequenceNumber: number;
  /** One-byte header extensions (RFC 8285) on every packet, e.g. mid and rid; ids 1 to 14, values 1 to 16 bytes. */
  extensions: readonly { id: number; value: string }[];
  packetsSent: number;
  /** Payload only, as sender reports count it. */
  octetsSent: number;
}

export function newRtpStream(
  ssrc: number,
  payloadType: number,
  { sequenceNumber = 0, extensions = [] }: Partial<Pick<RtpStream, 'sequenceNumber' | 'extensions'>> = {},
): RtpStream {
  return { ssrc, payloadType, sequenceNumber, extensions, packetsSent: 0, octetsSent: 0 };
}

export interface RtpPacketFields {
  timestamp: number;
  marker: boolean;
  payload: readonly Uint8Array[];
}

/** RFC 3550 section 5.1 and RFC 8285 section 4.2. */
export function writeRtpPacket(stream: RtpStream, { timestamp, marker, payload }: RtpPacketFields): Buffer {
  const header = Buffer.alloc(12);
  const extension = writeExtensions(stream.extensions);
  header[0] = 0x80 | (extension.length > 0 ? 0x10 : 0);
  header[1] = (marker ? 0x80 : 0) | stream.payloadType;
  header.writeUInt16BE(stream.sequenceNumber, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(stream.ssrc, 8);
  stream.sequenceNumber = (stream.sequenceNumber + 1) & 0xffff;
  stream.packetsSent++;
  for (const part of payload) stream.octetsSent += part.length;
  return Buffer.concat([header, extension, ...payload]);
}

function writeExtensions(extensions: RtpStream['extensions']): Buffer {
  if (extensions.length === 0) return Buffer.alloc(0);
  const elements = extensions.map(({ id, value }) => {
    const bytes = Buffer.from(value);
    if (id < 1 || id > 14 || bytes.length < 1 || bytes.length > 16)
      throw new Error(`no one-byte extension: ${id} ${value}`);
    return Buffer.concat([Buffer.of((id << 4) | (bytes.length - 1)), bytes]);
  });
  const body = Buffer.concat(elements);
  const words = Math.ceil(body.length / 4);
  const extension = Buffer.alloc(4 + words * 4);
  extension.writeUInt16BE(0xbede, 0);
  extension.writeUInt16BE(words, 2);
  body.copy(extension, 4);
  return extension;
}

/** Seconds from the NTP epoch (1900) to the Unix epoch. */
const ntpEpochOffsetS = 2_208_988_800;

/** RFC 3550 section 6.4.1, without report blocks. `atMs` is Unix time, `timestamp` what the stream's clock showed then. */
export function writeSenderReport(stream: RtpStream, atMs: number, timestamp: number): Buffer {
  const report = Buffer.alloc(28);
  report[0] = 0x80;
  report[1] = 200;
  report.writeUInt16BE(report.length / 4 - 1, 2);
  report.writeUInt32BE(stream.ssrc, 4);
  const seconds = Math.floor(atMs / 1000);
  report.writeUInt32BE((seconds + ntpEpochOffsetS) >>> 0, 8);
  report.writeUInt32BE(Math.floor(((atMs - seconds * 1000) / 1000) * 2 ** 32) >>> 0, 12);
  report.writeUInt32BE(timestamp >>> 0, 16);
  report.writeUInt32BE(stream.packetsSent >>> 0, 20);
  report.writeUInt32BE(stream.octetsSent >>> 0, 24);
  return report;
}
