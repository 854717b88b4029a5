import dgram from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { unixMs } from './unixMs.ts';
import { createDepacketiser } from './createDepacketiser.ts';
import type { BrokenReason, Depacketiser, EncodedFrame } from './Depacketiser.ts';
import { NackList } from './NackList.ts';
import { ReorderBuffer } from './ReorderBuffer.ts';
import { ReceptionStatistics, writeNack, writePli } from './rtcp.ts';
import { looksLikeRtcp, parseRtpPacket } from './RtpPacket.ts';
import { readSenderReport, type SenderReport } from './senderReport.ts';
import { clockRateOf, type TapParameters } from './tapParameters.ts';
import { type UdpDrops, udpKey } from './udpDrops.ts';

/** More than a second of 20 Mbit/s, so that a stalled event loop does not lose packets in the kernel. It may give less. */
const receiveBufferBytes = 4 * 1024 * 1024;
const holeTickMs = 10;
const maxNackedAtOnce = 128;
const keyFrameRequestEveryMs = 300;
const receiverReportEveryMs = 1000;
/** Audio is not sent again: a hole is only waited for as long as packets may overtake each other. */
const audioHoleWaitMs = 60;

export interface SocketAddress {
  ip: string;
  port: number;
}

export interface ReceiverEvents {
  onFrame(frame: EncodedFrame): void;
  onBroken(reason: BrokenReason): void;
  onSenderReport?(report: SenderReport): void;
}

export interface RtpReceiverOptions extends ReceiverEvents {
  /** Address to bind to; the port is any free one. */
  host: string;
}

/** Counted since it was opened. */
export interface ReceiverCounts {
  packets: number;
  bytes: number;
  /** Datagrams that are no RTP or RTCP. */
  malformed: number;
  /** From another address, of another SSRC or payload type, or before `start`. */
  foreign: number;
  duplicate: number;
  late: number;
  reordered: number;
  lost: number;
  /** Thrown away by the kernel before we could read them; as of the last `countKernelDrops`. */
  kernelDropped: number;
  frames: number;
  nackedPackets: number;
  keyFrameRequests: number;
  socketErrors: number;
}

/** The UDP end of a FrameTap: packets in, compressed Frames out; asks for what is missing where it is video. */
export class RtpReceiver {
  readonly #options: RtpReceiverOptions;
  readonly #socket: dgram.Socket;
  readonly #ssrc = randomBytes(4).readUInt32BE(0);
  readonly #nacks = new NackList();
  #statistics: ReceptionStatistics | undefined;
  #reorder: ReorderBuffer | undefined;
  #depacketiser: Depacketiser | undefined;
  #remote: SocketAddress | undefined;
  #tap: TapParameters | undefined;
  #holeTimer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #keyFrameTimer: NodeJS.Timeout | undefined;
  #keyFrameRequestedAtMs = -Infinity;
  /** Asked for by our owner, and none has come since. */
  #keyFrameWanted = false;
  #lastPacketAtMs: number | undefined;
  #closed = false;
  readonly counts: ReceiverCounts = {
    packets: 0,
    bytes: 0,
    malformed: 0,
    foreign: 0,
    duplicate: 0,
    late: 0,
    reordered: 0,
    lost: 0,
    kernelDropped: 0,
    frames: 0,
    nackedPackets: 0,
    keyFrameRequests: 0,
    socketErrors: 0,
  };

  private constructor(options: RtpReceiverOptions) {
    this.#options = options;
    const type = isIPv6(options.host) ? 'udp6' : 'udp4';
    this.#socket = dgram.createSocket({ type, recvBufferSize: receiveBufferBytes });
    this.#socket.on('message', (datagram, from) => this.#receive(datagram, from));
  }

