import type { Logger } from 'pino';
import type { InferenceNode, SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type AnalysisView,
  type ModelDescription,
  Refusal,
  refusalOf,
  type ZoneSettings,
  type ZonesLive,
} from '../protocol/index.ts';
import { traced } from '../protocol/tracing/index.ts';
import { ZonePush } from '../zones/ZonePush.ts';

/** Loading a model on an accelerator can take most of a minute. */
const startTimeoutMs = 90_000;
const retryFirstMs = 500;
const retryMaxMs = 10_000;
/** A page of Streams needs no more. */
const posterEveryMs = 5_000;

export interface PublicationAnalysisOptions {
  publicationId: string;
  streamId: string;
  sfu: SfuNode;
  /** Null = the node's default model. */
  modelId: string | null;
  /** Revisions begin here, since an earlier analysis of the same Publication may have used the ones before. */
  firstRevision: number;
  logger: Logger;
  /** What is drawn on the Stream's picture now; `zonesChanged` says that it is another. */
  zones(): ZoneSettings;
  pickNode(): InferenceNode | undefined;
  onView(view: AnalysisView): void;
  onDescription(description: ModelDescription): void;
  /** Asks for a small JPEG now and then; for Publications of which no browser uploads a picture. */
  onPoster?(jpeg: Uint8Array<ArrayBuffer>): void;
  onZonesLive(live: ZonesLive): void;
  onAttempt(outcome: 'running' | 'failed' | 'noNode'): void;
}

/**
 * Keeps one Publication analysed for as long as it runs: chooses a node, joins the sfu's FrameTap to it, and begins
 * again elsewhere (or later) when that ends. Video never depends on it.
 */
export class PublicationAnalysis {
  readonly publicationId: string;
  readonly #options: PublicationAnalysisOptions;
  readonly #logger: Logger;
  #view: AnalysisView = { state: 'starting' };
  #description: ModelDescription | undefined;
  /** What the sfu taps: its timestamps are those of the detections. */
  #producerId: string | undefined;
  #modelId: string | null;
  #nextRevision: number;
  /** The node at work, from its choice until its end. */
  #node: InferenceNode | undefined;
  readonly #zones: ZonePush;
  /** Its control connection broke since it was chosen, though it may be back by now. */
  #nodeLost = false;
  #running = false;
  #closed = false;
  /** Ends the present wait: the run's own end, or the pause before the next attempt. */
  #interrupt: ((reason: string) => void) | undefined;

