import type { AnalysisScheduler } from './analysis/AnalysisScheduler.ts';
import type { Brands } from './brands/Brands.ts';
import type { Exposures } from './exposure/Exposures.ts';
import type { History } from './history/History.ts';
import { defaultCacheBytes, type HlsProxy, maxWaiting } from './hls/HlsProxy.ts';
import { maxOriginRequests } from './hls/OriginClient.ts';
import type { Metrics } from './Metrics.ts';
import type { NodeRegistry } from './nodes/NodeRegistry.ts';
import type { SignalingServer } from './signaling/SignalingServer.ts';
import type { Sources } from './sources/Sources.ts';
import type { Streams } from './streams/Streams.ts';
import type { WhepEndpoint } from './whep/WhepEndpoint.ts';
import type { WhipEndpoint } from './whip/WhipEndpoint.ts';

/** What the server's gauges read at each scrape. */
export interface GaugedParts {
  streams: Streams;
  analyses: AnalysisScheduler;
  signaling: SignalingServer;
  whip: WhipEndpoint;
  whep: WhepEndpoint;
  hls: HlsProxy;
  exposures: Exposures;
  history: History;
  sources: Sources;
  brands: Brands;
  registry: NodeRegistry;
}

export function addServerGauges(metrics: Metrics, parts: GaugedParts): void {
  metrics.gauge('framelock_viewers', 'Viewers connected', () => sum(parts.streams.all.map((live) => live.viewers)));
  metrics.gauge('framelock_publications', 'Publications running', () =>
    sum(parts.streams.all.map((live) => (live.publication ? 1 : 0))),
  );
  metrics.gauge('framelock_streams_open', 'Streams that somebody publishes or watches', () => parts.streams.all.length);
  metrics.gauge('framelock_analyses_running', 'Publications being analysed', () => parts.analyses.running);
  metrics.gauge('framelock_signaling_peers', 'Signalling sockets', () => parts.signaling.peers);
  metrics.gauge('framelock_whip_sessions', 'WHIP sessions, handshakes included', () => parts.whip.sessions);
  metrics.gauge('framelock_whep_sessions', 'WHEP sessions, handshakes included', () => parts.whep.sessions);
  metrics.labelledGauge('framelock_hls_proxy', 'What the HLS proxy holds, and its limits', 'what', () => [
    ...Object.entries(parts.hls.figures),
    ...Object.entries({ maxCachedBytes: defaultCacheBytes, maxWaiting, maxOriginRequests }),
  ]);
  metrics.gauge('framelock_exposure_waiting', 'Appearances that wait for the database', () => parts.exposures.waiting);
  metrics.gauge(
    'framelock_history_waiting',
    'HistoryBatches on their way to the database or the spool',
    () => parts.history.figures.waiting,
  );
  metrics.gauge(
    'framelock_history_spool_bytes',
    'On disk until the database takes it',
    () => parts.history.figures.spoolBytes,
  );
  metrics.gauge(
    'framelock_history_spool_batches',
    'HistoryBatches on disk until the database takes them',
    () => parts.history.figures.spoolBatches,
  );
  metrics.gauge('framelock_poster_bytes', 'Memory of posters', () => parts.streams.posters.bytes);
  metrics.labelledGauge('framelock_sources', 'Sources, by state', 'state', () => parts.sources.counts());
  metrics.labelledGauge('framelock_brands', 'Brands of the gallery, by state', 'state', () => parts.brands.counts());
  metrics.labelledGauge('framelock_nodes', 'Nodes connected', 'kind', () => [
    ['sfu', parts.registry.sfus.length],
    ['inference', parts.registry.inferences.length],
  ]);
  metrics.labelledGauge('framelock_node_heartbeat_age_seconds', 'Since each known node was heard of', 'node', () =>
    parts.registry.heartbeatAges(),
  );
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
