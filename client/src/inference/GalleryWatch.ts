import { errorBodySchema, type Gallery, gallerySchema } from '@framelock/server/protocol';

export interface GalleryWatchOptions {
  /** Whose publisher asks: a stream key opens the gallery for its own Stream only. */
  streamId: string;
  /** Embeddings of another model mean nothing to ours. */
  modelSha256: string;
  token?: string;
  /** The one that comes with the model: for as long as the server never had one for it. */
  bundled?: () => Promise<Gallery>;
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
  /** Whose is in use. */
  #source: 'server' | 'bundled' | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: GalleryWatchOptions) {
    this.#options = options;
    void this.#look();
  }

  async #look(): Promise<void> {
    // A server that does not answer, or refuses, is asked again: what was known goes on being used.
    let problem = await this.#ask().catch(() => 'the server did not answer');
    if (problem !== undefined && this.#source !== 'server') problem = await this.#fallBack(problem);
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
    if (gallery.modelSha256 !== modelSha256) {
      this.#lack = 'the server has one for another model';
      // What was used was this server's, of before.
      if (this.#source === 'server') this.#use({ ...gallery, brands: [] }, undefined);
    } else if (gallery.brands.length === 0 && this.#source !== 'server') this.#lack = 'the server has no brands yet';
    else {
      this.#lack = undefined;
      // Also an empty one: somebody took the last brand out.
      this.#use(gallery, 'server');
    }
    return this.#lack;
  }

  /** Answers the problem as it is with that. */
  async #fallBack(problem: string): Promise<string> {
    const { bundled } = this.#options;
    if (!bundled) return problem;
    if (this.#source === undefined) {
      const gallery = await bundled().catch(() => undefined);
      if (this.#closed || !gallery) return problem;
      this.#use(gallery, 'bundled');
    }
    return `${problem}; the bundled one is used`;
  }

  #use(gallery: Gallery, source: 'server' | 'bundled' | undefined): void {
    this.#source = source;
    this.#options.onGallery(gallery);
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
