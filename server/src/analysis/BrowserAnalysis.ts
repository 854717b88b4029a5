import {
  type AnalysisView,
  type BrowserAnalysisReport,
  type BrowserModel,
  type ModelDescription,
  Refusal,
} from '../protocol/index.ts';

/** A page reports once a second; a hidden one may be slowed by its browser. */
const silentAfterMs = 10_000;

export interface BrowserAnalysisOptions {
  model: BrowserModel;
  /** The Producer whose RTP timestamps the page's messages carry. */
  producerId: string;
  firstRevision: number;
  onView(view: AnalysisView): void;
  onDescription(description: ModelDescription): void;
}

/** One Publication that its publisher's own page analyses: what it says of that, checked, for viewers. */
export class BrowserAnalysis {
  readonly #options: BrowserAnalysisOptions;
  #view: AnalysisView;
  #description: ModelDescription;
  #silentTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: BrowserAnalysisOptions) {
    const { model, producerId, firstRevision } = options;
    this.#options = options;
    this.#description = { ...model, computedBy: 'browser', producerId, revision: firstRevision };
    this.#view = this.#viewOf({ state: 'starting' });
  }

  /** Tells its description and its first view at once. */
  static create(options: BrowserAnalysisOptions): BrowserAnalysis {
    const analysis = new BrowserAnalysis(options);
    options.onDescription(analysis.#description);
    analysis.#setView(analysis.#view);
    analysis.#expectReport();
    return analysis;
  }

  get view(): AnalysisView {
    return this.#view;
  }

  get description(): ModelDescription {
    return this.#description;
  }

  get running(): boolean {
    return this.#view.state === 'running';
  }

  /** Another model, or other labels of the same: a new revision. */
  describe(model: BrowserModel): void {
    const { producerId, revision } = this.#description;
    const description: ModelDescription = { ...model, computedBy: 'browser', revision: revision + 1 };
    if (producerId !== undefined) description.producerId = producerId;
    this.#description = description;
    this.#options.onDescription(description);
    this.#setView({ ...this.#view, modelId: model.modelId, executionProvider: model.executionProvider });
  }

  report(report: BrowserAnalysisReport): void {
    if (this.#closed) throw new Refusal('gone', 'this page does not analyse any more');
    this.#expectReport();
    this.#setView(this.#viewOf(report));
  }

  #viewOf(report: BrowserAnalysisReport): AnalysisView {
    const { modelId, executionProvider } = this.#description;
    return { modelId, executionProvider, ...report, computedBy: 'browser' };
  }

  #expectReport(): void {
    clearTimeout(this.#silentTimer);
    this.#silentTimer = setTimeout(() => {
      const reason = 'the publisher’s page, which computes it, says nothing any more';
      this.#setView(this.#viewOf({ state: 'failed', reason }));
    }, silentAfterMs);
  }

  #setView(view: AnalysisView): void {
    if (this.#closed) return;
    this.#view = view;
    this.#options.onView(view);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#silentTimer);
  }
}
