import nodeDataChannel, { type MediaHandler, type Track } from 'node-datachannel';
import type { RtpStream } from './rtpPacket.ts';
import { writeRtpPacket, writeSenderReport } from './rtpPacket.ts';
import { packetizeH264 } from './packetizeH264.ts';

const senderReportEveryMs = 1_000;

/**
 * The RTP clock of one encoder in OBS (WHIPOutput::Data and Send): timestamps grow by the difference of dts, also by
 * that of packets given before the track was open, which are dropped without moving the clock.
 */
export class ObsClock {
  readonly #rate: number;
  #timestamp: number;
  #lastUs = 0;

  /** OBS counts from 0. */
  constructor(rate: number, begin = 0) {
    this.#rate = rate;
    this.#timestamp = begin;
  }

  /** Nothing where the packet is dropped. */
  next(dtsUs: number, open: boolean): number | undefined {
    const durationUs = dtsUs - this.#lastUs;
    this.#lastUs = dtsUs;
    if (!open) return undefined;
    this.#timestamp = (this.#timestamp + Math.round((durationUs * this.#rate) / 1e6)) >>> 0;
    return this.#timestamp;
  }
}

/** One RTP stream of OBS on its track: a clock, packets, and a sender report a second. */
export class ObsTrack {
  readonly #track: Track;
  readonly #stream: RtpStream;
  readonly #clock: ObsClock;
  #reportedAtMs = -Infinity;
  #closed = false;

  constructor(track: Track, stream: RtpStream, clockRate: number, begin = 0) {
    this.#track = track;
    this.#stream = stream;
    this.#clock = new ObsClock(clockRate, begin);
  }

  get #isOpen(): boolean {
    return !this.#closed && this.#track.isOpen();
  }

  /** As a packet that comes before the track is open: dropped without moving the clock. */
  drop(dtsUs: number): void {
    this.#clock.next(dtsUs, false);
  }

  get packetsSent(): number {
    return this.#stream.packetsSent;
  }

  sendVideo(accessUnit: Uint8Array, dtsUs: number): void {
    this.#send(dtsUs, (timestamp) => packetizeH264(accessUnit, timestamp, this.#stream));
  }

  sendAudio(opus: Uint8Array, dtsUs: number): void {
    this.#send(dtsUs, (timestamp) => [writeRtpPacket(this.#stream, { timestamp, marker: false, payload: [opus] })]);
  }

  close(): void {
    this.#closed = true;
  }

  #send(dtsUs: number, packetize: (timestamp: number) => Buffer[]): void {
    const timestamp = this.#clock.next(dtsUs, this.#isOpen);
    if (timestamp === undefined) return;
    for (const packet of packetize(timestamp)) this.#track.sendMessageBinary(packet);
    const nowMs = performance.timeOrigin + performance.now();
    if (nowMs - this.#reportedAtMs < senderReportEveryMs) return;
    this.#reportedAtMs = nowMs;
    this.#track.sendMessageBinary(writeSenderReport(this.#stream, nowMs, timestamp));
  }
}

/** What OBS chains behind its packetizer: answers to NACK, and pacing at ten times the bitrate. PLI is heard by nobody. */
export function obsHandlers(nackBufferPackets: number, bitrateBps?: number): MediaHandler {
  const responder = new nodeDataChannel.RtcpNackResponder(nackBufferPackets);
  if (bitrateBps) responder.addToChain(new nodeDataChannel.PacingHandler(bitrateBps * 10, 5));
  return responder;
}
