import type { Readable } from 'node:stream';
import type { StoredFiles } from '../store/StoredFiles.ts';

/** RFC 8216bis 6.2.5: `_HLS_msn`, `_HLS_part`, `_HLS_skip`. */
export interface DeliveryDirectives {
  msn: number | undefined;
  part: number | undefined;
  skip: boolean;
}

/** What the Origin asks of one Publication in HLS, live or a Recording. Texts of one version should be one string. */
export interface PackagedPublication {
  readonly streamId: string;
  readonly publicationId: string;
  readonly files: StoredFiles;
  /** Its playlists have ENDLIST and change no more. */
  readonly ended: boolean;
  /** `base`: before each URI, '' or `<publicationId>/`. undefined, here and below: no full Segment yet. */
  multivariant(base: string, media: 'live.m3u8' | 'plain.m3u8'): string | undefined;
  plain(): string | undefined;
  /**
   * Asked without directives it answers at once; with them when what they name is there.
   * @throws Refusal, or rejects with one: `badRequest` for what cannot come soon, `unavailable` for what should have come.
   */
  lowLatency(directives: DeliveryDirectives): string | Promise<string> | undefined;
}

export interface Mp4Download {
  fileName: string;
  stream: Readable;
  /** Nobody takes it any more. Idempotent. */
  stop(): void;
}

/** What the Origin asks of the node. */
export interface PackagedPublications {
  /** Somebody wants to watch: packaging of the Stream's live Publication starts. undefined: there is none. */
  want(streamId: string): PackagedPublication | 'starting' | undefined;
  /** Live or a Recording. */
  find(
    streamId: string,
    publicationId: string,
  ): PackagedPublication | undefined | Promise<PackagedPublication | undefined>;
  /** @throws Refusal `notFound`; `unavailable` where too many are under way. */
  download(streamId: string, publicationId: string): Promise<Mp4Download>;
}
