import type { BrandImageFacts, KnownBrand } from '@framelock/db';
import type { BrandView, Gallery } from '../protocol/index.ts';
import { joinEmbeddings } from './embeddings.ts';

/** Images that this model has embedded. */
function embeddedBy(brand: KnownBrand, modelSha256: string | undefined): BrandImageFacts[] {
  return brand.images.filter((image) => image.embeddings !== null && image.modelSha256 === modelSha256);
}

/** Whether a brand is recognised by this model, and why it is not. */
export function brandState(
  brand: KnownBrand,
  modelSha256: string | undefined,
): Pick<BrandView, 'state'> & { problem?: string } {
  const failed = brand.images.filter((image) => image.problem !== null && image.modelSha256 === modelSha256);
  const [first] = failed;
  const of = brand.images.length > 1 && first ? `${failed.length} of ${brand.images.length} images: ` : '';
  const problem = first ? { problem: `${of}${first.problem}` } : {};
  if (!brand.enabled) return { state: 'off', ...problem };
  if (embeddedBy(brand, modelSha256).length > 0) return { state: 'ready', ...problem };
  if (brand.images.length === 0) return { state: 'failed', problem: 'it has no image' };
  return { state: failed.length === brand.images.length ? 'failed' : 'waiting', ...problem };
}

/** Every brand that this model recognises. Brands embedded by another model are not in it: their numbers mean nothing to it. */
export function galleryOf(revision: number, modelSha256: string, brands: readonly KnownBrand[]): Gallery {
  return {
    revision,
    modelSha256,
    brands: brands.flatMap((brand) => {
      const images = brand.enabled ? embeddedBy(brand, modelSha256) : [];
      if (images.length === 0) return [];
      const { id, name, threshold } = brand;
      return [{ id, name, threshold, embeddings: joinEmbeddings(images.map(({ embeddings }) => embeddings!)) }];
    }),
  };
}
