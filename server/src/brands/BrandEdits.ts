import { createHash } from 'node:crypto';
import type { BrandStore, KnownBrand, NewBrandImage } from '@framelock/db';
import type { Metrics } from '../Metrics.ts';
import { newId } from '../newId.ts';
import {
  type ChangeBrand,
  type GalleryFile,
  galleryFileSchema,
  type ImportResult,
  maxBrandImageBytes,
  maxBrandNamesBytes,
  maxBrands,
  maxImagesPerBrand,
  parseOrRefuse,
  type PictureBox,
  Refusal,
} from '../protocol/index.ts';
import { nameBytes } from './brandState.ts';
import type { Embedder } from './Embedder.ts';
import type { ImageSandbox } from './image/ImageSandbox.ts';
import { markedBox, pictureBoxOf, storedBox, wholePicture } from './storedBox.ts';

export interface BrandEditsOptions {
  store: BrandStore;
  metrics: Metrics;
  sandbox: ImageSandbox;
  embedder: Embedder;
  /** As they are now. */
  brands(): Promise<KnownBrand[]>;
  /** Makes a change known to the nodes. */
  onChanged(): Promise<void>;
}

/** A picture as it was sent. */
export interface GivenImage {
  bytes: Uint8Array;
  /** Where the mark is, when somebody marked it. */
  box?: PictureBox | undefined;
}

/** What tells a brand from another. */
type NamedBrand = Pick<KnownBrand, 'id' | 'name' | 'origin'> & { images: readonly { sha256: string }[] };

type FileBrand = GalleryFile['brands'][number];

/** While an import runs, others change the gallery: how old may be what it knows of it, ms. */
const knownForMs = 1_000;

/** What users do to the gallery. Nothing that is refused leaves a trace. */
export class BrandEdits {
  readonly #options: BrandEditsOptions;
  #importing = false;

  constructor(options: BrandEditsOptions) {
    this.#options = options;
  }

