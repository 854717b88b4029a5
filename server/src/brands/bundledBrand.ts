import { createHash } from 'node:crypto';
import type { BundledBrandRow } from '@framelock/db';
import type { BundledBrand } from '../protocol/index.ts';
import { embeddingsFrom } from './embeddings.ts';

/** Commands, numbers and what separates them: nothing that could end the attribute. */
const pathOnly = /^[MmLlHhVvCcSsQqTtAaZz0-9eE.,+\-\s]+$/;

/** The field that simple-icons draw on. */
const field = 24;

/** A brand that comes with a model, as it is stored; its drawing is an SVG of our own making. Undefined = not usable. */
export function bundledBrandRow(brand: BundledBrand, modelSha256: string): BundledBrandRow | undefined {
  if (!pathOnly.test(brand.path)) return undefined;
  let embeddings: Uint8Array;
  try {
    embeddings = embeddingsFrom(brand.embeddings);
  } catch {
    return undefined;
  }
  const bytes = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${field} ${field}"><path fill="${brand.colour}" d="${brand.path}"/></svg>`,
  );
  const image = {
    id: bundledImageId(brand.slug),
    mediaType: 'image/svg+xml' as const,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...{ width: field, height: field, box: { x: 0, y: 0, w: 1, h: 1 } },
    ...{ embeddings, modelSha256 },
  };
  return { id: brand.slug, name: brand.name, image };
}

/** 64 characters at most, and no other image's: those of ours have no `-`. */
function bundledImageId(slug: string): string {
  return `b-${createHash('sha256').update(slug).digest('hex').slice(0, 24)}`;
}
