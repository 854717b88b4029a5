import { HlsValidator } from './validateHls.ts';

export interface LowLatencyClientOptions {
  /** Of the folder with `live.m3u8`, with a `/` at its end. */
  base: string;
  bearer?: string;
  /** Every few reloads it asks for a delta update, and for the whole Segments too. Default true. */
  thorough?: boolean;
}

/** What it met besides what the validator says. */
export interface ClientReport {
  problems: string[];
  notes: string[];
  playlists: number;
  parts: number;
  segments: number;
  sidecars: number;
  ended: boolean;
}

/**
 * An LL-HLS player without a picture: one blocking reload after the other, each Part and its sidecar as the playlist tells
 * of them, the hinted Part before it exists, each Segment when it is whole; all of it through the validator.
 */
export class LowLatencyClient {
  readonly validator = new HlsValidator();
  readonly sidecars = new Map<string, Uint8Array>();
  readonly #options: LowLatencyClientOptions;
  readonly #fetched = new Map<string, Promise<void>>();
  readonly #problems: string[] = [];
  #playlists = 0;
  #ended = false;
  #stopped = false;

  constructor(options: LowLatencyClientOptions) {
    this.#options = options;
  }

  async #get(name: string): Promise<Buffer | undefined> {
    const { base, bearer } = this.#options;
    const response = await fetch(base + name, { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} });
    if (!response.ok) {
      this.#problems.push(`${response.status} ${name}: ${(await response.text()).slice(0, 120)}`);
      return undefined;
    }
    return Buffer.from(await response.arrayBuffer());
  }

  #fetchMedia(name: string): void {
    if (this.#fetched.has(name)) return;
    const fetching = this.#get(name).then((bytes) => {
      if (!bytes) return;
      if (name.endsWith('.det')) this.sidecars.set(name, bytes);
      else this.validator.media(name, bytes);
    });
    this.#fetched.set(name, fetching);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Until it is stopped or the playlist ends. */
  async play(): Promise<ClientReport> {
    const { thorough = true } = this.#options;
    let request: { msn?: number; part?: number; skip?: boolean } = {};
    /** Segments whose Parts were gone from the playlist before us are not looked at. */
    let firstMsn: number | undefined;
    while (!this.#stopped && !this.#ended) {
      const query = new URLSearchParams();
      if (request.msn !== undefined) query.set('_HLS_msn', String(request.msn));
      if (request.part !== undefined) query.set('_HLS_part', String(request.part));
      if (request.skip) query.set('_HLS_skip', 'YES');
      const text = (await this.#get(`live.m3u8?${query}`))?.toString('utf8');
      if (text === undefined) break;
      const read = this.validator.playlist(text, request);
      if (!read) break;
      this.#playlists++;
      this.#ended = read.ended;
      firstMsn ??= read.segments.find(({ parts }) => parts.length > 0)?.msn ?? read.open.msn;
      const all = [...read.segments, read.open].filter(({ msn }) => msn >= firstMsn!);
      for (const { map, parts } of all) {
        if (map !== undefined) this.#fetchMedia(map);
        for (const { uri } of parts) {
          this.#fetchMedia(uri);
          this.#fetchMedia(uri.replace('.m4s', '.det'));
        }
      }
      if (thorough) for (const { uri, msn } of read.segments) if (msn >= firstMsn) this.#fetchMedia(uri);
      if (thorough) for (const hint of read.hints) this.#fetchMedia(hint);
      request = { msn: read.open.msn, part: read.open.parts.length, skip: thorough && this.#playlists % 5 === 0 };
    }
    // A hint that nothing came of is no fault of the origin's when we stop or it ends.
    const hinted = this.#stopped || this.#ended ? 1_000 : 0;
    await Promise.race([
      Promise.all(this.#fetched.values()),
      new Promise((resolve) => setTimeout(resolve, 2_000 + hinted)),
    ]);
    const names = [...this.#fetched.keys()];
    return {
      problems: [...this.#problems, ...this.validator.finish()],
      notes: this.validator.notes,
      playlists: this.#playlists,
      parts: names.filter((name) => /^part-.*m4s$/.test(name)).length,
      segments: names.filter((name) => name.startsWith('seg-') && name.endsWith('.m4s')).length,
      sidecars: this.sidecars.size,
      ended: this.#ended,
    };
  }
}
