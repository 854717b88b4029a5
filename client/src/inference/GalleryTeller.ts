import type { Gallery } from '@framelock/server/protocol';

export interface GalleryTellerOptions {
  onTold(gallery: Gallery, revision: number): void;
  retryMs?: number;
}

/** Tells the server the labels of a gallery. Answers the revision of what viewers were told; null = nobody was. */
export type TellGallery = (gallery: Gallery) => Promise<number | null>;

const retryAfterMs = 2_000;

/**
 * Viewers learn the labels of a gallery before a message is made with them: the server is told the newest one, by one
 * request at a time, and again after a while where that failed.
 */
export class GalleryTeller {
  readonly #options: GalleryTellerOptions;
  #wanted: Gallery | undefined;
  #told: Gallery | undefined;
  #tell: TellGallery | undefined;
  #isTelling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: GalleryTellerOptions) {
    this.#options = options;
  }

  get wanted(): Gallery | undefined {
    return this.#wanted;
  }

  /** Whose labels viewers have. */
  get told(): Gallery | undefined {
    return this.#told;
  }

  want(gallery: Gallery): void {
    this.#wanted = gallery;
    void this.#run();
  }

  /** The server is told of it in another way: by the description that a connection begins with. */
  toldOtherwise(): void {
    this.#told = this.#wanted;
  }

  /** There is a connection; what changed while it was made is told now. Undefined = it is gone. */
  use(tell: TellGallery | undefined): void {
    clearTimeout(this.#timer);
    this.#tell = tell;
    void this.#run();
  }

  async #run(): Promise<void> {
    const tell = this.#tell;
    const gallery = this.#wanted;
    if (!tell || !gallery || gallery === this.#told || this.#isTelling) return;
    clearTimeout(this.#timer);
    this.#isTelling = true;
    const revision = await tell(gallery).catch(() => undefined);
    this.#isTelling = false;
    if (this.#tell !== tell) return this.#run();
    if (revision === undefined) {
      this.#timer = setTimeout(() => void this.#run(), this.#options.retryMs ?? retryAfterMs);
      return;
    }
    this.#told = gallery;
    // Also when a newer one waits: until that is told, the server takes messages of this revision only.
    if (revision !== null) this.#options.onTold(gallery, revision);
    return this.#run();
  }
}
