import type { BrandImageFacts, KnownBrand } from '@framelock/db';
import {
  type BrandView,
  embeddingDimensions,
  type Gallery,
  galleryBrandSchema,
  maxBrandNamesBytes,
  maxBrands,
  maxImagesPerBrand,
  maxViewsPerImage,
} from '../protocol/index.ts';
import { joinEmbeddings } from './embeddings.ts';

/** Images that this model has embedded. */
function embeddedBy(brand: KnownBrand, modelSha256: string | undefined): BrandImageFacts[] {
  return brand.images.filter((image) => image.embeddings !== null && image.modelSha256 === modelSha256);
}

/** The embeddings are our own encoding of bytes that were checked when they came: only how many there are is looked at. */
const factsSchema = galleryBrandSchema.omit({ embeddings: true });
const maxEmbeddingsBytes = maxViewsPerImage * maxImagesPerBrand * embeddingDimensions * 4;

/** Why a brand can not be told to nodes: one that they refuse would take all others with it. */
function misfitOf(brand: KnownBrand): string | undefined {
  const facts = factsSchema.safeParse(brand);
  if (!facts.success) return `${String(facts.error.issues[0]!.path[0])}: ${facts.error.issues[0]!.message}`;
  const bytes = brand.images.reduce((sum, { embeddings }) => sum + (embeddings?.length ?? 0), 0);
  return bytes > maxEmbeddingsBytes ? 'it has too many images' : undefined;
}

/** What a name takes of the message that tells viewers all labels. */
export function nameBytes(name: string): number {
  return Buffer.byteLength(JSON.stringify(name)) + 1;
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
  const misfit = misfitOf(brand);
  if (misfit) return { state: 'failed', problem: misfit };
  if (embeddedBy(brand, modelSha256).length > 0) return { state: 'ready', ...problem };
  if (brand.images.length === 0) return { state: 'failed', problem: 'it has no image' };
  return { state: failed.length === brand.images.length ? 'failed' : 'waiting', ...problem };
}

export interface MadeGallery {
  gallery: Gallery;
  /** Recognised brands that are not in it, and why. */
  leftOut: { id: string; reason: string }[];
}

/**
 * Every brand that this model recognises. Brands embedded by another model are not in it: their numbers mean nothing to it.
 * What no node would take is left out, so that all others are still told.
 */
export function galleryOf(revision: number, modelSha256: string, known: readonly KnownBrand[]): MadeGallery {
  const brands: Gallery['brands'] = [];
  const leftOut: MadeGallery['leftOut'] = [];
  let namesBytes = 0;
  for (const brand of known) {
    const images = brand.enabled ? embeddedBy(brand, modelSha256) : [];
    if (images.length === 0) continue;
    const { id, name, threshold } = brand;
    const bytes = nameBytes(name);
    const full = brands.length >= maxBrands || namesBytes + bytes > maxBrandNamesBytes;
    const reason = misfitOf(brand) ?? (full ? 'the gallery is full' : undefined);
    if (reason) {
      leftOut.push({ id, reason });
      continue;
    }
    namesBytes += bytes;
    brands.push({ id, name, threshold, embeddings: joinEmbeddings(images.map(({ embeddings }) => embeddings!)) });
  }
  return { gallery: { revision, modelSha256, brands }, leftOut };
}

const collator = new Intl.Collator('en', { sensitivity: 'base', numeric: true });

/** Own ones first, then by name. */
export function byOriginAndName(a: KnownBrand, b: KnownBrand): number {
  if (a.origin !== b.origin) return a.origin === 'own' ? -1 : 1;
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
}
