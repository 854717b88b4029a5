import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hlsNames, hlsTimescale } from '@framelock/server/protocol';
import type { PackagedPublication } from '../origin/PackagedPublications.ts';
import { MediaPlaylist } from '../playlist/MediaPlaylist.ts';
import { renderMultivariant } from '../playlist/multivariant.ts';
import { decodeSidecar } from '../sidecar/sidecarBytes.ts';
import { indexFileName, parseSegmentIndex, type StoredInit, type StoredSegment } from '../store/segmentIndex.ts';
import type { StoredFiles } from '../store/StoredFiles.ts';

const usualFrameRate = 30;

/** What the Origin sees of a Recording: the URLs that it had when it was live, with playlists that have ended. */
export class StoredPlaylists implements PackagedPublication {
  readonly streamId: string;
  readonly publicationId: string;
  readonly files: StoredFiles;
  readonly ended = true;
  readonly segments: readonly StoredSegment[];
  readonly #playlist: MediaPlaylist;
  readonly #init: StoredInit | undefined;
  readonly #frameRate: number;

  private constructor(
    names: { streamId: string; publicationId: string; folder: string },
    index: { inits: StoredInit[]; segments: StoredSegment[] },
    frameRate: number,
  ) {
    this.streamId = names.streamId;
    this.publicationId = names.publicationId;
    this.files = { held: () => undefined, path: (name) => join(names.folder, name), wait: () => undefined };
    this.segments = index.segments;
    this.#playlist = new MediaPlaylist({
      entries: index.segments.map((segment) => ({ ...segment, unixMs: segment.unixMs })),
      vod: true,
    });
    this.#init = index.inits.find((init) => init.index === index.segments[0]?.initIndex);
    this.#frameRate = frameRate;
  }

  /** undefined: there is no Recording in this folder. */
  static async create(names: {
    streamId: string;
    publicationId: string;
    folder: string;
  }): Promise<StoredPlaylists | undefined> {
    const text = await readFile(join(names.folder, indexFileName), 'utf8').catch(() => '');
    const index = parseSegmentIndex(text);
    const [first] = index.segments;
    if (!first) return undefined;
    return new StoredPlaylists(names, index, await readFrameRate(names.folder, first));
  }

  multivariant(base: string, media: 'live.m3u8' | 'plain.m3u8'): string | undefined {
    if (!this.#init) return undefined;
    const { codecs, width, height } = this.#init;
    const bitrates = this.#playlist.bitrates();
    return renderMultivariant({ uri: base + media, codecs, width, height, ...bitrates, frameRate: this.#frameRate });
  }

  plain(): string {
    return this.#playlist.plain();
  }

  /** All is there: nobody waits. */
  lowLatency(): string {
    return this.#playlist.lowLatency();
  }
}

/** Of the first Segment: its sidecar tells all its pictures. */
async function readFrameRate(folder: string, { msn, duration }: StoredSegment): Promise<number> {
  const name = hlsNames.sidecarOf(hlsNames.segment(msn));
  const bytes = await readFile(join(folder, name)).catch(() => undefined);
  const frames = (bytes && decodeSidecar(bytes)?.frames.length) || 0;
  return frames > 0 && duration > 0 ? (frames * hlsTimescale) / duration : usualFrameRate;
}