  /** Answers its id. With an inference node at hand it is recognised when this ends. */
  async add(name: string, given: readonly GivenImage[]): Promise<string> {
    if (given.length === 0) throw new Refusal('badRequest', 'a brand needs an image: add one as the field `images`');
    this.#requireFew(given.length);
    const brand = { id: newId(), name: name.normalize('NFC'), enabled: true, threshold: null };
    requireRoomFor(await this.#options.brands(), brand.name);
    await this.#insert(brand, await this.#take(given, []));
    await this.#options.onChanged();
    return brand.id;
  }

  async addImages(id: string, given: readonly GivenImage[]): Promise<void> {
    if (given.length === 0) throw new Refusal('badRequest', 'add an image as the field `images`');
    const { images } = await this.#own(
      id,
      'its drawing comes with the model: add a brand of your own for other pictures',
    );
    this.#requireFew(images.length + given.length);
    const position = Math.max(0, ...images.map((image) => image.position + 1));
    const taken = await this.#take(given, images);
    const rows = taken.map((image, i) => ({ ...image, position: position + i }));
    // Others may have added some meanwhile, or deleted it.
    if (!(await this.#addRows(id, rows))) this.#requireFew(maxImagesPerBrand + 1);
    await this.#options.onChanged();
  }

  async #addRows(id: string, rows: NewBrandImage[]): Promise<boolean> {
    try {
      return await this.#options.store.addImages(id, rows);
    } catch (error) {
      if ((await this.#options.brands()).every((brand) => brand.id !== id)) throw notFound();
      throw error;
    }
  }

  async change(id: string, { name, ...rest }: ChangeBrand): Promise<void> {
    const { brands, store, onChanged } = this.#options;
    const wanted = name?.normalize('NFC');
    const all = await brands();
    if (!all.some((brand) => brand.id === id)) throw notFound();
    if (wanted !== undefined) {
      refuseSame(all, wanted, id);
      requireRoomForName(all, wanted, id);
    }
    const change = definedOf({ name: wanted, ...rest });
    if (Object.keys(change).length === 0) return;
    const outcome = await store.change(id, change);
    if (outcome === 'notFound') throw notFound();
    if (outcome === 'nameTaken') throw nameTaken(wanted!);
    await onChanged();
  }

  async delete(id: string): Promise<void> {
    await this.#own(id, 'it comes with the model and can not be deleted: switch it off instead');
    if (!(await this.#options.store.delete(id))) throw notFound();
    await this.#options.onChanged();
  }

  async deleteImage(id: string, imageId: string): Promise<void> {
    const { images } = await this.#own(id, 'its drawing comes with the model and stays: switch the brand off instead');
    if (!images.some((image) => image.id === imageId)) throw new Refusal('notFound', 'there is no such image');
    // Decided by the database: others may delete at the same time.
    if (!(await this.#options.store.deleteImage(id, imageId))) {
      if (!(await this.#options.store.image(id, imageId))) throw new Refusal('notFound', 'there is no such image');
      throw new Refusal('conflict', 'it is the last image: add another first, or delete the brand');
    }
    await this.#options.onChanged();
  }

  /** The file of `GET /export` as JSON, brand by brand: all of them at once may be more than fits into memory. */
  async *export(): AsyncGenerator<string> {
    const { store, brands } = this.#options;
    const head = { kind: 'framelock-gallery', version: 1, exportedAt: new Date().toISOString() } as const;
    yield `${JSON.stringify(head).slice(0, -1)},"brands":[`;
    let separator = '';
    for (const brand of (await brands()).filter(({ origin }) => origin === 'own')) {
      const images: FileBrand['images'] = [];
      for (const { id } of brand.images) {
        const image = await store.image(brand.id, id);
        if (!image) continue;
        const png = Buffer.from(image.bytes).toString('base64');
        images.push({ png, box: pictureBoxOf(image.box), marked: markedBox(image.box) !== undefined });
      }
      if (images.length === 0) continue; // deleted meanwhile
      const { name, enabled, threshold } = brand;
      yield separator + JSON.stringify({ name, enabled, threshold, images } satisfies FileBrand);
      separator = ',';
    }
    yield ']}';
  }

  /**
   * Each brand by itself, as they come in: what is refused is said, and the others are taken. They are embedded in the
   * background. What can't be read on leaves what came before it.
   */
  async import(brands: AsyncIterable<unknown>): Promise<ImportResult> {
    if (this.#importing) throw new Refusal('rateLimited', 'another import is running: wait for its end');
    this.#importing = true;
    const result: ImportResult = { added: 0, unchanged: 0, refused: [] };
    try {
      let all: NamedBrand[] = [];
      let readAtMs = -Infinity;
      for await (const given of brands) {
        // Not after each insertion: all is read anew then. In between names are unique by the database itself.
        if (performance.now() - readAtMs > knownForMs) {
          all = [...(await this.#options.brands())];
          readAtMs = performance.now();
        }
        try {
          result[await this.#importOne(fileBrandOf(given), all)]++;
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          result.refused.push({ name: nameOf(given), reason: error.message });
        }
      }
    } catch (error) {
      if (!(error instanceof Refusal) || result.added === 0) throw error;
      throw new Refusal(error.code, `${error.message}; ${result.added} brands before that were added`);
    } finally {
      this.#importing = false;
      if (result.added > 0) await this.#options.onChanged();
      this.#options.embedder.run();
    }
    return result;
  }

  /** Adds it to `all`, too. */
  async #importOne({ images, ...facts }: FileBrand, all: NamedBrand[]): Promise<'added' | 'unchanged'> {
    const name = facts.name.normalize('NFC');
    const given = images.map(({ png, box, marked }) => {
      return { bytes: Buffer.from(png, 'base64'), box: storedBox(box, marked) };
    });
    const same = all.find((brand) => brand.origin === 'own' && isSame(brand.name, name));
    if (
      same &&
      sameImages(
        same,
        given.map(({ bytes }) => sha256Of(bytes)),
      )
    )
      return 'unchanged';
    requireRoomFor(all, name);
    const kept: NewBrandImage[] = [];
    for (const [i, { bytes, box }] of given.entries()) {
      const { image } = await this.#checked({ bytes, box }, i, kept, false);
      kept.push({ ...image, position: i, box });
    }
    const brand = { ...facts, id: newId(), name };
    await this.#insert(brand, kept);
    all.push({ ...brand, origin: 'own', images: kept });
    return 'added';
  }

  async #insert(brand: Parameters<BrandStore['insert']>[0], images: NewBrandImage[]): Promise<void> {
    if (!(await this.#options.store.insert(brand, images))) throw nameTaken(brand.name);
  }

  async #own(id: string, otherwise: string): Promise<KnownBrand> {
    const brand = (await this.#options.brands()).find((one) => one.id === id);
    if (!brand) throw notFound();
    if (brand.origin === 'bundled') throw new Refusal('conflict', otherwise);
    return brand;
  }

  #requireFew(images: number): void {
    if (images <= maxImagesPerBrand) return;
    throw new Refusal('conflict', `a brand has at most ${maxImagesPerBrand} images, and these would be ${images}`);
  }

  /** Checks and embeds them, one after another; where no node answers they wait for one. */
  async #take(given: readonly GivenImage[], known: readonly { sha256: string }[]): Promise<NewBrandImage[]> {
    const taken: NewBrandImage[] = [];
    for (const [i, one] of given.entries()) {
      const { image, box } = await this.#checked(one, i, [...known, ...taken], true);
      const embedded = await this.#counted('model', i, () => this.#options.embedder.embed(image.bytes, box));
      const kept = box ? storedBox(box, true) : (embedded?.box ?? wholePicture);
      taken.push({ ...image, position: i, ...embedded, box: kept });
    }
    return taken;
  }

  /** As it may be kept: decoded, made small, encoded anew. `crop`: what is far from the box goes. */
  async #checked({ bytes, box }: GivenImage, i: number, known: readonly { sha256: string }[], crop: boolean) {
    return this.#counted('image', i, async () => {
      if (bytes.length > maxBrandImageBytes) {
        throw new Refusal('tooLarge', `it has more than ${maxBrandImageBytes / 1024 ** 2} MiB`);
      }
      const { png, ...size } = await this.#options.sandbox.keep(bytes, crop ? box : undefined);
      const sha256 = sha256Of(png);
      if (known.some((other) => other.sha256 === sha256)) throw new Refusal('conflict', 'it is there already');
      const image: NewBrandImage = {
        ...{ id: newId(), mediaType: 'image/png', bytes: png, sha256, width: size.width, height: size.height },
        ...{ box: wholePicture, position: 0, embeddings: null, modelSha256: null, problem: null },
      };
      return { image, box: size.box };
    });
  }

  /** Says which image is meant, and counts those that are refused. */
  async #counted<T>(by: 'image' | 'model', i: number, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code !== 'unavailable') this.#options.metrics.brandImagesRefused.inc({ by });
      throw new Refusal(error.code, `image ${i + 1}: ${error.message}`);
    }
  }
}

function fileBrandOf(given: unknown): FileBrand {
  return parseOrRefuse(galleryFileSchema.shape.brands.element, given, 'the brand');
}

/** For whoever has to find it in the file. */
function nameOf(given: unknown): string {
  const { name } = Object(given) as { name?: unknown };
  return typeof name === 'string' ? name.slice(0, 100) : '(no name)';
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function sameImages({ images }: NamedBrand, sha256s: readonly string[]): boolean {
  const sorted = images.map(({ sha256 }) => sha256).sort();
  return sorted.join() === [...sha256s].sort().join();
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function requireRoomFor(all: readonly NamedBrand[], name: string): void {
  if (all.length >= maxBrands) throw new Refusal('conflict', `there are ${maxBrands} brands: delete one first`);
  refuseSame(all, name);
  requireRoomForName(all, name);
}

/** Each viewer is told all names in one message. */
function requireRoomForName(all: readonly NamedBrand[], name: string, except?: string): void {
  const bytes = (sum: number, brand: NamedBrand) => sum + (brand.id === except ? 0 : nameBytes(brand.name));
  if (all.reduce(bytes, nameBytes(name)) <= maxBrandNamesBytes) return;
  throw new Refusal('conflict', `all names together have at most ${maxBrandNamesBytes / 1024} KiB: make some shorter`);
}

function refuseSame(all: readonly NamedBrand[], name: string, except?: string): void {
  const same = all.find((brand) => brand.id !== except && isSame(brand.name, name));
  if (!same) return;
  if (same.origin === 'own') throw nameTaken(same.name);
  throw new Refusal('conflict', `a brand ${same.name} comes with the model: give yours another name`);
}

function nameTaken(name: string): Refusal {
  return new Refusal('conflict', `there is a brand ${name} already: give it another name, or add images to that one`);
}

function notFound(): Refusal {
  return new Refusal('notFound', 'there is no such brand');
}

function definedOf<T extends object>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
