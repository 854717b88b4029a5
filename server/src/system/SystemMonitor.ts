import type { Metrics } from '../Metrics.ts';
import type { InferenceNode, NodeRegistry, SfuNode } from '../nodes/NodeRegistry.ts';
import { ProcessMeter } from '../protocol/node.ts';
import type { NodeFigures, ProcessFigures, SampleName, SystemNode, SystemView } from '../protocol/index.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { FaultLog } from './FaultLog.ts';
import { MetricReadings } from './MetricReadings.ts';
import { SampleRing } from './SampleRing.ts';

const everyMs = 2_000;
/** Five minutes: long enough to see what led to something, short enough to be sent whole. */
const sampleCount = 150;
const pingTimeoutMs = 1_000;

/** Counters of the server's own registry that are faults; what it merely refuses is not. */
const faultCounters: Record<string, { name: string; takes?: (labels: Record<string, string | number>) => boolean }> = {
  nodesLost: { name: 'framelock_nodes_lost_total' },
  databaseFaults: { name: 'framelock_database_faults_total' },
  malformedMessages: { name: 'framelock_malformed_messages_total' },
  analysisStartsFailed: { name: 'framelock_analysis_starts_total', takes: ({ outcome }) => outcome === 'failed' },
  sourcesFailed: { name: 'framelock_source_attempts_total', takes: ({ outcome }) => outcome === 'failed' },
  galleryPushesFailed: { name: 'framelock_gallery_pushes_total', takes: ({ outcome }) => outcome !== 'taken' },
  auditEntriesDropped: { name: 'framelock_audit_entries_dropped_total' },
  wrongFrames: { name: 'framelock_viewer_wrong_frames_total' },
};

export interface SystemMonitorOptions {
  metrics: Metrics;
  registry: Pick<NodeRegistry, 'nodes' | 'heartbeatAges'>;
  liveStreams(): readonly LiveStream[];
  database: { engine: 'pglite' | 'postgres'; ping(): Promise<void> };
  /** Limits of what the server holds, by the label that its metrics have. */
  hlsWaitingLimit: number;
}