  static async create(options: RtpReceiverOptions): Promise<RtpReceiver> {
    const receiver = new RtpReceiver(options);
    receiver.#socket.bind(0, options.host);
    await once(receiver.#socket, 'listening'); // rejects on 'error'
    // ICMP "port unreachable" for our RTCP arrives here while the sfu goes away: counted, not fatal.
    receiver.#socket.on('error', () => receiver.counts.socketErrors++);
    return receiver;
  }

  get local(): SocketAddress {
    return { ip: this.#options.host, port: this.#socket.address().port };
  }

  /** What was asked for and what the kernel gave (Linux doubles the figure for its own use). */
  get receiveBuffer(): { askedBytes: number; givenBytes: number } {
    const bytes = this.#socket.getRecvBufferSize();
    return { askedBytes: receiveBufferBytes, givenBytes: process.platform === 'linux' ? bytes / 2 : bytes };
  }

  countKernelDrops(drops: UdpDrops): void {
    if (!this.#closed) this.counts.kernelDropped = drops.get(udpKey(this.local)) ?? this.counts.kernelDropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Unix ms. */
  get lastPacketAtMs(): number | undefined {
    return this.#lastPacketAtMs;
  }

  /** From now on takes packets of this Tap, and asks for a key frame until there is one. */
  start(remote: SocketAddress, tap: TapParameters): void {
    this.#remote = remote;
    this.#tap = tap;
    this.#statistics = new ReceptionStatistics(clockRateOf(tap.codec));
    this.#reorder = this.#createReorder();
    this.#depacketiser = createDepacketiser(tap.codec, {
      onFrame: (frame) => {
        this.counts.frames++;
        if (frame.key) this.#keyFrameWanted = false;
        this.#options.onFrame(frame);
      },
      onBroken: (reason) => {
        this.#options.onBroken(reason);
        this.#askForKeyFrame();
      },
    });
    clearInterval(this.#reportTimer);
    this.#reportTimer = setInterval(() => this.#report(), receiverReportEveryMs);
  }

  /** NACK and PLI mean something to the sender. */
  get #repairs(): boolean {
    return this.#tap !== undefined && this.#tap.codec !== 'opus';
  }

  #createReorder(): ReorderBuffer {
    return new ReorderBuffer({
      maxWaitMs: this.#repairs ? undefined : audioHoleWaitMs,
      onPacket: (packet, gap) => {
        this.#depacketiser?.push(packet, gap);
        if (gap) this.#askForKeyFrame();
      },
    });
  }

  #receive(datagram: Buffer, from: dgram.RemoteInfo): void {
    if (this.#closed) return;
    const { counts } = this;
    if (this.#remote === undefined || from.port !== this.#remote.port || from.address !== this.#remote.ip) {
      counts.foreign++;
      return;
    }
    const nowMs = unixMs();
    if (looksLikeRtcp(datagram)) return this.#rtcp(datagram, nowMs);
    const packet = parseRtpPacket(datagram, nowMs);
    if (packet === undefined) {
      counts.malformed++;
      return;
    }
    if (packet.ssrc !== this.#tap!.ssrc || packet.payloadType !== this.#tap!.payloadType) {
      counts.foreign++;
      return;
    }
    counts.packets++;
    counts.bytes += datagram.length;
    this.#lastPacketAtMs = nowMs;
    this.#statistics!.packet(packet.sequenceNumber, packet.timestamp, nowMs);
    const reorder = this.#reorder!;
    const outcome = reorder.push(packet);
    if (outcome === 'duplicate') counts.duplicate++;
    else if (outcome === 'late') counts.late++;
    else if (outcome === 'held') counts.reordered++;
    counts.lost = reorder.lost; // a full buffer gives a hole up, and may hold nothing then
    if (reorder.held > 0) this.#chaseHoles(reorder, nowMs);
  }

  #rtcp(datagram: Buffer, nowMs: number): void {
    this.#statistics!.rtcp(datagram, nowMs);
    const report = this.#options.onSenderReport && readSenderReport(datagram, this.#tap!.ssrc);
    if (report) this.#options.onSenderReport!(report);
  }

  #chaseHoles(reorder: ReorderBuffer, nowMs: number): void {
    reorder.expire(nowMs);
    this.counts.lost = reorder.lost;
    if (reorder.held === 0) {
      this.#nacks.clear();
      return;
    }
    const due = this.#repairs ? this.#nacks.due(reorder.missing(maxNackedAtOnce), reorder.highest, nowMs) : [];
    if (due.length > 0) {
      this.counts.nackedPackets += due.length;
      this.#send(writeNack(this.#ssrc, this.#tap!.ssrc, due));
    }
    this.#holeTimer ??= setTimeout(() => {
      this.#holeTimer = undefined;
      if (!this.#closed && this.#reorder!.held > 0) this.#chaseHoles(this.#reorder!, unixMs());
    }, holeTickMs);
  }

  /** Also when nothing is missing. */
  requestKeyFrame(): void {
    this.#keyFrameWanted = true;
    this.#askForKeyFrame();
  }

  /** At most one PLI in 300 ms; a request inside that time is sent at its end, if it is still needed then. */
  #askForKeyFrame(): void {
    if (this.#closed || this.#tap === undefined || !this.#repairs || this.#keyFrameTimer !== undefined) return;
    const nowMs = performance.now();
    const waitMs = this.#keyFrameRequestedAtMs + keyFrameRequestEveryMs - nowMs;
    if (waitMs > 0) {
      this.#keyFrameTimer = setTimeout(() => {
        this.#keyFrameTimer = undefined;
        if (this.#depacketiser?.needsKey || this.#keyFrameWanted) this.#askForKeyFrame();
      }, waitMs);
      return;
    }
    this.#keyFrameRequestedAtMs = nowMs;
    this.counts.keyFrameRequests++;
    this.#send(writePli(this.#ssrc, this.#tap.ssrc));
  }

  /** The decoder lost its state: nothing is emitted before the next key frame, which is asked for. */
  requireKeyFrame(): void {
    this.#depacketiser?.requireKey();
    this.#askForKeyFrame();
  }

  #report(): void {
    if (this.#lastPacketAtMs !== undefined) {
      this.#send(this.#statistics!.report(this.#ssrc, this.#tap!.ssrc, unixMs()));
    }
    if (this.#depacketiser?.needsKey) this.#askForKeyFrame();
  }

  #send(packet: Buffer): void {
    if (this.#closed || this.#remote === undefined) return;
    this.#socket.send(packet, this.#remote.port, this.#remote.ip, (error) => {
      if (error) this.counts.socketErrors++;
    });
  }

  close(_reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#holeTimer);
    clearTimeout(this.#keyFrameTimer);
    clearInterval(this.#reportTimer);
    this.#socket.close();
  }

  dump(): object {
    return { local: this.#closed ? null : this.local, remote: this.#remote, tap: this.#tap, counts: this.counts };
  }
}
