import { errorBodySchema, type Gallery, gallerySchema } from '@framelock/server/protocol';

export interface GalleryWatchOptions {
  /** Whose publisher asks: a stream key opens the gallery for its own Stream only. */
  streamId: string;
  /** Embeddings of another model mean nothing to ours. */
  modelSha256: string;
  token?: string;
  onGallery(gallery: Gallery): void;
  /** Why the last look gave none; undefined = it did. */
  onProblem(problem: string | undefined): void;
}

/** A change has to be active within 2 s; an unchanged gallery costs an empty answer. */
const everyMs = 1_500;
const timeoutMs = 8_000;

/** Follows the server's gallery for as long as a page names brands by it. */
export class GalleryWatch {
  readonly #options: GalleryWatchOptions;
  #etag: string | undefined;
  /** What the gallery of `#etag` lacks. */
  #lack: string | undefined;
  #problem: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: GalleryWatchOptions) {
    this.#options = options;
    void this.#look();
  }

  async #look(): Promise<void> {
    // A server that does not answer, or refuses, is asked again: what was known goes on being used.
    const problem = await this.#ask().catch(() => 'the server did not answer');
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), everyMs);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onProblem(problem);
  }

  async #ask(): Promise<string | undefined> {
    const { streamId, token, modelSha256 } = this.#options;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token) headers['authorization'] = `Bearer ${token}`;
    if (this.#etag) headers['if-none-match'] = this.#etag;
    const response = await fetch(`/api/v1/brands/gallery?streamId=${encodeURIComponent(streamId)}`, {
      headers,
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status === 304) return this.#lack;
    if (!response.ok) return refusalOf(response);
    const read = gallerySchema.safeParse(await response.json());
    if (!read.success) return 'the server sent something else';
    const gallery = read.data;
    if (this.#closed) return undefined;
    this.#etag = response.headers.get('etag') ?? undefined;
    const usable = gallery.modelSha256 === modelSha256;
    this.#lack = usable ? undefined : 'the server has one for another model';
    this.#options.onGallery(usable ? gallery : { ...gallery, brands: [] });
    return this.#lack;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}

async function refusalOf(response: Response): Promise<string> {
  const body = errorBodySchema.safeParse(await response.json().catch(() => undefined));
  return body.success ? body.data.error.message : `the server answered ${response.status}`;
}
