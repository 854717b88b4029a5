import { Refusal } from '@framelock/server/protocol';
import type { DeliveryDirectives, PackagedPublication } from './origin/PackagedPublications.ts';
import type { Packager } from './Packager.ts';
import { decideReload, ReloadWaiters } from './playlist/blockingReload.ts';
import { renderMultivariant } from './playlist/multivariant.ts';
import type { StoredFiles } from './store/StoredFiles.ts';

export interface LivePlaylistsOptions {
  streamId: string;
  publicationId: string;
  frameRate(): number;
}

const maxWaiters = 20_000;
const noFiles: StoredFiles = { held: () => undefined, path: () => '/nonexistent', wait: () => undefined };

/** What the Origin sees of a live Publication: the playlists of its Packager, and reloads that wait for them. */
export class LivePlaylists implements PackagedPublication {
  readonly streamId: string;
  readonly publicationId: string;
  readonly #frameRate: () => number;
  #packager: Packager | undefined;
  #waiters: ReloadWaiters | undefined;

  constructor({ streamId, publicationId, frameRate }: LivePlaylistsOptions) {
    this.streamId = streamId;
    this.publicationId = publicationId;
    this.#frameRate = frameRate;
  }

  get files(): StoredFiles {
    return this.#packager?.store ?? noFiles;
  }

  get ended(): boolean {
    return this.#packager?.playlist.ended ?? false;
  }

  get waiting(): number {
    return this.#waiters?.size ?? 0;
  }

  follow(packager: Packager): void {
    if (packager === this.#packager) return;
    this.leave();
    this.#packager = packager;
    this.#waiters = new ReloadWaiters({ playlist: packager.playlist, limit: maxWaiters });
  }

  leave(): void {
    this.#waiters?.close();
    this.#waiters = undefined;
    this.#packager = undefined;
  }

  /** No full Segment yet. */
  get #isStarting(): boolean {
    const playlist = this.#packager?.playlist;
    return !playlist || playlist.last < playlist.first;
  }

  multivariant(base: string, media: 'live.m3u8' | 'plain.m3u8'): string | undefined {
    const packager = this.#packager;
    if (!packager?.init || this.#isStarting) return undefined;
    const { codecs, width, height } = packager.init;
    const { peakBps, averageBps } = packager.playlist.bitrates();
    const frameRate = this.#frameRate();
    return renderMultivariant({ uri: base + media, codecs, width, height, peakBps, averageBps, frameRate });
  }

  plain(): string | undefined {
    return this.#isStarting ? undefined : this.#packager!.playlist.plain();
  }

  lowLatency(directives: DeliveryDirectives): string | Promise<string> | undefined {
    const packager = this.#packager;
    if (!packager || this.#isStarting) return undefined;
    const { playlist } = packager;
    const { msn, part, skip } = directives;
    const request = { msn, part, skip };
    const text = (): string => (skip ? playlist.delta() : playlist.lowLatency());
    const decision = decideReload(playlist, request);
    if (decision === 'now') return text();
    if (decision === 'refuse') throw new Refusal('badRequest', 'that is too far in the future of this playlist');
    return this.#waiters!.wait(request).then((answer) => {
      if (answer === 'ready') return text();
      throw new Refusal('unavailable', answer === 'full' ? 'too many requests wait here' : 'it did not come in time');
    });
  }
}
