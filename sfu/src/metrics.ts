import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { tally } from './tally.ts';

/** What the node holds at this moment; the dump and the gauges show the same numbers. */
export interface SfuCounts {
  workers: number;
  routers: number;
  /** Routers besides those, for viewers that chose the payload types themselves. */
  payloadTypeRouters: number;
  publications: number;
  sources: number;
  transports: number;
  producers: number;
  consumers: number;
  dataConsumers: number;
  taps: number;
  feeds: number;
  feedWriters: number;
}

export interface TapTotals {
  packets: number;
  bytes: number;
}

export interface WorkerUsage {
  index: number;
  cpuSeconds: number;
  maxRssBytes: number;
}

/** Asked at most once in two seconds, when someone scrapes. */
export interface MetricsQuestions {
  counts(): SfuCounts;
  tapTotals(): Promise<TapTotals>;
  workerUsage(): Promise<WorkerUsage[]>;
}

const minPollMs = 2_000;

/** Counters that the sfu's classes count in; gauges that ask the SfuNode when scraped. */
export class SfuMetrics {
  readonly registry = new Registry();
  readonly feedMessages = this.#counter('framelock_feed_messages_total', 'Detection messages fanned out to viewers');
  readonly feedBytes = this.#counter('framelock_feed_bytes_total', 'Bytes of detection messages taken in');
  readonly feedRefusals = this.#counter('framelock_feed_refused_total', 'Messages on /feed refused', ['reason']);
  readonly framesDropped = this.#counter('framelock_frames_dropped_total', 'Detections dropped, per stage', ['stage']);
  readonly sourceDropped = this.#counter('framelock_source_dropped_total', 'Pieces of Sources dropped', ['stage']);
  readonly rtmpRefused = this.#counter('framelock_rtmp_refused_total', 'RTMP connections refused', ['reason']);
  readonly workerDeaths = this.#counter('framelock_worker_deaths_total', 'mediasoup Workers that died');
  readonly transportsClosed = this.#counter('framelock_transports_closed_total', 'Transports closed', ['reason']);
  readonly malformed = this.#counter('framelock_control_malformed_total', 'Malformed control messages', ['reason']);
  readonly refused = this.#counter('framelock_control_refused_total', 'Control requests refused', ['code']);
  readonly unauthorized = this.#counter('framelock_control_unauthorized_total', 'Control port requests without bearer');
  readonly serverReachable = new Gauge({
    name: 'framelock_server_reachable',
    help: '1 when the server took the last heartbeat of this node',
    registers: [this.registry],
  });
  #lastPollMs = -Infinity;

  #counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** Called once by the SfuNode; the registry asks through it from then on. */
  observe(questions: MetricsQuestions): void {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const held = new Gauge({
      name: 'framelock_sfu_held',
      help: 'Objects this node holds',
      labelNames: ['what'],
      registers,
    });
    const rss = new Gauge({
      name: 'framelock_worker_max_rss_bytes',
      help: 'Peak resident memory of a mediasoup Worker',
      labelNames: ['worker'],
      registers,
    });
    let taps: TapTotals = { packets: 0, bytes: 0 };
    let workers: WorkerUsage[] = [];
    tally(this.registry, 'framelock_worker_cpu_seconds_total', 'CPU time of a mediasoup Worker', ['worker'], () =>
      workers.map(({ index, cpuSeconds }) => [{ worker: index }, cpuSeconds]),
    );
    tally(this.registry, 'framelock_tap_packets_total', 'RTP packets sent through FrameTaps', [], () => [
      [{}, taps.packets],
    ]);
    tally(this.registry, 'framelock_tap_bytes_total', 'RTP bytes sent through FrameTaps', [], () => [[{}, taps.bytes]]);
    this.#poll = async () => {
      for (const [what, count] of Object.entries(questions.counts())) held.set({ what }, count);
      if (performance.now() - this.#lastPollMs < minPollMs) return;
      this.#lastPollMs = performance.now();
      [taps, workers] = await Promise.all([questions.tapTotals(), questions.workerUsage()]);
      rss.reset();
      for (const { index, maxRssBytes } of workers) rss.set({ worker: index }, maxRssBytes);
    };
  }

  #poll: () => Promise<void> = async () => {};

  async scrape(): Promise<string> {
    await this.#poll();
    return this.registry.metrics();
  }
}
