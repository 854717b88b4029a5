import { z } from 'zod';
import { idSchema } from './ids.ts';

/**
 * HLS of a Stream as its people set it. `onDemand`: packaged from the first request on and until nobody asks any more.
 * `always`: from the publisher's first frame on. `off`: never.
 */
export const hlsSettingSchema = z.enum(['onDemand', 'always', 'off']);
export type HlsSetting = z.infer<typeof hlsSettingSchema>;

/** What a Stream's player takes first: WebRTC (sub-second; falls back to HLS), or HLS (many viewers). */
export const deliverySchema = z.enum(['webrtc', 'hls']);
export type Delivery = z.infer<typeof deliverySchema>;

/** `PATCH /api/v1/streams/:id`, every field optional there. */
export const streamSettingsSchema = z.object({
  hls: hlsSettingSchema.default('onDemand'),
  delivery: deliverySchema.default('webrtc'),
  /** Keeps Segments and detections of each Publication as a Recording; implies HLS as `always` has it. */
  recording: z.boolean().default(false),
  /** Recordings of this Stream lose what is older; null = no limit. */
  recordingMaxAgeHours: z.number().positive().max(87_600).nullable().default(168),
  /** Recordings of this Stream together; the oldest goes first. null = no limit but the disk's. */
  recordingMaxBytes: z.number().int().min(1_000_000).max(1e15).nullable().default(20_000_000_000),
});
export type StreamSettings = z.infer<typeof streamSettingsSchema>;
export const defaultStreamSettings: StreamSettings = streamSettingsSchema.parse({});

/** HLS is off only where nothing is recorded either. */
export const hlsIsOff = ({ hls, recording }: Pick<StreamSettings, 'hls' | 'recording'>): boolean =>
  hls === 'off' && !recording;

/** What the sfu node has to know of them, for one Publication. */
export const packagerSettingsSchema = z.object({
  hls: hlsSettingSchema,
  recording: z.boolean(),
  /** Of the Recording that is being made: Segments beyond either are dropped from its start. */
  recordingMaxAgeHours: z.number().positive().nullable(),
  recordingMaxBytes: z.number().int().positive().nullable(),
});
export type PackagerSettings = z.infer<typeof packagerSettingsSchema>;

/** How one elementary stream of a Publication gets into HLS. */
export const hlsMediaSchema = z.object({
  /** As it is published: `H264`, `VP8`, `opus`… */
  codec: z.string().max(40),
  how: z.enum(['copied', 'transcoded']),
  /** Why it had to be transcoded, for people. */
  why: z.string().max(300).optional(),
});
export type HlsMedia = z.infer<typeof hlsMediaSchema>;

/**
 * HLS of one Publication, told on change and every 2 s while it runs. `idle`: nobody asked for it. `starting`: no full
 * Segment yet. `live`. `failed`: it stopped and is tried again; `alert` says why, for people (a full disk, no FFmpeg).
 */
export const hlsViewSchema = z.object({
  state: z.enum(['idle', 'starting', 'live', 'failed']),
  alert: z.string().max(500).optional(),
  video: hlsMediaSchema.optional(),
  audio: hlsMediaSchema.optional(),
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  bitrateBps: z.number().nonnegative().optional(),
  targetDurationS: z.number().positive().optional(),
  partTargetS: z.number().positive().optional(),
  /** How far a viewer can rewind now. */
  windowS: z.number().nonnegative().optional(),
  /** Players that wait for the next Part right now: one open request each (LL-HLS blocks the reload). */
  players: z.number().int().nonnegative().optional(),
  recording: z.boolean().optional(),
  /** Since it began: detections that came after their sidecar was closed, frames lost to a full queue, restarts. */
  dropped: z.record(z.string(), z.number().nonnegative()).optional(),
});
export type HlsView = z.infer<typeof hlsViewSchema>;

