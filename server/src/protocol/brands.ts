import { z } from 'zod';
import { idSchema } from './ids.ts';

/** What one reference image becomes: a few views of the mark, each an L2-normalised float32 vector. */
export const embeddingDimensions = 128;
export const maxViewsPerImage = 8;
export const maxImagesPerBrand = 5;
/**
 * Own brands and bundled ones together. With all images and views of each the gallery has 55 MB as base64, which fits the
 * node's 64 MiB of a control message. A search compares a box with every view: its cost grows with both.
 */
export const maxBrands = 2_000;
/** All names together as JSON, UTF-8: each viewer is told all labels in one message of at most 256 KiB. */
export const maxBrandNamesBytes = 128 * 1024;
/** As it is uploaded, before it is decoded, bytes. */
export const maxBrandImageBytes = 8 * 1024 * 1024;
/** As it is kept, a PNG no side of which is longer than this, pixels. */
export const maxBrandImageSide = 640;

/** Label 0 of a brand model: a mark that is nobody's in the gallery. */
export const unknownMarkLabel = 'unknown mark';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** Float32 little endian, one vector of `embeddingDimensions` after another. */
export const embeddingsSchema = z.base64().max(Math.ceil((maxViewsPerImage * maxImagesPerBrand * 128 * 4 * 4) / 3) + 4);

/** Cosine similarity, 0..1, above which a mark bears the brand's name. */
export const matchThresholdSchema = z.number().min(0).max(1);

/** NFC before it is measured: composition may make a text longer. */
export const brandNameSchema = z
  .string()
  .normalize('NFC')
  .trim()
  .min(1, 'a brand needs a name')
  .max(100, 'at most 100 characters')
  .regex(/^[^\p{Cc}\p{Bidi_Control}]*$/u, 'no control characters')
  .regex(/[\p{L}\p{N}\p{P}\p{S}]/u, 'at least one character that can be seen');

/** Where a mark lies in a picture: top left corner and size, 0..1 of it. */
export const pictureBoxSchema = z
  .object({
    x: z.number().min(0).max(1),
    y: z.number().min(0).max(1),
    w: z.number().gt(0).max(1),
    h: z.number().gt(0).max(1),
  })
  .refine(({ x, y, w, h }) => x + w <= 1.001 && y + h <= 1.001, 'the box reaches beyond the picture');
export type PictureBox = z.infer<typeof pictureBoxSchema>;

/** One brand as a node or a page recognises it. */
export const galleryBrandSchema = z.object({
  id: idSchema,
  name: brandNameSchema,
  /** Null = the model's own. */
  threshold: matchThresholdSchema.nullable(),
  embeddings: embeddingsSchema,
});
export type GalleryBrand = z.infer<typeof galleryBrandSchema>;

/** All brands that are recognised. `revision` grows with every change of it on this server. */
export const gallerySchema = z.object({
  revision: z.number().int().nonnegative(),
  /** Embeddings of another model mean nothing. */
  modelSha256: sha256Schema,
  brands: z.array(galleryBrandSchema).max(maxBrands),
});
export type Gallery = z.infer<typeof gallerySchema>;

/** The brand model of an inference node, as far as a gallery depends on it. */
export const brandModelSchema = z.object({
  modelId: idSchema,
  sha256: sha256Schema,
  matchThreshold: matchThresholdSchema,
});
export type BrandModel = z.infer<typeof brandModelSchema>;

/** A well-known mark that comes with the model; the drawing is one path on a 24 x 24 field (simple-icons). */
export const bundledBrandSchema = z.object({
  slug: idSchema,
  name: brandNameSchema,
  /** `#rrggbb`. */
  colour: z.string().regex(/^#[0-9a-fA-F]{6}$/),
  path: z.string().max(40_000),
  embeddings: embeddingsSchema,
});
export type BundledBrand = z.infer<typeof bundledBrandSchema>;

// ---- HTTP: /api/v1/brands ----

export const brandImageViewSchema = z.object({
  id: idSchema,
  /** Pixels of the kept image, in which the mark was found at `box`. */
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  box: pictureBoxSchema,
  url: z.string(),
});
export type BrandImageView = z.infer<typeof brandImageViewSchema>;

/**
 * `ready`: recognised. `waiting`: its images are not embedded by the present model yet (no inference node answers).
 * `off`: switched off. `failed`: none of its images could be embedded; `problem` says why.
 */
export const brandStateSchema = z.enum(['ready', 'waiting', 'off', 'failed']);

export const brandViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  origin: z.enum(['bundled', 'own']),
  enabled: z.boolean(),
  threshold: matchThresholdSchema.nullable().describe("null = the model's own"),
  state: brandStateSchema,
  problem: z.string().optional(),
  images: z.array(brandImageViewSchema),
  createdAt: z.iso.datetime(),
});
export type BrandView = z.infer<typeof brandViewSchema>;

export const brandListSchema = z.object({
  brands: z.array(brandViewSchema),
  total: z.number().int().nonnegative().describe('how many fit the query'),
  recognised: z.number().int().nonnegative().describe('how many of all are recognised now'),
  model: brandModelSchema.nullable().describe('null = no inference node with a brand model answers'),
});
export type BrandList = z.infer<typeof brandListSchema>;

export const changeBrandSchema = z
  .object({ name: brandNameSchema, enabled: z.boolean(), threshold: matchThresholdSchema.nullable() })
  .partial();
export type ChangeBrand = z.infer<typeof changeBrandSchema>;

/** `GET /api/v1/brands/export`, and what `POST /api/v1/brands/import` takes: own brands with their images. */
export const galleryFileSchema = z.object({
  kind: z.literal('framelock-gallery'),
  version: z.literal(1),
  exportedAt: z.iso.datetime(),
  brands: z
    .array(
      z.object({
        name: brandNameSchema,
        enabled: z.boolean().default(true),
        threshold: matchThresholdSchema.nullable().default(null),
        /** PNG. */
        images: z
          .array(
            z.object({
              png: z.base64().max(Math.ceil((maxBrandImageBytes * 4) / 3)),
              box: pictureBoxSchema,
              marked: z.boolean().default(false).describe('somebody drew the box; else a model found it'),
            }),
          )
          .min(1)
          .max(maxImagesPerBrand),
      }),
    )
    .max(maxBrands),
});
export type GalleryFile = z.infer<typeof galleryFileSchema>;

export const importResultSchema = z.object({
  added: z.number().int().nonnegative(),
  /** Already there with the same name and images. */
  unchanged: z.number().int().nonnegative(),
  refused: z.array(z.object({ name: z.string(), reason: z.string() })),
});
export type ImportResult = z.infer<typeof importResultSchema>;
