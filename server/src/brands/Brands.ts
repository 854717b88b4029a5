import type { BrandImageRow, BrandStore, BundledBrandRow, KnownBrand } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import { type BrandModel, brandModelSchema, type Gallery, maxBrands, Refusal } from '../protocol/index.ts';
import { limitConcurrency } from '../sources/limitConcurrency.ts';
import { BrandEdits } from './BrandEdits.ts';
import { BrandModels } from './BrandModels.ts';
import { brandState, byOriginAndName, galleryOf } from './brandState.ts';
import { bundledBrandRow } from './bundledBrand.ts';
import { Embedder } from './Embedder.ts';
import { GalleryPush } from './GalleryPush.ts';
import { ImageSandbox } from './image/ImageSandbox.ts';

const pollMs = 1_000;
const relearnMs = 1_000;
/** Rows written in one statement: other queries come between two of them. */
const bundledBatch = 50;

export interface BrandsOptions {
  store: BrandStore;
  metrics: Metrics;
  logger: Logger;
}

/** What the database says, as of one revision. */
interface Snapshot {
  revision: number;
  /** The model that was seen last. */
  model: BrandModel | null;
  brands: KnownBrand[];
}

/**
 * The gallery: which brands are recognised, on every inference node and in pages. The database is its one source. Its
 * revision is the database's own, made to grow by triggers within each change, and looked at once a second and after our
 * own changes: so a change that came to another replica is known here, and all replicas mean the same by a revision. Each
 * replica pushes what it has read to all nodes. One that is behind by a moment may push an older revision after a newer
 * one; within a second it reads the newer one and pushes that: the nodes end with the newest, whoever came last.
 */
export class Brands {
  readonly edits: BrandEdits;
  readonly #store: BrandStore;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #models = new BrandModels();
  readonly #pushes = new Map<InferenceNode, GalleryPush>();
  readonly #embedder: Embedder;
  readonly #sandbox = new ImageSandbox();
  readonly #oneRefresh = limitConcurrency(1);
  readonly #oneSettling = limitConcurrency(1);
  readonly #galleries = new Map<string, Gallery>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #snapshot: Snapshot = { revision: -1, model: null, brands: [] };
  #counted: { brands: KnownBrand[]; sha256: string | undefined; counts: Map<string, number> } | undefined;
  #sorted: { brands: KnownBrand[]; sorted: readonly KnownBrand[] } | undefined;
  #closed = false;

