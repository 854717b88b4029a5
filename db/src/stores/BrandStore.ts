import { and, asc, eq, getTableColumns, inArray, isNull, ne, notInArray, or, sql } from 'drizzle-orm';
import type { Drizzle } from '../connection.ts';
import {
  type BrandImageRow,
  brandImages,
  type BrandRow,
  brands,
  galleryState,
  type GalleryStateRow,
} from '../schema.ts';

/** An image without its bytes, which only who looks at it needs. */
export type BrandImageFacts = Omit<BrandImageRow, 'bytes'>;
export type NewBrandImage = Omit<BrandImageRow, 'brandId'>;

/** A brand with its images, by position. */
export interface KnownBrand extends BrandRow {
  images: BrandImageFacts[];
}

/** What the model brings: the brand and its one drawing, embedded already. */
export interface BundledBrandRow {
  id: string;
  name: string;
  image: Omit<NewBrandImage, 'position' | 'problem'>;
}

export type BrandChange = Partial<Pick<BrandRow, 'name' | 'enabled' | 'threshold'>>;

const { bytes: _bytes, ...imageFacts } = getTableColumns(brandImages);

/** Brands and their images. Every statement that changes them makes `revision` grow. */
export class BrandStore {
  readonly #drizzle: Drizzle;

  constructor(drizzle: Drizzle) {
    this.#drizzle = drizzle;
  }

  /** One small row: to be asked often. */
  async state(): Promise<Omit<GalleryStateRow, 'id'>> {
    const [row] = await this.#drizzle.select().from(galleryState);
    const { id: _id, ...state } = row!;
    return state;
  }

  /** Also a change of the gallery: the embeddings that count are those of this model. */
  async setModel(model: unknown): Promise<void> {
    await this.#drizzle.update(galleryState).set({ model, revision: sql`${galleryState.revision} + 1` });
  }

  async setBundledSha256(bundledSha256: string): Promise<void> {
    await this.#drizzle.update(galleryState).set({ bundledSha256 });
  }

  /** All of them, oldest first. Bundled ones without a drawing are not: the present model does not bring them. */
  async list(): Promise<KnownBrand[]> {
    const rows = await this.#drizzle.select().from(brands).orderBy(asc(brands.createdAt), asc(brands.id));
    const images = await this.#drizzle
      .select(imageFacts)
      .from(brandImages)
      .orderBy(asc(brandImages.position), asc(brandImages.id));
    const byId = new Map(rows.map((row) => [row.id, { ...row, images: [] as BrandImageFacts[] }]));
    for (const image of images) byId.get(image.brandId)?.images.push(image);
    return [...byId.values()].filter(({ origin, images }) => origin === 'own' || images.length > 0);
  }

  async image(brandId: string, imageId: string): Promise<BrandImageRow | undefined> {
    const [row] = await this.#drizzle
      .select()
      .from(brandImages)
      .where(and(eq(brandImages.id, imageId), eq(brandImages.brandId, brandId)));
    return row;
  }

  /** Brand and images in one step. False where an own brand has this name. */
  async insert(brand: Pick<BrandRow, 'id' | 'name' | 'enabled' | 'threshold'>, images: NewBrandImage[]) {
    const addBrand = this.#drizzle
      .insert(brands)
      .values({ ...brand, origin: 'own' })
      .getSQL();
    const addImages = this.#insertImages(brand.id, images).getSQL();
    try {
      await this.#drizzle.execute(sql`with brand as (${addBrand}) ${addImages}`);
      return true;
    } catch (error) {
      if (isNameTaken(error)) return false;
      throw error;
    }
  }

  /** All or none. False where the brand would then have more than 5, also by what another replica adds at the same time. */
  async addImages(brandId: string, images: NewBrandImage[]): Promise<boolean> {
    try {
      await this.#insertImages(brandId, images);
      return true;
    } catch (error) {
      if (hasWords(error, 'brand_images_limit:')) return false;
      throw error;
    }
  }

