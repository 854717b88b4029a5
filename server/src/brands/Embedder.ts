import type { BrandImageRow, BrandStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import { type InferenceNode, leastFull } from '../nodes/NodeRegistry.ts';
import { type PictureBox, Refusal } from '../protocol/index.ts';
import { embeddingsFrom } from './embeddings.ts';
import { markedBox } from './storedBox.ts';

const timeoutMs = 15_000;
const retryMs = 2_000;
/** While many are embedded, how often that is told. */
const tellEveryMs = 1_000;
/** Of an image whose node does not answer, before it is left alone until a node returns. */
const maxAttempts = 3;

export interface EmbedderOptions {
  store: BrandStore;
  metrics: Metrics;
  logger: Logger;
  /** Nodes that have the present model, and its hash; no nodes = later. */
  nodes(): { sha256: string; nodes: InferenceNode[] } | undefined;
  onEmbedded(): Promise<void>;
}

/** What a model made of an image. */
export interface Embedded {
  embeddings: Uint8Array;
  modelSha256: string;
  box: PictureBox;
}

/** Has own images embedded by the present model, in the background, one at a time. */
export class Embedder {
  readonly #options: EmbedderOptions;
  #running: Promise<void> | undefined;
  #again: 'missing' | 'failed too' | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: EmbedderOptions) {
    this.#options = options;
  }

  /**
   * At once. Undefined where no node is there or answers: the image then waits.
   * @throws Refusal `unsupported` where the model can make nothing of this image.
   */
  async embed(png: Uint8Array, box: PictureBox | undefined): Promise<Embedded | undefined> {
    const present = this.#options.nodes();
    const node = leastFull(present?.nodes ?? []);
    if (!node) return undefined;
    try {
      const result = await this.#ask(node, png, box);
      this.#options.metrics.brandEmbeddings.inc({ outcome: 'embedded' });
      return result.modelSha256 === present!.sha256 ? result : undefined;
    } catch (error) {
      const refused = isFinal(error);
      this.#options.metrics.brandEmbeddings.inc({ outcome: refused ? 'refused' : 'failed' });
      if (refused) throw new Refusal('unsupported', error.message);
      this.#options.logger.warn({ reason: (error as Error).message }, 'an image waits to be embedded');
      return undefined;
    }
  }

  async #ask(node: InferenceNode, png: Uint8Array, box: PictureBox | undefined): Promise<Embedded> {
    const imageBase64 = Buffer.from(png).toString('base64');
    const result = await node.request('embedBrandImage', { imageBase64, ...(box && { box }) }, timeoutMs);
    return { ...result, embeddings: embeddingsFrom(result.embeddings) };
  }

  /** Embeds what is missing; `failed`: also tries again what could not be embedded. */
  run({ failed = false } = {}): void {
    if (this.#closed) return;
    this.#again = failed || this.#again === 'failed too' ? 'failed too' : 'missing';
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#again && !this.#timer) this.run();
    });
  }

  async #work(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const failed = this.#again === 'failed too';
    this.#again = undefined;
    const { store, nodes, logger, metrics } = this.#options;
    try {
      const present = nodes();
      if (!present || present.nodes.length === 0) return;
      let later = false;
      let toldAt = performance.now();
      for (const { id, brandId } of await store.toEmbed(present.sha256, failed)) {
        if (this.#closed || nodes()?.sha256 !== present.sha256) return;
        const image = await store.image(brandId, id);
        if (!image) this.#attempts.delete(id);
        else if (!(await this.#embedStored(image, present.sha256))) later = true;
        if (performance.now() - toldAt < tellEveryMs) continue;
        await this.#options.onEmbedded();
        toldAt = performance.now();
      }
      await this.#options.onEmbedded();
      if (later) this.#retry();
    } catch (error) {
      metrics.databaseFaults.inc();
      logger.warn({ reason: (error as Error).message }, 'images could not be embedded');
      this.#retry();
    }
  }

  readonly #attempts = new Map<string, number>();

  /** False: again later. */
  async #embedStored(image: BrandImageRow, sha256: string): Promise<boolean> {
    const { store } = this.#options;
    let result: Pick<BrandImageRow, 'embeddings' | 'modelSha256' | 'problem'> & { box?: PictureBox };
    try {
      const marked = markedBox(image.box);
      const embedded = await this.embed(image.bytes, marked);
      if (!embedded) {
        const attempts = (this.#attempts.get(image.id) ?? 0) + 1;
        this.#attempts.set(image.id, attempts);
        if (attempts < maxAttempts) return false;
        result = { embeddings: null, modelSha256: sha256, problem: 'the inference node does not answer for it' };
      } else {
        const { box, ...found } = embedded;
        result = { ...found, problem: null, ...(marked ? {} : { box }) };
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      result = { embeddings: null, modelSha256: sha256, problem: error.message.slice(0, 500) };
    }
    this.#attempts.delete(image.id);
    await store.setEmbedded(image.id, result);
    return true;
  }

  #retry(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.run();
    }, retryMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#again = undefined;
    clearTimeout(this.#timer);
    await this.#running;
  }
}

/** The image's own doing, by this model: another node or moment would say the same. */
function isFinal(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.code === 'badRequest' || error.code === 'unsupported');
}
