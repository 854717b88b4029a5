import { z } from 'zod';
import { idSchema } from './ids.ts';

/** Types of Source: what feeds a Stream other than a browser or WHIP. */
export const sourceTypeSchema = z.enum(['test', 'file', 'rtmp', 'rtsp', 'srt']);
export type SourceType = z.infer<typeof sourceTypeSchema>;

const sourceUrl = z.string().trim().min(1).max(1000);

/**
 * `POST /api/v1/streams/:id/source`. `test`: a moving pattern. `file`: `url` is the name of a file under the allowed
 * folder (uploads land there). `rtmp`: waits for a publisher on the one RTMP port. `rtsp`: pulls `url`. `srt`: calls
 * `url` where there is one, else listens on a port of its own.
 */
export const sourceSpecSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('test') }),
  z.object({ type: z.literal('file'), url: sourceUrl, loop: z.boolean().default(true) }),
  z.object({ type: z.literal('rtmp') }),
  z.object({ type: z.literal('rtsp'), url: sourceUrl }),
  z.object({ type: z.literal('srt'), url: sourceUrl.optional() }),
]);
export type SourceSpec = z.infer<typeof sourceSpecSchema>;

/** How one elementary stream goes from the Source to the Publication. */
export const sourceMediaSchema = z.object({
  /** As the Source has it: `h264`, `hevc`, `aac`… */
  codec: z.string().max(40),
  how: z.enum(['copied', 'transcoded']),
  /** Why it had to be transcoded, e.g. "it has B-frames, which WebRTC viewers can't show". */
  why: z.string().max(300).optional(),
});
export type SourceMedia = z.infer<typeof sourceMediaSchema>;

/**
 * One attempt to run a Source, as its sfu node tells it on change. `waiting`: nobody sends yet (rtmp, srt listener).
 * `connecting`: FFmpeg runs and no media came yet. `running`: media flows.
 */
export const sourceProgressSchema = z.object({
  state: z.enum(['waiting', 'connecting', 'running']),
  /** Where a publisher sends to (rtmp, srt listener); host and port as this node is reached. */
  listenUrl: z.string().max(500).optional(),
  video: sourceMediaSchema.optional(),
  audio: sourceMediaSchema.optional(),
});
export type SourceProgress = z.infer<typeof sourceProgressSchema>;

/** What `GET /api/v1/streams/:id` says of the Stream's Source, over all its attempts. URLs without their credentials. */
export const sourceViewSchema = z.object({
  type: sourceTypeSchema,
  url: z.string().optional(),
  /** `retrying`: the last attempt failed, the next one begins at `retryAt`. `finished`: a file that does not loop ended. */
  state: z.enum(['starting', 'waiting', 'connecting', 'running', 'retrying', 'finished']),
  listenUrl: z.string().optional(),
  video: sourceMediaSchema.optional(),
  audio: sourceMediaSchema.optional(),
  /** Attempts that ended by themselves since the Source was set. */
  restarts: z.number().int().nonnegative(),
  lastError: z.string().optional(),
  retryAt: z.iso.datetime().optional(),
});
export type SourceView = z.infer<typeof sourceViewSchema>;

/** A file that a `file` Source may play: a name (no folders) under the allowed folder. */
export const sourceFileSchema = z.object({
  name: z.string().max(200),
  sizeBytes: z.number().int().nonnegative(),
  modifiedAt: z.iso.datetime(),
});
export const sourceFileListSchema = z.object({ files: z.array(sourceFileSchema) });

/** Parts of an attempt that the sfu node is given; the server has resolved and checked them. */
export const openSourceSchema = z.object({
  streamId: idSchema,
  /** The Publication that this attempt makes when media flows; also the attempt's name. */
  publicationId: idSchema,
  spec: sourceSpecSchema,
  /** rtmp: what the publisher must give as stream key. srt listener: the passphrase. */
  streamKey: z.string().max(512),
  /** Host names may resolve to loopback, private and link-local addresses. */
  allowPrivateAddresses: z.boolean(),
});
export type OpenSource = z.infer<typeof openSourceSchema>;