/** A Recording: the stored Segments and detections of a Publication. Its id is the Publication's. */
export const storedRecordingSchema = z.object({
  publicationId: idSchema,
  streamId: idSchema,
  /** Wall clock of its first and after its last frame. */
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  durationS: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
  width: z.number().int().nonnegative(),
  height: z.number().int().nonnegative(),
  hasAudio: z.boolean(),
  segments: z.number().int().nonnegative(),
  /** `recording`: it grows. `complete`: the Publication ended in order. `recovered`: a crash ended it; at most its last Part is lost. */
  state: z.enum(['recording', 'complete', 'recovered']),
});
export type StoredRecording = z.infer<typeof storedRecordingSchema>;

/** A Recording as the API shows it. */
export const recordingViewSchema = storedRecordingSchema.extend({
  id: idSchema,
  /** Of a deleted Stream the last one; null: nobody knows it any more. */
  streamName: z.string().nullable(),
  streamExists: z.boolean(),
  /** The node that has it answers. */
  available: z.boolean(),
  /** Multivariant playlist, path only. */
  hlsUrl: z.string(),
  downloadUrl: z.string(),
  thumbnailUrl: z.string().nullable(),
  watchUrl: z.string(),
});
export type RecordingView = z.infer<typeof recordingViewSchema>;
export const recordingListSchema = z.object({
  recordings: z.array(recordingViewSchema),
  nextCursor: z.string().nullable(),
});

/** Media time: ticks of 90 kHz that equal the RTP timestamp modulo 2^32 and do not wrap. `tfdt` in every track. */
export const hlsTimescale = 90_000;
/** EXT-X-TARGETDURATION, the same for all Publications: a publisher with later key frames is transcoded. */
export const hlsTargetDurationS = 4;
/** A Segment ends at the first key frame from here on. */
export const hlsSegmentTicks = 2 * hlsTimescale;
/** PART-TARGET. */
export const hlsPartTicks = hlsTimescale / 3;
/** PART-HOLD-BACK: at least three PART-TARGETs (RFC 8216bis 4.4.3.8). */
export const hlsPartHoldBackS = 1.1;

/** Folder of one Publication under `/hls/` and under `DATA_DIR/hls/`. */
export const hlsFolder = (streamId: string, publicationId: string): string => `${streamId}/${publicationId}`;

/**
 * Names of the files in a Publication's folder. A name is written once and never changes; so the client can derive the
 * sidecar of the media it loaded, and caches can keep it.
 */
export const hlsNames = {
  multivariant: 'index.m3u8',
  /** Media playlist with Parts; blocks reloads. */
  lowLatency: 'live.m3u8',
  /** The same without Parts, Skip and blocking, for players and stores that know none of it. */
  plain: 'plain.m3u8',
  init: (index: number) => `init-${index}.mp4`,
  segment: (msn: number) => `seg-${msn}.m4s`,
  part: (msn: number, part: number) => `part-${msn}-${part}.m4s`,
  thumbnail: (msn: number) => `thumb-${msn}.jpg`,
  model: (revision: number) => `model-${revision}.json`,
  /** Of a Segment or a Part. */
  sidecarOf: (media: string) => media.replace(/\.m4s$/, '.det'),
} as const;
/** Segments between two thumbnails: those whose number is a multiple have one. */
export const hlsThumbnailEvery = 5;

/** emsg (ISO/IEC 14496-12, DASH 5.10.3.3) scheme of a detection message; `message_data` is the message as viewers get it. */
export const hlsEventScheme = 'urn:framelock:detections:v1';

/**
 * Sidecar of a Part or a Segment, MessagePack. `start` and `end`: media time. `frames`: media times of all its pictures
 * in order, as differences (the first to `start`). `d`: the detection messages (the data channel's bytes) of its
 * pictures, in order of time; `m`: media time of each. `complete`: every picture's analysis had ended when it was closed.
 */
export const hlsSidecarSchema = z.object({
  v: z.literal(1),
  pub: idSchema,
  start: z.number(),
  end: z.number(),
  frames: z.array(z.number()).max(4_096),
  m: z.array(z.number()).max(4_096),
  d: z.array(z.instanceof(Uint8Array)).max(4_096),
  complete: z.boolean(),
});
export type HlsSidecar = z.infer<typeof hlsSidecarSchema>;
