import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type AnalysisView,
  type AnalysisWish,
  type BrowserAnalysisReport,
  type BrowserModel,
  type ModelDescription,
  type Opaque,
  Refusal,
  type ZoneSettings,
  type ZonesLive,
} from '../protocol/index.ts';
import type { Publication } from '../streams/Publication.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import type { AnalysisScheduler } from './AnalysisScheduler.ts';
import { BrowserAnalysis } from './BrowserAnalysis.ts';
import type { PublicationAnalysis } from './PublicationAnalysis.ts';

export interface StreamAnalysisOptions {
  streamId: string;
  modelId: string | null;
  analyses: AnalysisScheduler;
  zones(): ZoneSettings;
  /** What is published just now, and by whom. */
  current(): { publication: Publication | undefined; publisher: StreamPeer | undefined };
  onView(publicationId: string, analysis: AnalysisView): void;
  onDescription(publicationId: string, description: ModelDescription): void;
  onPoster(jpeg: Uint8Array<ArrayBuffer>): void;
  onZonesLive(publicationId: string, live: ZonesLive): void;
}

/** Who analyses what one Stream publishes: an inference node, or the publisher's own page where that asked for it. */
export class StreamAnalysis {
  /** Of nodes; a page has its own. */
  modelId: string | null;
  readonly #options: StreamAnalysisOptions;
  #analysis: PublicationAnalysis | BrowserAnalysis | undefined;
  /** Pages that want to run the model themselves, from before they publish on; which of them will is not known yet. */
  readonly #browsers = new WeakMap<StreamPeer, BrowserModel>();
  /** Wishes are done one after the other: two at once would make the same revision. */
  #wishes: Promise<unknown> = Promise.resolve();
  /** Revisions of descriptions count up inside a Publication, over every analysis of it. */
  #nextRevision = 1;

  constructor(options: StreamAnalysisOptions) {
    this.#options = options;
    this.modelId = options.modelId;
  }

  get view(): AnalysisView {
    return this.#analysis?.view ?? { state: 'off' };
  }

  get description(): ModelDescription | null {
    return this.#analysis?.description ?? null;
  }

  /** A node that checks a model itself when it is told of one. */
  get runsOnNode(): boolean {
    return this.#analysis !== undefined && !(this.#analysis instanceof BrowserAnalysis) && this.#analysis.running;
  }

  /** It was started, and neither stopped nor ended since. */
  get wanted(): boolean {
    return this.#analysis !== undefined;
  }