  private constructor({ store, metrics, logger }: BrandsOptions) {
    this.#store = store;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#embedder = new Embedder({
      store,
      metrics,
      logger,
      nodes: () => {
        const sha256 = this.answering?.sha256;
        return sha256 === undefined ? undefined : { sha256, nodes: this.#models.nodes(sha256) };
      },
      onEmbedded: () => this.refresh(),
    });
    this.edits = new BrandEdits({
      store,
      metrics,
      sandbox: this.#sandbox,
      embedder: this.#embedder,
      brands: () => this.list(),
      onChanged: () => this.refresh(),
    });
  }

  static create(options: BrandsOptions): Brands {
    const brands = new Brands(options);
    void brands.#poll();
    return brands;
  }

  /** The brand model by which nodes that answer now recognise; null = none does. */
  get answering(): BrandModel | null {
    return this.#models.present(this.#snapshot.model);
  }

  /** The model by which states are judged: also one whose nodes are away, for pages recognise by themselves. */
  get #modelSha256(): string | undefined {
    return (this.answering ?? this.#snapshot.model)?.sha256;
  }

  /** All of them, as they are in the database now. */
  async list(): Promise<KnownBrand[]> {
    await this.refresh();
    return this.#snapshot.brands;
  }

  /** As `list`, own ones first, then by name. */
  async sorted(): Promise<readonly KnownBrand[]> {
    const brands = await this.list();
    if (this.#sorted?.brands !== brands) this.#sorted = { brands, sorted: brands.toSorted(byOriginAndName) };
    return this.#sorted.sorted;
  }

  async get(id: string): Promise<KnownBrand> {
    const brand = (await this.list()).find((one) => one.id === id);
    if (!brand) throw new Refusal('notFound', 'there is no such brand');
    return brand;
  }

  /** With its bytes. */
  async image(id: string, imageId: string): Promise<BrandImageRow> {
    const image = await this.#store.image(id, imageId);
    if (!image) throw new Refusal('notFound', 'there is no such image');
    return image;
  }

  stateOf(brand: KnownBrand) {
    return brandState(brand, this.#modelSha256);
  }

  /** How many brands are in each state, as last read. */
  counts(): Map<string, number> {
    const { brands } = this.#snapshot;
    const sha256 = this.#modelSha256;
    if (this.#counted?.brands === brands && this.#counted.sha256 === sha256) return this.#counted.counts;
    const counts = new Map<string, number>([
      ['ready', 0],
      ['waiting', 0],
      ['off', 0],
      ['failed', 0],
    ]);
    for (const brand of brands) {
      const { state } = brandState(brand, sha256);
      counts.set(state, counts.get(state)! + 1);
    }
    this.#counted = { brands, sha256, counts };
    return counts;
  }

  /** For a page that recognises by itself. Refuses while nobody knows by which model. */
  async gallery(): Promise<Gallery> {
    await this.refresh();
    const sha256 = this.#modelSha256;
    if (sha256 === undefined) {
      throw new Refusal('unavailable', 'no inference node with a brand model has answered yet');
    }
    return this.#galleryFor(sha256);
  }

  #galleryFor(sha256: string): Gallery {
    let gallery = this.#galleries.get(sha256);
    if (gallery?.revision !== this.#snapshot.revision) {
      const made = galleryOf(this.#snapshot.revision, sha256, this.#snapshot.brands);
      ({ gallery } = made);
      if (made.leftOut.length > 0) {
        this.#metrics.galleryBrandsLeftOut.inc(made.leftOut.length);
        const [first] = made.leftOut;
        this.#logger.warn({ brands: made.leftOut.length, first }, 'brands do not fit into the gallery');
      }
      // Of a model that nobody has any more it would stay for ever.
      if (this.#galleries.size > 4) this.#galleries.clear();
      this.#galleries.set(sha256, gallery);
    }
    return gallery;
  }

  nodeOpened(node: InferenceNode): void {
    void this.#learn(node);
  }

  nodeLost(node: InferenceNode): void {
    this.#models.forget(node);
    this.#pushes.get(node)?.close();
    this.#pushes.delete(node);
  }

  async #learn(node: InferenceNode): Promise<void> {
    if (this.#closed || !node.open) return;
    try {
      if (!(await this.#models.learn(node))) return;
    } catch (error) {
      // A node of an older version does not know the question.
      if (error instanceof Refusal && error.code === 'badRequest') return;
      this.#logger.warn({ nodeId: node.id, reason: (error as Error).message }, 'its brand model is not known');
      return this.#later(relearnMs, () => void this.#learn(node));
    }
    // Lost while it answered: its next opening asks again.
    if (!node.open) return this.#models.forget(node);
    this.#pushes.get(node)?.close();
    const gallery = () => {
      const model = this.#models.of(node);
      return model && this.#snapshot.revision >= 0 ? this.#galleryFor(model.sha256) : undefined;
    };
    const { metrics, logger } = { metrics: this.#metrics, logger: this.#logger };
    this.#pushes.set(node, new GalleryPush({ node, gallery, metrics, logger }));
    await this.#settle();
  }

  /** After a node came: its model may be a new one, and what failed for want of a node may work now. */
  async #settle(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#oneSettling(() => this.#takeModel());
    } catch (error) {
      this.#logger.warn({ reason: (error as Error).message }, 'the brand model could not be taken over yet');
      this.#later(relearnMs, () => void this.#settle());
    }
    await this.refresh().catch(() => undefined); // the next poll does it
    this.#embedder.run({ failed: true });
  }

  async #takeModel(): Promise<void> {
    const { model: before, bundledSha256 } = await this.#store.state();
    const known = brandModelSchema.nullable().catch(null).parse(before);
    const present = this.#models.present(known);
    if (!present) return;
    if (JSON.stringify(present) !== JSON.stringify(known)) await this.#store.setModel(present);
    if (bundledSha256 !== present.sha256) await this.#takeBundled(present);
  }

  /** Replaces the bundled brands by those of this model, as far as own ones leave room; what users set of them stays. */
  async #takeBundled({ sha256 }: BrandModel): Promise<void> {
    const [node] = this.#models.nodes(sha256);
    if (!node) return;
    const taken = new Set<string>();
    const own = (await this.#store.list()).filter(({ origin }) => origin === 'own').length;
    for await (const page of this.#models.bundled(node, sha256)) {
      const rows: BundledBrandRow[] = [];
      for (const brand of page) {
        const row = taken.has(brand.slug) || own + taken.size >= maxBrands ? undefined : bundledBrandRow(brand, sha256);
        if (row) rows.push(row);
        else this.#logger.warn({ slug: brand.slug }, 'a bundled brand is not usable');
        if (row) taken.add(row.id);
      }
      for (let at = 0; at < rows.length; at += bundledBatch) {
        await this.#store.putBundled(rows.slice(at, at + bundledBatch));
      }
    }
    if (taken.size === 0) {
      // Its gallery is of another version of its model, or missing: another node may have one that fits.
      return this.#logger.warn({ modelSha256: sha256 }, 'the brand model brings no brands');
    }
    await this.#store.retireBundledExcept([...taken]);
    // Last: what is not whole is begun again.
    await this.#store.setBundledSha256(sha256);
    this.#logger.info({ brands: taken.size, modelSha256: sha256 }, 'bundled brands taken over');
  }

  /** Reads what changed, here or by another replica, and tells the nodes. Begun after a change, it has read it when it ends. */
  async refresh(): Promise<void> {
    await this.#oneRefresh(async () => {
      const { revision, model } = await this.#store.state();
      if (revision === this.#snapshot.revision || this.#closed) return;
      // After the revision: what changes in between is read now already, and once more under its own.
      const brands = await this.#store.list();
      this.#snapshot = { revision, model: brandModelSchema.nullable().catch(null).parse(model), brands };
    });
    for (const push of this.#pushes.values()) void push.run();
  }

  async #poll(): Promise<void> {
    const before = this.#snapshot.revision;
    try {
      await this.refresh();
      // Another replica took images in while no node answered it, or by a model that we know and it does not.
      if (before >= 0 && this.#snapshot.revision !== before) this.#embedder.run();
    } catch (error) {
      this.#logger.debug({ reason: (error as Error).message }, 'brands could not be read from the database');
    }
    this.#later(pollMs, () => void this.#poll());
  }

  #later(ms: number, task: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    this.#timers.add(timer);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const push of this.#pushes.values()) push.close();
    this.#sandbox.close();
    await this.#embedder.close();
    // The database closes after us: whoever still writes may end first.
    await this.#oneSettling(async () => undefined);
    await this.#oneRefresh(async () => undefined);
  }

  dump(): Record<string, unknown> {
    const { revision, brands } = this.#snapshot;
    return {
      brands: { revision, known: brands.length, model: this.answering, states: Object.fromEntries(this.counts()) },
    };
  }
}
