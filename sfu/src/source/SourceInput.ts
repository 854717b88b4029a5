import type { Readable } from 'node:stream';
import type { MediaKind, OpenSource } from '@framelock/server/protocol';
import type { RtpOutput } from './ffmpegArguments.ts';

/** How an input came to its end by itself. */
export interface InputEnd {
  /** `finished`: whoever sent it stopped as one stops; `failed`: anything else. */
  reason: 'finished' | 'failed';
  /** For people, credentials taken out. */
  message: string;
}

/**
 * Where one attempt of a Source gets its media from. FFmpeg reads it twice: a short look (which codecs are in it), then to
 * send it. `close()` is idempotent and ends everything of it.
 */
export interface SourceInput {
  /** FFmpeg's arguments for it, up to and with `-i <url>`; `pipe:0` as url where `openBytes` is there. */
  readonly ffmpegArguments: readonly string[];
  /** URL protocols that FFmpeg may open for it (`-protocol_whitelist`), e.g. `['pipe']`. */
  readonly protocols: readonly string[];
  /**
   * What FFmpeg gets on its stdin: bytes from a place where a demuxer can begin (FLV: header, metadata, sequence headers,
   * then from the last key frame on). One at a time: the last one is destroyed before this is called again. The stream
   * ends where the publisher ended; one that is not read must have a limit and a drop rule.
   */
  openBytes?(): Readable;
  /** What is not live: read as fast as it plays, once or for ever. */
  readonly pace?: 'once' | 'loop';
  /** What FFmpeg makes up itself, and encodes by this; there is nothing to look at first. */
  readonly drawn?: {
    output(kind: MediaKind, output: RtpOutput): string[];
    /** Like packetLinesOutput(). */
    readonly packetLines: string[];
  };
  /** What FFmpeg does unasked and can't be forbidden: a line of its log that matches ends it, and `says` is why. */
  readonly forbidden?: { readonly pattern: RegExp; readonly says: string };
  /** Never shown in messages. */
  readonly secrets?: readonly string[];
  /** Where a publisher sends to; state `waiting` until `ready`. */
  readonly listenUrl?: string;
  /** Resolves when somebody sends; at once for what FFmpeg calls by itself. Never rejects: `ended` tells of failure. */
  readonly ready: Promise<void>;
  /** Resolves once, when the input itself ended (not after `close()`). FFmpeg's own end is SourceRun's to see. */
  readonly ended: Promise<InputEnd>;
  close(reason: string): void | Promise<void>;
}

/** Opens the input of one attempt. @throws Refusal in words that say what to change. */
export type OpenInput = (open: OpenSource) => Promise<SourceInput>;
