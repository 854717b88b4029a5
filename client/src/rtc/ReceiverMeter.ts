export interface ReceiverFigures {
  /** e.g. `video/VP8`; empty until known. */
  codec: string;
  bitrateBps: number;
  packetsLost: number;
  framesDropped: number;
  /** Mean decode time over the last second, ms. */
  decodeMs: number;
  /** Round trip viewer <-> sfu, ms. */
  rttMs: number | undefined;
}

type Entry = Record<string, unknown> & { type: string; kind?: string };

/** Turns a video RTCRtpReceiver's running totals into figures of the time since the last look (W3C webrtc-stats). */
export class ReceiverMeter {
  #last = { atMs: 0, bytes: 0, decodeSeconds: 0, framesDecoded: 0 };
  figures: ReceiverFigures = {
    ...{ codec: '', bitrateBps: 0, packetsLost: 0, framesDropped: 0, decodeMs: 0, rttMs: undefined },
  };

  add(report: Iterable<[string, unknown]>): void {
    const entries = [...report].map(([, entry]) => entry as Entry);
    const inbound = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    if (!inbound) return;
    const pair = entries.find((entry) => entry.type === 'candidate-pair' && entry['state'] === 'succeeded');
    const codec = entries.find((entry) => entry.type === 'codec' && entry['id'] === inbound['codecId']);
    const now = {
      atMs: number(inbound['timestamp']),
      bytes: number(inbound['bytesReceived']),
      decodeSeconds: number(inbound['totalDecodeTime']),
      framesDecoded: number(inbound['framesDecoded']),
    };
    const before = now.bytes >= this.#last.bytes && this.#last.atMs > 0 ? this.#last : now;
    const seconds = (now.atMs - before.atMs) / 1000;
    const frames = now.framesDecoded - before.framesDecoded;
    this.#last = now;
    this.figures = {
      codec: typeof codec?.['mimeType'] === 'string' ? codec['mimeType'] : this.figures.codec,
      bitrateBps: seconds > 0 ? ((now.bytes - before.bytes) * 8) / seconds : 0,
      packetsLost: Math.max(0, number(inbound['packetsLost'])),
      framesDropped: number(inbound['framesDropped']),
      decodeMs: frames > 0 ? ((now.decodeSeconds - before.decodeSeconds) * 1000) / frames : this.figures.decodeMs,
      rttMs: pair ? number(pair['currentRoundTripTime']) * 1000 : undefined,
    };
  }
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
