import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import { type InferenceNode, leastFull } from '../nodes/NodeRegistry.ts';
import type { EventHandlers, InferenceControlContract } from '../protocol/index.ts';
import { PublicationAnalysis, type PublicationAnalysisOptions } from './PublicationAnalysis.ts';

export interface AnalysisSchedulerOptions {
  logger: Logger;
  metrics: Metrics;
  inferenceNodes(): InferenceNode[];
}

/** All analyses at work, and what the inference nodes say of them. */
export class AnalysisScheduler {
  readonly #options: AnalysisSchedulerOptions;
  readonly #analyses = new Map<string, PublicationAnalysis>();

  constructor(options: AnalysisSchedulerOptions) {
    this.#options = options;
  }

  /** Begins at once and goes on until the answer is given to `stop`. */
  start(options: Omit<PublicationAnalysisOptions, 'logger' | 'pickNode' | 'onAttempt'>): PublicationAnalysis {
    const { logger, metrics, inferenceNodes } = this.#options;
    this.#analyses.get(options.publicationId)?.close('replaced');
    const analysis = PublicationAnalysis.create({
      ...options,
      logger,
      pickNode: () => leastFull(inferenceNodes()),
      onAttempt: (outcome) => metrics.analysisStarts.inc({ outcome }),
    });
    this.#analyses.set(options.publicationId, analysis);
    return analysis;
  }

  stop(analysis: PublicationAnalysis, reason: string): void {
    analysis.close(reason);
    if (this.#analyses.get(analysis.publicationId) === analysis) this.#analyses.delete(analysis.publicationId);
  }

  get running(): number {
    return [...this.#analyses.values()].filter((analysis) => analysis.running).length;
  }

  eventsOf(node: InferenceNode): EventHandlers<InferenceControlContract> {
    return {
      analysis: ({ publicationId, analysis }) => this.#analyses.get(publicationId)?.receiveView(node, analysis),
      modelDescription: ({ publicationId, description }) =>
        this.#analyses.get(publicationId)?.receiveDescription(node, description),
      zonesLive: ({ publicationId, live }) => this.#analyses.get(publicationId)?.receiveZonesLive(node, live),
      poster: ({ publicationId, jpegBase64 }) => this.#analyses.get(publicationId)?.receivePoster(node, jpegBase64),
    };
  }

  nodeOpened(): void {
    for (const analysis of this.#analyses.values()) analysis.nodeOpened();
  }

  nodeLost(node: InferenceNode): void {
    for (const analysis of this.#analyses.values()) analysis.nodeLost(node);
  }

  dump(): Record<string, unknown> {
    return { analyses: [...this.#analyses.values()].map((analysis) => analysis.dump()) };
  }
}
