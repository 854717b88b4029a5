import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { Gallery } from '../protocol/index.ts';

const timeoutMs = 15_000;
const retryMs = 500;

export interface GalleryPushOptions {
  node: InferenceNode;
  /** The gallery as it is now, for this node; nothing = there is none to be told. */
  gallery(): Gallery | undefined;
  metrics: Metrics;
  logger: Logger;
}

/** Keeps the gallery of one node up to date: one push at a time, always of the newest, again until it is taken. */
export class GalleryPush {
  readonly #options: GalleryPushOptions;
  #pushed: string | undefined;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: GalleryPushOptions) {
    this.#options = options;
  }

  /** Something may have changed. Says nothing where the node has it already. */
  async run(): Promise<void> {
    if (this.#running || this.#closed) return;
    this.#running = true;
    clearTimeout(this.#timer);
    const { node, metrics, logger } = this.#options;
    try {
      for (;;) {
        const gallery = this.#options.gallery();
        if (!gallery || this.#closed || !node.open) return;
        const which = `${gallery.revision} ${gallery.modelSha256}`;
        if (which === this.#pushed) return;
        await node.request('setGallery', gallery, timeoutMs);
        this.#pushed = which;
        metrics.galleryPushes.inc({ outcome: 'taken' });
      }
    } catch (error) {
      metrics.galleryPushes.inc({ outcome: 'failed' });
      logger.warn({ nodeId: node.id, reason: (error as Error).message }, 'the gallery was not taken');
      if (!this.#closed) this.#timer = setTimeout(() => void this.run(), retryMs);
    } finally {
      this.#running = false;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