/** The last minutes of the whole product, from what nodes and the server's own metrics say; for the system page. */
export class SystemMonitor {
  readonly #options: SystemMonitorOptions;
  readonly #samples = new SampleRing(sampleCount);
  readonly #faults = new FaultLog(sampleCount);
  readonly #process = new ProcessMeter();
  readonly #startedAt = new Date();
  #usage: ProcessFigures | undefined;
  #readings: MetricReadings | undefined;
  #sampledAtMs: number | undefined;
  /** Totals at the last sample, by what they count. */
  readonly #totals = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: SystemMonitorOptions) {
    this.#options = options;
  }

  static create(options: SystemMonitorOptions): SystemMonitor {
    const monitor = new SystemMonitor(options);
    void monitor.#run();
    return monitor;
  }

  async #run(): Promise<void> {
    await this.#sample();
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#run(), everyMs);
    this.#timer.unref();
  }

  async #sample(): Promise<void> {
    const { metrics, registry } = this.#options;
    const readings = await MetricReadings.create(metrics.registry);
    if (this.#closed) return;
    const nowMs = performance.now();
    const seconds = this.#sampledAtMs === undefined ? undefined : (nowMs - this.#sampledAtMs) / 1_000;
    this.#sampledAtMs = nowMs;
    this.#readings = readings;
    this.#usage = this.#process.read('server');
    this.#samples.push({
      ...this.#analysisSample(seconds),
      ...this.#nodeSample(),
      ...this.#ownSample(readings, seconds),
    });
    this.#faults.next();
    this.#faults.take('server', this.#ownFigures(readings).faults, Date.now());
    for (const { id, heartbeat } of registry.nodes) this.#faults.take(id, heartbeat.figures?.faults ?? {}, Date.now());
  }

  #analysisSample(seconds: number | undefined): Partial<Record<SampleName, number | undefined>> {
    const views = this.#options.liveStreams().flatMap(({ analysisView }) => analysisView);
    const running = views.filter(({ state }) => state === 'running');
    const sum = (values: (number | undefined)[]) => values.reduce<number>((total, one) => total + (one ?? 0), 0);
    const stage = (name: 'decode' | 'queue' | 'inference' | 'publish') => {
      const known = running.flatMap(({ stageMs }) => stageMs?.[name] ?? []);
      return known.length === 0 ? undefined : sum(known) / known.length;
    };
    const dropped = running.map((view) => view.dropped ?? {});
    const passedOver = sum(dropped.map(({ sampler }) => sampler));
    const lost = sum(dropped.flatMap(({ sampler: _passedOver, ...others }) => Object.values(others)));
    return {
      sourceFps: sum(running.map(({ sourceFps }) => sourceFps)),
      analysedFps: sum(running.map(({ analysisFps }) => analysisFps)),
      passedOverPerSecond: this.#rate('passedOver', passedOver, seconds),
      lostPerSecond: this.#rate('lost', lost, seconds),
      decodeMs: stage('decode'),
      queueMs: stage('queue'),
      inferenceMs: stage('inference'),
      publishMs: stage('publish'),
    };
  }

  #nodeSample(): Partial<Record<SampleName, number | undefined>> {
    const sample: Partial<Record<SampleName, number | undefined>> = {};
    for (const kind of ['sfu', 'inference'] as const) {
      const nodes = this.#options.registry.nodes.filter((node) => node.kind === kind);
      const processes = nodes.flatMap(({ heartbeat }) => heartbeat.figures?.processes ?? []);
      if (processes.length === 0) continue;
      sample[`${kind}Cores`] = processes.reduce((total, { cores }) => total + cores, 0);
      sample[`${kind}Bytes`] = processes.reduce((total, { rssBytes }) => total + rssBytes, 0);
    }
    return sample;
  }

  #ownSample(readings: MetricReadings, seconds: number | undefined): Partial<Record<SampleName, number | undefined>> {
    const isKept = ({ outcome }: Record<string, string | number>) => outcome === 'stored' || outcome === 'spooled';
    return {
      overlayMs: this.#meanMs('overlay', readings.histogram('framelock_capture_to_overlay_seconds')),
      serverCores: this.#usage?.cores,
      serverBytes: this.#usage?.rssBytes,
      historyBatchesPerSecond: this.#rate('batches', readings.sum('framelock_history_batches_total', isKept), seconds),
      historyWriteMs: this.#meanMs('write', readings.histogram('framelock_history_write_seconds')),
      spoolBytes: readings.sum('framelock_history_spool_bytes'),
      viewers: readings.sum('framelock_viewers'),
    };
  }

  /** What was added since the last sample; a count that fell began anew. */
  #added(what: string, total: number): number {
    const last = this.#totals.get(what) ?? 0;
    this.#totals.set(what, total);
    return total >= last ? total - last : total;
  }

  /** Of what a histogram of seconds was told since the last sample; undefined = nothing. */
  #meanMs(what: string, { sum, count }: { sum: number; count: number }): number | undefined {
    const told = this.#added(`${what} count`, count);
    const seconds = this.#added(`${what} seconds`, sum);
    return told > 0 ? (seconds / told) * 1_000 : undefined;
  }

  #rate(what: string, total: number, seconds: number | undefined): number | undefined {
    const added = this.#added(what, total);
    return seconds === undefined ? undefined : added / seconds;
  }

  #ownFigures(readings: MetricReadings): NodeFigures {
    const faults: Record<string, number> = {};
    for (const [what, { name, takes }] of Object.entries(faultCounters)) faults[what] = readings.sum(name, takes);
    const dropped: Record<string, number> = {};
    for (const [labels, value] of readings.each('framelock_history_dropped_total')) {
      dropped[`history ${labels}`.trim().slice(0, 40)] = value;
    }
    const { hlsWaitingLimit } = this.#options;
    const waiting = readings.sum('framelock_hls_proxy', ({ what }) => what === 'waiting');
    return {
      processes: this.#usage ? [this.#usage] : [],
      queues: [
        { name: 'hlsRequests', length: waiting, limit: hlsWaitingLimit },
        { name: 'history', length: readings.sum('framelock_history_waiting'), limit: null },
        { name: 'historySpool', length: readings.sum('framelock_history_spool_batches'), limit: null },
        { name: 'appearances', length: readings.sum('framelock_exposure_waiting'), limit: null },
      ],
      dropped,
      faults,
    };
  }

  async view(): Promise<SystemView> {
    const readings = (this.#readings ??= await MetricReadings.create(this.#options.metrics.registry));
    const { registry, liveStreams } = this.#options;
    const ages = new Map(registry.heartbeatAges());
    return {
      at: new Date().toISOString(),
      startedAt: this.#startedAt.toISOString(),
      version: packageJson.version,
      database: await this.#databaseState(),
      server: this.#ownFigures(readings),
      nodes: registry.nodes.map((node) => nodeView(node, ages.get(node.id) ?? 0)),
      analyses: liveStreams().flatMap((live) =>
        live.publication
          ? [{ streamId: live.id, streamName: live.name, viewers: live.viewers, analysis: live.analysisView }]
          : [],
      ),
      faults: this.#faults.view(),
      samples: { everyMs, series: this.#samples.series },
    };
  }

  async #databaseState(): Promise<SystemView['database']> {
    const { database } = this.#options;
    const askedAtMs = performance.now();
    const answers = await Promise.race([
      database.ping().then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => setTimeout(resolve, pingTimeoutMs, false).unref()),
    ]);
    const pingMs = answers ? Math.round((performance.now() - askedAtMs) * 10) / 10 : null;
    return { engine: database.engine, answers, pingMs };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}

function nodeView(node: SfuNode | InferenceNode, heartbeatAgeSeconds: number): SystemNode {
  const { version, load, capacity, figures } = node.heartbeat;
  return {
    id: node.id,
    kind: node.kind,
    connected: node.open,
    version,
    load,
    capacity,
    heartbeatAgeSeconds: Math.round(heartbeatAgeSeconds * 10) / 10,
    clockOffsetMs: node.clockOffsetMs === undefined ? null : Math.round(node.clockOffsetMs * 10) / 10,
    figures: figures ?? null,
  };
}
