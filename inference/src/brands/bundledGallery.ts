import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BundledBrand, bundledBrandSchema, embeddingDimensions, sha256Schema } from '@framelock/server/protocol';
import { z } from 'zod';
import { bundledModelsDir } from '../catalogue/catalogueFile.ts';

/** `gallery.json` beside the brand model, written by inference/training. */
const galleryFileSchema = z.object({
  modelSha256: sha256Schema,
  dim: z.literal(embeddingDimensions),
  brands: z.array(
    z
      .object({
        slug: bundledBrandSchema.shape.slug,
        title: bundledBrandSchema.shape.name,
        hex: z.string().regex(/^#?[0-9a-fA-F]{6}$/),
        path: bundledBrandSchema.shape.path,
        embeddings: bundledBrandSchema.shape.embeddings,
      })
      .transform(({ slug, title, hex, path, embeddings }): BundledBrand => {
        return { slug, name: title, colour: hex.startsWith('#') ? hex : `#${hex}`, path, embeddings };
      }),
  ),
});

export interface BundledGallery {
  modelSha256: string;
  brands: BundledBrand[];
}

/** `file` is relative to inference/models. Throws when it is missing or not what it should be. */
export async function readBundledGallery(file: string): Promise<BundledGallery> {
  const text = await readFile(join(bundledModelsDir, file), 'utf8');
  const { modelSha256, brands } = galleryFileSchema.parse(JSON.parse(text));
  return { modelSha256, brands };
}
