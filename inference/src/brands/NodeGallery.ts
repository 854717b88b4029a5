import { type BrandModel, type BundledBrand, type Gallery, Refusal } from '@framelock/server/protocol';
import { GalleryIndex } from '@framelock/server/protocol/analysis';
import type { ModelCatalogue } from '../catalogue/ModelCatalogue.ts';
import { sha256Of } from '../catalogue/catalogueFile.ts';
import { readBundledGallery } from './bundledGallery.ts';

/**
 * The brands that this node recognises: the bundled ones from its start, the server's gallery from when it is told of it
 * (it has the bundled ones in it, as far as nobody switched them off).
 */
export class NodeGallery {
  /** Null: there is no brand model on this node, or its gallery can't be read (`problem` says why). */
  readonly model: BrandModel | null;
  readonly bundled: readonly BundledBrand[];
  readonly problem: string | undefined;
  #index: GalleryIndex | undefined;

  private constructor(model: BrandModel | null, bundled: readonly BundledBrand[], problem?: string) {
    this.model = model;
    this.bundled = bundled;
    this.problem = problem;
    if (model) this.#index = indexOf(model, { revision: 0, modelSha256: model.sha256, brands: bundled.map(asGallery) });
  }

  /** Of a node without a brand model. */
  static none(): NodeGallery {
    return new NodeGallery(null, []);
  }

  static async create(catalogue: ModelCatalogue): Promise<NodeGallery> {
    const entry = catalogue.brandModel();
    if (!entry) return NodeGallery.none();
    try {
      const [sha256, gallery] = await Promise.all([sha256Of(entry.path), readBundledGallery(entry.brands.gallery)]);
      const model = { modelId: entry.id, sha256, matchThreshold: entry.brands.matchThreshold };
      if (gallery.modelSha256 === sha256) return new NodeGallery(model, gallery.brands);
      return new NodeGallery(model, [], 'the bundled gallery is of another version of the brand model');
    } catch (error) {
      return new NodeGallery(null, [], `the brand model's gallery can't be read: ${(error as Error).message}`);
    }
  }

  /** For analyses with this Model; undefined where it is not the brand model. */
  indexFor(modelId: string): GalleryIndex | undefined {
    return modelId === this.model?.modelId ? this.#index : undefined;
  }

  /** Refuses with `conflict` the gallery of another model. False: it is the one we have (each replica tells us). */
  set(gallery: Gallery): boolean {
    const { model } = this;
    if (!model) throw new Refusal('conflict', 'this node has no brand model');
    if (gallery.modelSha256 !== model.sha256) {
      throw new Refusal(
        'conflict',
        `the gallery is of model ${gallery.modelSha256.slice(0, 12)}, ours is ${model.sha256.slice(0, 12)}`,
      );
    }
    if (gallery.revision === this.#index?.revision && gallery.brands.length === this.#index.brands.length) return false;
    this.#index = indexOf(model, gallery);
    return true;
  }
}

function indexOf(model: BrandModel, gallery: Gallery): GalleryIndex {
  try {
    return new GalleryIndex(gallery, model.matchThreshold);
  } catch (error) {
    throw new Refusal('badRequest', `the gallery can't be used: ${(error as Error).message}`);
  }
}

const asGallery = ({ slug, name, embeddings }: BundledBrand) => ({ id: slug, name, threshold: null, embeddings });
