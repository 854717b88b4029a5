import {
  brandNameSchema,
  embeddingsSchema,
  type Gallery,
  idSchema,
  maxBrands,
  sha256Schema,
} from '@framelock/server/protocol';
import { z } from 'zod';

/** As inference/training writes it; drawings are left out. */
const bundledSchema = z.object({
  modelSha256: sha256Schema,
  brands: z.array(z.object({ slug: idSchema, title: brandNameSchema, embeddings: embeddingsSchema })).max(maxBrands),
});

const timeoutMs = 30_000;

/** The gallery that comes with the model, an asset of ours. @throws where it can't be had, or is of another model. */
export async function readBundledGallery(url: string, modelSha256: string): Promise<Gallery> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`the bundled gallery could not be fetched: HTTP ${response.status}`);
  const read = bundledSchema.safeParse(await response.json());
  if (!read.success) throw new Error('the bundled gallery is of another shape');
  if (read.data.modelSha256 !== modelSha256) throw new Error('the bundled gallery is of another model');
  const brands = read.data.brands.map(({ slug: id, title: name, embeddings }) => {
    return { id, name, threshold: null, embeddings };
  });
  return { revision: 0, modelSha256, brands };
}
