import { Refusal } from '@framelock/server/protocol';
import type { ModelCatalogue } from '../catalogue/ModelCatalogue.ts';
import { Detector, type DetectorDump } from './Detector.ts';
import type { ExecutionProviderChoice } from './executionProviders.ts';

export interface DetectorPoolOptions {
  catalogue: ModelCatalogue;
  executionProvider: ExecutionProviderChoice;
  slotCount?: number;
  intraOpNumThreads?: number;
  parallelSessions?: number;
  /** A Detector's thread failed. It is being started again; when its `closed` is true it was given up: acquire anew. */
  onFault?(modelId: string, reason: string): void;
}

/** A share in a Detector, which is closed when its last share is released. */
export interface DetectorLease {
  readonly detector: Detector;
  readonly modelId: string;
  readonly name: string;
  /** Idempotent. */
  release(): void;
}

interface Shared {
  modelId: string;
  name: string;
  detector: Promise<Detector>;
  /** Set once it is open. */
  opened: Detector | undefined;
  shares: number;
}

/** One Detector per Model file, shared by all Publications. */
export class DetectorPool {
  readonly #options: DetectorPoolOptions;
  /** By model path: a default model given by path may also be catalogued. */
  readonly #shared = new Map<string, Shared>();
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: DetectorPoolOptions) {
    this.#options = options;
  }

  /** Nothing = the default model. Refuses as ModelCatalogue.resolve and Detector.create do. */
  async acquire(modelId?: string): Promise<DetectorLease> {
    if (this.#closed) throw new Refusal('unavailable', 'the inference node is closing');
    const { path, ...entry } = this.#options.catalogue.resolve(modelId);
    let shared = this.#shared.get(path);
    // One that gave up is not handed out again.
    if (!shared || shared.opened?.closed) {
      shared = this.#open(path, entry);
      this.#shared.set(path, shared);
    }
    shared.shares++;
    try {
      const detector = await shared.detector;
      let released = false;
      const release = (): void => {
        if (released) return;
        released = true;
        this.#release(path, shared);
      };
      return { detector, modelId: shared.modelId, name: shared.name, release };
    } catch (error) {
      this.#release(path, shared);
      throw error;
    }
  }

  #open(path: string, entry: Omit<ReturnType<ModelCatalogue['resolve']>, 'path'>): Shared {
    const { executionProvider, slotCount, intraOpNumThreads, parallelSessions, onFault } = this.#options;
    const detector = Detector.create({
      modelPath: path,
      entry,
      executionProvider,
      slotCount,
      intraOpNumThreads,
      parallelSessions,
      onFault: (reason) => onFault?.(entry.id, reason),
    });
    const shared: Shared = { modelId: entry.id, name: entry.name, detector, opened: undefined, shares: 0 };
    detector.then(
      (opened) => (shared.opened = opened),
      () => {},
    );
    return shared;
  }

  #release(path: string, shared: Shared): void {
    shared.shares--;
    if (shared.shares > 0) return;
    if (this.#shared.get(path) === shared) this.#shared.delete(path);
    const closing = shared.detector.then(
      (detector) => detector.close('nobody uses it any more'),
      () => {},
    );
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Pictures that wait for an InferenceSession. */
  get waiting(): number {
    return this.dump().detectors.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  dump(): { detectors: DetectorDump[] } {
    return { detectors: [...this.#shared.values()].flatMap(({ opened }) => (opened ? [opened.dump()] : [])) };
  }

  /** Closes every Detector, leased or not. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    const open = [...this.#shared.values()].map(({ detector }) =>
      detector.then(
        (opened) => opened.close(reason),
        () => {},
      ),
    );
    await Promise.all([...open, ...this.#closing]);
  }
}
