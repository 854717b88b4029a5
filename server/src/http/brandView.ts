import type { BrandImageFacts, KnownBrand } from '@framelock/db';
import type { Brands } from '../brands/Brands.ts';
import { pictureBoxOf } from '../brands/storedBox.ts';
import type { BrandImageView, BrandView } from '../protocol/index.ts';

/** One brand as the API shows it. */
export function brandView(brand: KnownBrand, brands: Brands): BrandView {
  const { id, name, origin, enabled, threshold } = brand;
  return {
    ...{ id, name, origin, enabled, threshold },
    ...brands.stateOf(brand),
    images: brand.images.map(imageView),
    createdAt: brand.createdAt.toISOString(),
  };
}

function imageView({ id, brandId, width, height, box }: BrandImageFacts): BrandImageView {
  return { id, width, height, box: pictureBoxOf(box), url: `/api/v1/brands/${brandId}/images/${id}` };
}