  start(publication: Publication): void {
    this.stop('replaced');
    const publicationId = publication.id;
    const { current, analyses, streamId, zones, onPoster, onZonesLive, ...options } = this.#options;
    const isCurrent = () => current().publication === publication;
    const firstRevision = this.#nextRevision;
    const onView = (view: AnalysisView): void => void (isCurrent() && options.onView(publicationId, view));
    const onDescription = (description: ModelDescription): void => {
      if (!isCurrent()) return;
      this.#nextRevision = description.revision + 1;
      options.onDescription(publicationId, description);
    };
    const { video } = publication;
    const { publisher } = current();
    const model = publisher && this.#browsers.get(publisher);
    if (video && model) {
      this.#analysis = BrowserAnalysis.create({ model, producerId: video.id, firstRevision, onView, onDescription });
      return;
    }
    this.#analysis = analyses.start({
      ...{ publicationId, streamId, sfu: publication.sfu, modelId: this.modelId, firstRevision },
      ...(publication.publishedBy === 'browser' ? {} : { onPoster: (jpeg) => void (isCurrent() && onPoster(jpeg)) }),
      ...{ zones, onView, onDescription },
      onZonesLive: (live) => void (isCurrent() && onZonesLive(publicationId, live)),
    });
  }

  stop(reason: string): void {
    const analysis = this.#analysis;
    if (!analysis) return;
    const { publication } = this.#options.current();
    if (analysis instanceof BrowserAnalysis) {
      analysis.close();
      // Else the page could go on writing beside a node.
      if (publication) void publication.sfu.requestIfOpen('closeDetections', { publicationId: publication.id });
    } else this.#options.analyses.stop(analysis, reason);
    this.#analysis = undefined;
    if (publication) this.#options.onView(publication.id, this.view);
  }

  /** The Publication has ended. */
  end(reason: string): void {
    this.stop(reason);
    this.#nextRevision = 1;
  }

  /** It has left. */
  forget(peer: StreamPeer): void {
    this.#browsers.delete(peer);
  }

  /** Refuses, and changes nothing, when the analysis node does. A page that runs a model keeps that. */
  async setModel(modelId: string | null): Promise<void> {
    if (!(this.#analysis instanceof BrowserAnalysis)) await this.#analysis?.setModel(modelId);
    this.modelId = modelId;
  }

  /** A page that runs a model counts nothing in zones. */
  zonesChanged(): void {
    if (!(this.#analysis instanceof BrowserAnalysis)) this.#analysis?.zonesChanged();
  }

  /** Before the peer publishes, or while it does. Answers the revision of what viewers were told; null = nothing yet. */
  setAnalysis(peer: StreamPeer, wish: AnalysisWish): Promise<{ revision: number | null }> {
    const done = this.#wishes.then(() => this.#setAnalysis(peer, wish));
    this.#wishes = done.catch(() => undefined);
    return done;
  }

  async #setAnalysis(peer: StreamPeer, wish: AnalysisWish): Promise<{ revision: number | null }> {
    if (wish.by === 'browser') this.#browsers.set(peer, wish.model);
    else this.forget(peer);
    const { publication, publisher } = this.#options.current();
    if (publisher !== peer || !publication?.video) return { revision: null };
    const analysis = this.#analysis;
    if (wish.by === 'browser' && analysis instanceof BrowserAnalysis) {
      const revision = analysis.description.revision + 1;
      // First, so that no message of the new revision is refused.
      await publication.sfu.request('setDetectionsRevision', { publicationId: publication.id, revision });
      this.#stillSo(analysis, revision - 1);
      analysis.describe(wish.model);
      return { revision };
    }
    if (wish.by === 'browser' || analysis instanceof BrowserAnalysis) this.start(publication);
    return { revision: this.#byPage(peer)?.description.revision ?? null };
  }

  async produceDetections(peer: StreamPeer, sfu: SfuNode, transportId: string, sctpStreamParameters: Opaque) {
    const analysis = this.#byPage(peer);
    const { publication } = this.#options.current();
    if (!analysis || publication?.sfu !== sfu) {
      throw new Refusal('conflict', 'say with setAnalysis that this page computes, and publish a video, before');
    }
    const { revision } = analysis.description;
    const request = { transportId, publicationId: publication.id, sctpStreamParameters, revision };
    const { dataProducerId } = await sfu.request('produceDetections', request);
    try {
      this.#stillSo(analysis, revision);
    } catch (error) {
      // What closed it before may have come to the sfu before it was there.
      void sfu.requestIfOpen('closeDetections', { publicationId: publication.id });
      throw error;
    }
    return { dataProducerId, revision };
  }

  report(peer: StreamPeer, report: BrowserAnalysisReport): void {
    const analysis = this.#byPage(peer);
    if (!analysis) throw new Refusal('conflict', 'this page does not analyse what is published');
    analysis.report(report);
  }

  #byPage(peer: StreamPeer): BrowserAnalysis | undefined {
    const isPublisher = this.#options.current().publisher === peer;
    return isPublisher && this.#analysis instanceof BrowserAnalysis ? this.#analysis : undefined;
  }

  #stillSo(analysis: BrowserAnalysis, revision: number): void {
    if (this.#analysis !== analysis || analysis.description.revision !== revision) {
      throw new Refusal('conflict', 'the analysis was changed meanwhile');
    }
  }
}
