import { type Gallery, gallerySchema } from '@framelock/server/protocol';

export interface GalleryWatchOptions {
  /** Embeddings of another model mean nothing to ours. */
  modelSha256: string;
  token?: string;
  onGallery(gallery: Gallery): void;
}

/** A change has to be active within 2 s; an unchanged gallery costs an empty answer. */
const everyMs = 1_500;
const timeoutMs = 8_000;

/** Follows the server's gallery for as long as a page names brands by it. */
export class GalleryWatch {
  readonly #options: GalleryWatchOptions;
  #etag: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: GalleryWatchOptions) {
    this.#options = options;
    void this.#look();
  }

  async #look(): Promise<void> {
    // A server that does not answer, or refuses, is asked again: what was known goes on being used.
    await this.#ask().catch(() => undefined);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), everyMs);
  }

  async #ask(): Promise<void> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#options.token) headers['authorization'] = `Bearer ${this.#options.token}`;
    if (this.#etag) headers['if-none-match'] = this.#etag;
    const response = await fetch('/api/v1/brands/gallery', {
      headers,
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) return;
    const gallery = gallerySchema.parse(await response.json());
    if (this.#closed) return;
    this.#etag = response.headers.get('etag') ?? undefined;
    const usable = gallery.modelSha256 === this.#options.modelSha256;
    this.#options.onGallery(usable ? gallery : { ...gallery, brands: [] });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