  #insertImages(brandId: string, images: NewBrandImage[]) {
    return this.#drizzle.insert(brandImages).values(images.map((image) => ({ ...image, brandId })));
  }

  async change(id: string, change: BrandChange): Promise<'changed' | 'notFound' | 'nameTaken'> {
    try {
      const rows = await this.#drizzle.update(brands).set(change).where(eq(brands.id, id)).returning({ id: brands.id });
      return rows.length > 0 ? 'changed' : 'notFound';
    } catch (error) {
      if (isNameTaken(error)) return 'nameTaken';
      throw error;
    }
  }

  /** Also its images. False when there was none. */
  async delete(id: string): Promise<boolean> {
    const rows = await this.#drizzle.delete(brands).where(eq(brands.id, id)).returning({ id: brands.id });
    return rows.length > 0;
  }

  /** False where there is no such image, or it is the last one. */
  async deleteImage(brandId: string, imageId: string): Promise<boolean> {
    const isOneOfMore = sql`count_brand_images(${brandImages.brandId}) > 1`;
    const rows = await this.#drizzle
      .delete(brandImages)
      .where(and(eq(brandImages.id, imageId), eq(brandImages.brandId, brandId), isOneOfMore))
      .returning({ id: brandImages.id });
    return rows.length > 0;
  }

  /** What a model made of an image, or why it could make nothing of it. Nothing happens to an image that is gone. */
  async setEmbedded(
    imageId: string,
    result: Pick<BrandImageRow, 'embeddings' | 'modelSha256' | 'problem'> & { box?: unknown },
  ): Promise<void> {
    await this.#drizzle.update(brandImages).set(result).where(eq(brandImages.id, imageId));
  }

  /** Own images that this model has not embedded, oldest brand first; with `failed`, also those that it could not. */
  async toEmbed(modelSha256: string, failed: boolean): Promise<{ id: string; brandId: string }[]> {
    const { id, brandId } = imageFacts;
    return this.#drizzle
      .select({ id, brandId })
      .from(brandImages)
      .innerJoin(brands, eq(brands.id, brandImages.brandId))
      .where(
        and(
          eq(brands.origin, 'own'),
          or(
            isNull(brandImages.modelSha256),
            ne(brandImages.modelSha256, modelSha256),
            failed ? isNull(brandImages.embeddings) : undefined,
          ),
        ),
      )
      .orderBy(asc(brands.createdAt), asc(brandImages.position));
  }

  /** Inserts, or renews the drawing; what a user set (`enabled`, `threshold`, also a name) stays. */
  async putBundled(rows: readonly BundledBrandRow[]): Promise<void> {
    if (rows.length === 0) return;
    const addBrands = this.#drizzle
      .insert(brands)
      .values(rows.map(({ id, name }) => ({ id, name, origin: 'bundled' as const })))
      .onConflictDoNothing()
      .getSQL();
    const addImages = this.#drizzle
      .insert(brandImages)
      .values(rows.map(({ id, image }) => ({ ...image, brandId: id, position: 0 })))
      .onConflictDoUpdate({
        target: brandImages.id,
        set: Object.fromEntries(
          (['bytes', 'sha256', 'width', 'height', 'box', 'embeddings', 'modelSha256'] as const).map((key) => [
            key,
            sql.raw(`excluded."${brandImages[key].name}"`),
          ]),
        ),
      })
      .getSQL();
    await this.#drizzle.execute(sql`with added as (${addBrands}) ${addImages}`);
  }

  /**
   * Takes the drawings from bundled brands that the present model no longer brings; answers how many these were. What the
   * user set of them stays, for the next model may bring them again.
   */
  async retireBundledExcept(ids: readonly string[]): Promise<number> {
    const bundled = this.#drizzle.select({ id: brands.id }).from(brands).where(eq(brands.origin, 'bundled'));
    const rows = await this.#drizzle
      .delete(brandImages)
      .where(
        and(
          inArray(brandImages.brandId, bundled),
          ids.length === 0 ? undefined : notInArray(brandImages.brandId, [...ids]),
        ),
      )
      .returning({ id: brandImages.id });
    return rows.length;
  }
}

/** Drivers differ in their codes, and drizzle wraps them; the name of the index is in all of their words. */
function isNameTaken(error: unknown): boolean {
  return hasWords(error, '"brands_own_name"');
}

function hasWords(error: unknown, words: string): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one.message.includes(words)) return true;
  }
  return false;
}
