import type { PublisherStats } from './PublisherStats.ts';

type LimitedBy = PublisherStats['limitedBy'];

/** The fields used of RTCOutboundRtpStreamStats and RTCRemoteInboundRtpStreamStats (W3C webrtc-stats). */
interface Outbound {
  atMs: number;
  bytesSent: number;
  packetsSent: number;
  framesEncoded: number;
  framesSent: number;
  totalEncodeTime: number;
  totalPacketSendDelay: number;
}

const nothingYet: Outbound = {
  ...{ atMs: 0, bytesSent: 0, packetsSent: 0, framesEncoded: 0, framesSent: 0 },
  ...{ totalEncodeTime: 0, totalPacketSendDelay: 0 },
};

type Entry = Record<string, unknown> & { type: string; kind?: string };

const nothingSent: PublisherStats = {
  bitrateBps: 0,
  rttMs: 0,
  fps: 0,
  width: 0,
  height: 0,
  codec: '',
  limitedBy: 'none',
  captureToSendMs: 0,
  encodeMs: 0,
  packetsLost: 0,
  reconnections: 0,
};

/** Turns a sender's running totals into figures of the time since the last look. */
export class PublisherMeter {
  #last: Outbound | undefined;
  #stats: PublisherStats = { ...nothingSent };

  get stats(): PublisherStats {
    return this.#stats;
  }

  /** A new connection counts from 0 again. */
  restart(): void {
    this.#last = undefined;
    this.#stats = { ...nothingSent, reconnections: this.#stats.reconnections };
  }

  /** `report` is of an RTCPeerConnection that sends one video at most. */
  add(report: Iterable<[string, unknown]>, reconnections: number): PublisherStats {
    const entries = [...report].map(([, entry]) => entry as Entry);
    const outbound = entries.find(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    if (!outbound) return (this.#stats = { ...nothingSent, reconnections });
    const remote = entries.find(({ type, kind }) => type === 'remote-inbound-rtp' && kind === 'video');
    const pair = entries.find((entry) => entry.type === 'candidate-pair' && entry['state'] === 'succeeded');
    const codec = entries.find((entry) => entry.type === 'codec' && entry['id'] === outbound['codecId']);
    const source = entries.find(({ type, kind }) => type === 'media-source' && kind === 'video');
    const now = totalsOf(outbound);
    // The first look gives means since the connection began, and no rates.
    const before = this.#last ?? { ...nothingYet, atMs: now.atMs };
    this.#last = now;
    const seconds = (now.atMs - before.atMs) / 1000;
    const encodeMs = perUnitMs(now.totalEncodeTime - before.totalEncodeTime, now.framesEncoded - before.framesEncoded);
    const sendMs = perUnitMs(
      now.totalPacketSendDelay - before.totalPacketSendDelay,
      now.packetsSent - before.packetsSent,
    );
    const rttSeconds = number(remote?.['roundTripTime']) || number(pair?.['currentRoundTripTime']);
    return (this.#stats = {
      bitrateBps: seconds > 0 ? ((now.bytesSent - before.bytesSent) * 8) / seconds : 0,
      rttMs: rttSeconds * 1000,
      fps: Math.min(
        seconds > 0 ? (now.framesSent - before.framesSent) / seconds : number(outbound['framesPerSecond']),
        // Chromium counts each spatial layer of a picture as a frame sent.
        number(source?.['framesPerSecond']) || Infinity,
      ),
      width: number(outbound['frameWidth']),
      height: number(outbound['frameHeight']),
      codec: typeof codec?.['mimeType'] === 'string' ? codec['mimeType'] : '',
      limitedBy: limitedBy(outbound['qualityLimitationReason']),
      captureToSendMs: encodeMs + sendMs,
      encodeMs,
      packetsLost: Math.max(0, number(remote?.['packetsLost'])),
      reconnections,
    });
  }
}

function totalsOf(entry: Entry): Outbound {
  return {
    atMs: number(entry['timestamp']),
    bytesSent: number(entry['bytesSent']),
    packetsSent: number(entry['packetsSent']),
    framesEncoded: number(entry['framesEncoded']),
    framesSent: number(entry['framesSent']),
    totalEncodeTime: number(entry['totalEncodeTime']),
    totalPacketSendDelay: number(entry['totalPacketSendDelay']),
  };
}

function perUnitMs(seconds: number, units: number): number {
  return units > 0 ? (seconds * 1000) / units : 0;
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function limitedBy(value: unknown): LimitedBy {
  return value === 'cpu' || value === 'bandwidth' || value === 'other' ? value : 'none';
}
