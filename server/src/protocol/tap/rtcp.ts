import { sequenceBetween } from './RtpPacket.ts';

export const packetType = {
  senderReport: 200,
  receiverReport: 201,
  transportFeedback: 205,
  payloadFeedback: 206,
} as const;

/** Picture Loss Indication, RFC 4585 section 6.3.1. */
export function writePli(senderSsrc: number, mediaSsrc: number): Buffer {
  return writeFeedback(packetType.payloadFeedback, 1, senderSsrc, mediaSsrc, 0);
}

/** Generic NACK, RFC 4585 section 6.2.1: pairs of a packet id and a bit mask of the 16 after it. */
export function writeNack(senderSsrc: number, mediaSsrc: number, missing: readonly number[]): Buffer {
  const pairs: { id: number; mask: number }[] = [];
  for (const sequence of missing) {
    const last = pairs.at(-1);
    const ahead = last === undefined ? 0 : sequenceBetween(sequence, last.id);
    if (last !== undefined && ahead >= 1 && ahead <= 16) last.mask |= 1 << (ahead - 1);
    else pairs.push({ id: sequence, mask: 0 });
  }
  const packet = writeFeedback(packetType.transportFeedback, 1, senderSsrc, mediaSsrc, pairs.length);
  pairs.forEach(({ id, mask }, i) => {
    packet.writeUInt16BE(id, 12 + i * 4);
    packet.writeUInt16BE(mask, 14 + i * 4);
  });
  return packet;
}

function writeFeedback(type: number, format: number, senderSsrc: number, mediaSsrc: number, words: number): Buffer {
  const packet = Buffer.alloc(12 + words * 4);
  packet[0] = 0x80 | format;
  packet[1] = type;
  packet.writeUInt16BE(2 + words, 2);
  packet.writeUInt32BE(senderSsrc, 4);
  packet.writeUInt32BE(mediaSsrc, 8);
  return packet;
}

/**
 * What a receiver tells the sender (RFC 3550 section 6.4.2). mediasoup takes its round trip from it, and without one
 * assumes 150 ms, within which it does not answer a second NACK for the same packet.
 */
export class ReceptionStatistics {
  readonly #clockRate: number;
  #first: number | undefined;
  #highest = 0;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #jitterTicks = 0;
  #transit: number | undefined;
  #lastSenderReport = 0;
  #lastSenderReportAtMs = 0;

  /** `clockRate`: of the RTP timestamps, Hz. */
  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  packet(sequenceNumber: number, rtpTimestamp: number, receivedAtMs: number): void {
    this.#received++;
    if (this.#first === undefined) this.#first = this.#highest = sequenceNumber;
    const ahead = sequenceBetween(sequenceNumber, this.#highest & 0xffff);
    if (ahead > 0) this.#highest += ahead;
    const transit = ((receivedAtMs * this.#clockRate) / 1000 - rtpTimestamp) % 2 ** 32;
    if (this.#transit !== undefined) {
      const change = Math.abs(transit - this.#transit);
      if (change < this.#clockRate * 10) this.#jitterTicks += (change - this.#jitterTicks) / 16;
    }
    this.#transit = transit;
  }

  /** Reads a sender report's NTP time out of a compound packet; anything else is ignored, hostile lengths included. */
  rtcp(datagram: Buffer, receivedAtMs: number): void {
    for (let offset = 0; offset + 8 <= datagram.length;) {
      const bytes = (datagram.readUInt16BE(offset + 2) + 1) * 4;
      if (datagram[offset + 1] === packetType.senderReport && offset + 20 <= datagram.length) {
        this.#lastSenderReport = datagram.readUInt32BE(offset + 10);
        this.#lastSenderReportAtMs = receivedAtMs;
      }
      offset += bytes;
    }
  }

  report(senderSsrc: number, mediaSsrc: number, nowMs: number): Buffer {
    const expected = this.#first === undefined ? 0 : this.#highest - this.#first + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.#received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;
    const fraction = expectedNow > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / expectedNow)) : 0;
    const lost = Math.max(0, Math.min(0x7fffff, expected - this.#received));
    const delay = this.#lastSenderReport === 0 ? 0 : ((nowMs - this.#lastSenderReportAtMs) * 65_536) / 1000;
    const packet = Buffer.alloc(32);
    packet[0] = 0x81;
    packet[1] = packetType.receiverReport;
    packet.writeUInt16BE(7, 2);
    packet.writeUInt32BE(senderSsrc, 4);
    packet.writeUInt32BE(mediaSsrc, 8);
    packet.writeUInt32BE(((fraction << 24) | lost) >>> 0, 12);
    packet.writeUInt32BE(this.#highest >>> 0, 16);
    packet.writeUInt32BE(Math.min(0xffffffff, Math.round(this.#jitterTicks)), 20);
    packet.writeUInt32BE(this.#lastSenderReport, 24);
    packet.writeUInt32BE(Math.min(0xffffffff, Math.max(0, Math.round(delay))), 28);
    return packet;
  }
}
