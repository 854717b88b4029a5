import type { HlsMedia } from '@framelock/server/protocol';

/**
 * What flows through the packager, all in media time: ticks of 90 kHz that equal the video's RTP timestamp modulo 2^32
 * and do not wrap (see `hlsTimescale`). Audio is on the same clock.
 */
export type MediaTime = number;

export interface VideoFormat {
  /** RFC 6381, e.g. `avc1.42c01f`. */
  codec: string;
  width: number;
  height: number;
  /** NAL units without start code or length. */
  sps: Buffer;
  pps: Buffer;
}

/** One H264 access unit; no B-frames, so decode time = presentation time. */
export interface VideoSample {
  time: MediaTime;
  key: boolean;
  /** NAL units, each behind its length (u32, ISO/IEC 14496-15); no SPS, PPS or AUD. */
  data: Buffer;
  /** Unix ms. */
  receivedAtMs: number;
}

export interface AudioFormat {
  /** `mp4a.40.2` */
  codec: string;
  sampleRate: number;
  channels: number;
  /** AudioSpecificConfig, ISO/IEC 14496-3. */
  config: Buffer;
}

/** One AAC frame of 1,024 samples: 1,920 ticks at 48 kHz. Frames follow each other without gap. */
export interface AudioSample {
  time: MediaTime;
  data: Buffer;
}
export const audioSampleTicks = 1_920;

/** What MediaInput tells. Formats come before the first sample and before the first sample that differs, which is a key frame. */
export interface MediaInputEvents {
  onVideoFormat(format: VideoFormat): void;
  onVideo(sample: VideoSample): void;
  /** null: from now on there is no audio. MediaInput never says so: where there is none, it tells silence. */
  onAudioFormat(format: AudioFormat | null): void;
  onAudio(sample: AudioSample): void;
  /** What comes next does not follow what came: the clock jumped, there was a long gap, another encoder. Audio included. */
  onDiscontinuity(reason: string): void;
  /** When a picture was captured, as well as can be known; told again where it changed by more than 50 ms. */
  onClock(time: MediaTime, unixMs: number): void;
  /** How the media gets in, on change. */
  onMedia(media: { video: HlsMedia; audio: HlsMedia | null }): void;
  /** For people. Fatal: it has closed itself (no FFmpeg, a codec nobody can take). */
  onProblem(message: string, fatal: boolean): void;
}

/** ftyp + moov of what follows. */
export interface InitSection {
  /** Counts up from 0 in a Publication. */
  index: number;
  data: Buffer;
  /** RFC 6381, of all tracks. */
  codecs: string[];
  width: number;
  height: number;
  hasAudio: boolean;
}

/** One LL-HLS Part: moof + mdat, an emsg before it for each detection message that came since the last one. */
export interface Part {
  msn: number;
  /** Inside its Segment, from 0. */
  index: number;
  start: MediaTime;
  /** Ticks. */
  duration: number;
  /** Begins with a key frame. */
  independent: boolean;
  data: Buffer;
  /** Media times of its pictures. */
  frames: MediaTime[];
}

export interface Segment {
  msn: number;
  initIndex: number;
  start: MediaTime;
  /** Ticks. */
  duration: number;
  /** Does not follow the Segment before: EXT-X-DISCONTINUITY. */
  discontinuity: boolean;
  /** Capture time of its first picture, Unix ms; undefined until it is known. */
  unixMs: number | undefined;
  parts: Part[];
  bytes: number;
}
