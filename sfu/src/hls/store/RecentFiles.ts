interface RecentFile {
  data: Buffer;
  /** What it adds to the memory held: 0 for a view on another's. */
  bytes: number;
  onDisk: boolean;
}

/** The newest files of a Publication, so that whoever plays at the live edge never waits for a disk. */
export class RecentFiles {
  readonly #maxBytes: number;
  readonly #files = new Map<string, RecentFile>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(name: string): Buffer | undefined {
    return this.#files.get(name)?.data;
  }

  put(name: string, data: Buffer): void {
    this.delete(name);
    this.#files.set(name, { data, bytes: data.length, onDisk: false });
    this.#bytes += data.length;
    this.#evict();
  }

  /** The same bytes lie in another file's memory now. */
  share(name: string, view: Buffer): void {
    const file = this.#files.get(name);
    if (!file) return;
    this.#bytes -= file.bytes;
    file.data = view;
    file.bytes = 0;
  }

  written(name: string): void {
    const file = this.#files.get(name);
    if (file) file.onDisk = true;
  }

  delete(name: string): void {
    const file = this.#files.get(name);
    if (!file) return;
    this.#bytes -= file.bytes;
    this.#files.delete(name);
  }

  clear(): void {
    this.#files.clear();
    this.#bytes = 0;
  }

  /** The oldest goes first, but nothing that is nowhere else: Parts that are kept in memory only, and the WriteQueue's. */
  #evict(): void {
    for (const [name, file] of this.#files) {
      if (this.#bytes <= this.#maxBytes) return;
      if (file.onDisk) this.delete(name);
    }
  }
}