  private constructor(options: PublicationAnalysisOptions) {
    this.#options = options;
    this.publicationId = options.publicationId;
    this.#modelId = options.modelId;
    this.#nextRevision = options.firstRevision;
    this.#logger = options.logger.child({ publicationId: options.publicationId });
    this.#zones = new ZonePush({
      ...{ publicationId: options.publicationId, logger: this.#logger },
      settings: () => options.zones(),
    });
  }

  static create(options: PublicationAnalysisOptions): PublicationAnalysis {
    const analysis = new PublicationAnalysis(options);
    void analysis.#keepRunning();
    return analysis;
  }

  get view(): AnalysisView {
    const offset = this.#node?.clockOffsetMs;
    return offset === undefined ? this.#view : { ...this.#view, clockOffsetMs: Math.round(offset * 1000) / 1000 };
  }

  get description(): ModelDescription | undefined {
    return this.#description;
  }

  /** The revision that the next description should begin with. */
  get nextRevision(): number {
    return this.#nextRevision;
  }

  get running(): boolean {
    return this.#running;
  }

  async #keepRunning(): Promise<void> {
    let retryMs = retryFirstMs;
    while (!this.#closed) {
      const node = this.#options.pickNode();
      let failure: Refusal;
      if (node) {
        this.#node = node;
        this.#nodeLost = false;
        node.assigned++;
        failure = await this.#runOn(node, () => (retryMs = retryFirstMs));
        this.#running = false;
        this.#zones.end();
        if (this.#closed) return; // `close` has tidied: once more would stop the analysis that follows this one
        this.#node = undefined;
        await this.#tidy(node);
        if (this.#closed) return;
      } else {
        failure = new Refusal('unavailable', 'no inference node answers');
        this.#options.onAttempt('noNode');
      }
      this.#setView({ state: failure.code === 'unavailable' ? 'unavailable' : 'failed', reason: failure.message });
      await this.#pause(retryMs);
      retryMs = Math.min(retryMs * 2, retryMaxMs);
    }
  }

  /** Returns why it ended; never throws. */
  async #runOn(node: InferenceNode, onRunning: () => void): Promise<Refusal> {
    try {
      // A view that says why the last attempt failed stays until one succeeds.
      if (this.#view.state !== 'failed') this.#setView({ state: 'starting', nodeId: node.id });
      const { publicationId } = this;
      const attributes = { 'framelock.publication_id': publicationId, 'framelock.stream_id': this.#options.streamId };
      await traced('analysis start', attributes, () => this.#start(node));
      if (this.#closed) return new Refusal('gone', 'the Publication ended');
      onRunning();
      this.#running = true;
      this.#zones.begin(node);
      this.#options.onAttempt('running');
      this.#logger.info({ inferenceNodeId: node.id, modelId: this.#description?.modelId }, 'analysis running');
      const reason = await new Promise<string>((resolve) => (this.#interrupt = resolve));
      return new Refusal(node.open ? 'internal' : 'unavailable', reason);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!this.#closed) {
        this.#options.onAttempt('failed');
        if (refusal.code === 'internal' && !(error instanceof Refusal))
          this.#logger.error({ err: error }, 'analysis start');
        this.#logger.warn(
          { inferenceNodeId: node.id, code: refusal.code, reason: refusal.message },
          'analysis not started',
        );
      }
      return node.open && !this.#nodeLost
        ? asFailure(refusal)
        : new Refusal('unavailable', 'the inference node was lost');
    }
  }

  /** Choreography: socket on the inference node, FrameTap on the sfu, model and decoder ready, then packets flow. */
  async #start(node: InferenceNode): Promise<void> {
    const { sfu, streamId } = this.#options;
    const { publicationId } = this;
    const { local } = await node.request('openTap', { publicationId, streamId });
    this.#stillWanted();
    const {
      local: remote,
      producerId,
      rtpParameters,
      type,
      feedUrl,
    } = await sfu.request('openTap', { publicationId, remote: local });
    this.#stillWanted();
    this.#producerId = producerId;
    const modelId = this.#modelId;
    const { description } = await node.request(
      'startAnalysis',
      {
        publicationId,
        ...(modelId === null ? {} : { modelId }),
        tap: { remote, rtpParameters, type },
        feedUrl,
        firstRevision: this.#nextRevision,
        ...(this.#options.onPoster ? { posterEveryMs } : {}),
        ...this.#zones.atStart(),
      },
      startTimeoutMs,
    );
    this.#stillWanted();
    if (modelId !== this.#modelId) throw new Refusal('conflict', 'another model was chosen meanwhile');
    this.#describe(description);
    await sfu.request('resumeTap', { publicationId });
    this.#stillWanted();
    this.#setView({
      state: 'running',
      nodeId: node.id,
      modelId: description.modelId,
      executionProvider: description.executionProvider,
    });
  }

  #stillWanted(): void {
    if (this.#closed) throw new Refusal('gone', 'the Publication ended');
    if (this.#nodeLost) throw new Refusal('unavailable', 'the inference node was lost');
  }

  async #tidy(node: InferenceNode): Promise<void> {
    const { publicationId } = this;
    await Promise.all([
      node.requestIfOpen('stopAnalysis', { publicationId }),
      this.#options.sfu.requestIfOpen('closeTap', { publicationId }),
    ]);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A node came up: no need to wait out the pause. */
  nodeOpened(): void {
    if (this.#node === undefined) this.#interrupt?.('a node came up');
  }

  nodeLost(node: InferenceNode): void {
    if (this.#node !== node) return;
    this.#nodeLost = true;
    if (this.#running) this.#interrupt?.('the inference node was lost');
  }

  /** What a node says of it; words of a node that it has left are dropped. */
  receiveView(node: InferenceNode, view: AnalysisView): void {
    if (this.#node !== node || !this.#running) return;
    if (view.state === 'failed') return this.#interrupt?.(view.reason ?? 'the analysis failed');
    this.#setView({ ...view, nodeId: node.id });
  }

  receiveDescription(node: InferenceNode, description: ModelDescription): void {
    if (this.#node === node) this.#describe(description);
  }

  receivePoster(node: InferenceNode, jpegBase64: string): void {
    if (this.#node === node && this.#running)
      this.#options.onPoster?.(new Uint8Array(Buffer.from(jpegBase64, 'base64')));
  }

  receiveZonesLive(node: InferenceNode, live: ZonesLive): void {
    if (this.#node === node && this.#running) this.#options.onZonesLive(live);
  }

  /** The node at work hears of it; one that begins is told then. */
  zonesChanged(): void {
    this.#zones.changed();
  }

  /** Refuses with the node's own words when it can't; the running model then stays. Null = the node's default. */
  async setModel(modelId: string | null): Promise<void> {
    const node = this.#node;
    if (!node || !this.#running) {
      this.#modelId = modelId;
      this.#interrupt?.('another model was chosen');
      return;
    }
    const { description } = await node
      .request(
        'setModel',
        { publicationId: this.publicationId, ...(modelId === null ? {} : { modelId }) },
        startTimeoutMs,
      )
      .catch((error: unknown) => this.#modelNotSet(node, refusalOf(error)));
    if (this.#closed || this.#node !== node)
      throw new Refusal('conflict', 'the analysis ended while the model was changed');
    this.#modelId = modelId;
    this.#describe(description);
    this.#setView({ ...this.#view, modelId: description.modelId, executionProvider: description.executionProvider });
  }

  /**
   * A node that did not answer in time may still change the model, and then sends with a revision of which nobody was
   * told. So its analysis ends there and begins again, with the model that ran before.
   */
  #modelNotSet(node: InferenceNode, refusal: Refusal): never {
    if (refusal.code === 'timeout' && this.#node === node && this.#running) {
      // The node may have used the next revision already.
      this.#nextRevision++;
      this.#interrupt?.('the node did not answer while the model was changed');
    }
    throw refusal;
  }

  #describe(description: ModelDescription): void {
    // The event and the answer to our own request both tell of one change.
    if (this.#description && description.revision <= this.#description.revision) return;
    this.#description = { ...description, ...(this.#producerId ? { producerId: this.#producerId } : {}) };
    this.#nextRevision = description.revision + 1;
    this.#options.onDescription(this.#description);
  }

  #setView(view: AnalysisView): void {
    if (this.#closed) return;
    this.#view = view;
    this.#options.onView(this.view);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#zones.end();
    if (this.#node) void this.#tidy(this.#node);
    this.#interrupt?.(reason);
  }

  dump(): Record<string, unknown> {
    return { publicationId: this.publicationId, view: this.view, modelId: this.#modelId, nodeId: this.#node?.id };
  }
}

/** A refusal by a node that is there is a failure to say, not an absence. */
function asFailure(refusal: Refusal): Refusal {
  return refusal.code === 'unavailable' ? new Refusal('internal', refusal.message) : refusal;
}
