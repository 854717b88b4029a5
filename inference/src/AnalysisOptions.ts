import type { ModelDescription, ZoneSettings } from '@framelock/server/protocol';
import type { SocketAddress } from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import type { NodeGallery } from './brands/NodeGallery.ts';
import type { DecodePool } from './decode/DecodePool.ts';
import type { DetectorPool } from './detect/DetectorPool.ts';
import type { ExposureReporter } from './exposure/ExposureReporter.ts';
import type { AnalysisHistory } from './history/AnalysisHistory.ts';
import type { Metrics } from './metrics.ts';

export interface AnalysisOptions {
  publicationId: string;
  streamId: string;
  /** Address for the Tap's UDP socket. */
  host: string;
  nodeSecret: string;
  maxFps: number;
  decodePool: DecodePool;
  detectorPool: DetectorPool;
  gallery: NodeGallery;
  metrics: Metrics;
  log: Logger;
  openExposure(): ExposureReporter;
  openHistory(): AnalysisHistory;
  onDescription(description: ModelDescription): void;
  /** Only where it was started with `posterEveryMs`. */
  onPoster?(jpeg: Uint8Array): void;
  /** The state or its reason changed; rates follow once a second anyway. */
  onChange(): void;
}

export interface StartOptions {
  modelId?: string;
  tap: { remote: SocketAddress; rtpParameters: unknown; type: string };
  feedUrl: string;
  firstRevision: number;
  posterEveryMs?: number | undefined;
  /** What is drawn on the picture. */
  zones?: ZoneSettings | undefined;
}
