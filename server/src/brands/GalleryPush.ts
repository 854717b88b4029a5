import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import { type Gallery, Refusal } from '../protocol/index.ts';

const timeoutMs = 15_000;
const retryMs = 500;
/** From one push to the next: of many changes at once the node is told by few galleries. */
const apartMs = 400;

export interface GalleryPushOptions {
  node: InferenceNode;
  /** The gallery as it is now, for this node; nothing = there is none to be told. */
  gallery(): Gallery | undefined;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Keeps the gallery of one node up to date: one push at a time, always of the newest, again until it is taken or the node
 * says that it can never take this one.
 */
export class GalleryPush {
  readonly #options: GalleryPushOptions;
  /** Taken, or refused for good. */
  #settled: string | undefined;
  #startedAt = -Infinity;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: GalleryPushOptions) {
    this.#options = options;
  }

  /** Something may have changed. Says nothing where the node has it already. */
  async run(): Promise<void> {
    if (this.#running || this.#closed || !this.#options.node.open) return;
    // First: a gallery is costly to make, too.
    const waitMs = this.#startedAt + apartMs - performance.now();
    if (waitMs > 0) return this.#later(waitMs);
    const gallery = this.#options.gallery();
    if (!gallery) return;
    const which = `${gallery.revision} ${gallery.modelSha256}`;
    if (which === this.#settled) return;
    this.#running = true;
    this.#startedAt = performance.now();
    const failed = !(await this.#push(gallery, which));
    this.#running = false;
    // Something may have changed meanwhile.
    if (failed) this.#later(retryMs);
    else void this.run();
  }

  /** False: again later. */
  async #push(gallery: Gallery, which: string): Promise<boolean> {
    const { node, metrics, logger } = this.#options;
    try {
      await node.request('setGallery', gallery, timeoutMs);
      metrics.galleryPushes.inc({ outcome: 'taken' });
    } catch (error) {
      const refused = isFinal(error);
      metrics.galleryPushes.inc({ outcome: refused ? 'refused' : 'failed' });
      logger.warn({ nodeId: node.id, refused, reason: (error as Error).message }, 'the gallery was not taken');
      if (!refused) return false;
    }
    this.#settled = which;
    return true;
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.run(), ms);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}

/** The gallery's own doing, or the model's: the same one would be refused again. */
function isFinal(error: unknown): boolean {
  return error instanceof Refusal && (error.code === 'badRequest' || error.code === 'conflict');
}
