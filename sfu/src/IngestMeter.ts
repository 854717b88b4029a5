import type { types } from 'mediasoup';
import { ingestStatsEveryMs, type IngestStats, type ProducerStats } from '@framelock/server/protocol';
import { KeyFrameClock } from './KeyFrameClock.ts';

export interface IngestMeterOptions {
  onStats(stats: IngestStats): void;
  everyMs?: number;
}

interface Sample {
  lost: number;
  received: number;
}

interface Metered {
  producer: types.Producer;
  keyFrames: KeyFrameClock;
  /** Newest last; `lossWindow + 1` at most. */
  samples: Sample[];
}

/** Reports that loss is taken over: mediasoup counts anew with each receiver report, which audio gets every 5 s only. */
const lossWindow = 3;
/** As many as the report's schema takes. */
const maxProducers = 16;

/** Measures what arrives of a Publication: asks the Worker every `everyMs` and tells all its Producers at once. */
export class IngestMeter {
  readonly #onStats: (stats: IngestStats) => void;
  readonly #metered = new Map<string, Metered>();
  readonly #timer: NodeJS.Timeout;
  #asking = false;
  #closed = false;

  private constructor({ onStats, everyMs = ingestStatsEveryMs }: IngestMeterOptions) {
    this.#onStats = onStats;
    this.#timer = setInterval(() => void this.#report(), everyMs);
  }

  static create(options: IngestMeterOptions): IngestMeter {
    return new IngestMeter(options);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Until the Producer closes. More than the report can carry are not measured. */
  add(producer: types.Producer): void {
    if (this.#closed || producer.closed || this.#metered.size >= maxProducers) return;
    const keyFrames = new KeyFrameClock();
    this.#metered.set(producer.id, { producer, keyFrames, samples: [] });
    producer.observer.once('close', () => this.#metered.delete(producer.id));
    if (producer.kind !== 'video') return;
    producer.on('trace', (trace) => {
      const timestamp = keyFrameTimestampOf(trace);
      if (timestamp !== undefined) keyFrames.seen(timestamp, performance.now());
    });
    // One notification for each packet that begins a key frame, not for each packet.
    producer.enableTraceEvent(['keyframe']).catch(() => {}); // it closed meanwhile
  }

  /** A Worker that answers late is not asked again meanwhile. */
  async #report(): Promise<void> {
    if (this.#asking || this.#metered.size === 0) return;
    this.#asking = true;
    const asked = await Promise.allSettled([...this.#metered.values()].map((one) => measure(one)));
    this.#asking = false;
    const producers = asked.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
    if (!this.#closed && producers.length > 0) this.#onStats({ producers });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#metered.clear();
  }
}

async function measure({ producer, keyFrames, samples }: Metered): Promise<ProducerStats | undefined> {
  const streams = await producer.getStats();
  if (producer.closed) return undefined;
  const sum = (of: (stream: types.ProducerStat) => number): number => streams.reduce((all, one) => all + of(one), 0);
  const clockRate = producer.rtpParameters.codecs[0]!.clockRate;
  const roundTripMs = Math.max(0, ...streams.map(({ roundTripTime = 0 }) => roundTripTime));
  samples.push({ lost: sum(({ packetsLost }) => packetsLost), received: sum(({ packetCount }) => packetCount) });
  if (samples.length > lossWindow + 1) samples.shift();
  return {
    producerId: producer.id,
    bitrateBps: sum(({ bitrate }) => bitrate),
    lossFraction: lossOver(samples),
    // In ticks of the RTP clock (RFC 3550 section 6.4.1).
    jitterMs: (Math.max(0, ...streams.map(({ jitter }) => jitter)) / clockRate) * 1000,
    // mediasoup knows it only of publishers that answer with RTCP XR; 0 is "not known".
    ...(roundTripMs > 0 ? { rttMs: roundTripMs } : {}),
    ...(producer.kind === 'video'
      ? {
          keyFrameIntervalMs: keyFrames.intervalMs(performance.now()),
          keyFrameRequests: sum(({ pliCount, firCount }) => pliCount + firCount),
        }
      : {}),
  };
}

/**
 * What NACK brought back is in mediasoup's `packetCount` and no longer in its `packetsLost`, which can shrink. A stream
 * that begins at sequence number 0 is a whole cycle short from its first packet on (RtpStream.cpp, `InitSeq`).
 */
function lossOver(samples: readonly Sample[]): number {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const since = samples.length > 1 ? first : { lost: 0, received: 0 };
  const lost = Math.max(0, last.lost - since.lost) % 0x1_0000;
  const expected = lost + Math.max(0, last.received - since.received);
  return expected === 0 ? 0 : lost / expected;
}

/** mediasoup 3.27.1 types a trace's `info` as unknown; it is KeyFrameTraceInfo, whose packet has these. */
function keyFrameTimestampOf({ type, info }: types.ProducerTraceEventData): number | undefined {
  if (type !== 'keyframe') return undefined;
  const timestamp = (info.rtpPacket as { timestamp?: unknown } | undefined)?.timestamp;
  return typeof timestamp === 'number' ? timestamp : undefined;
}
