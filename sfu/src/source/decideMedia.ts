import type { SourceMedia } from '@framelock/server/protocol';
import type { H264Sps } from './h264Sps.ts';

/** What a look at an input found. */
export interface InputLook {
  video: VideoLook | undefined;
  audio: { codec: string; sampleRate: number } | undefined;
}

export interface VideoLook {
  codec: string;
  width: number;
  height: number;
  /** It has B-frames. */
  reorders: boolean;
  /** Longest time without a key frame that was seen. */
  longestKeyGapSeconds: number;
  /** H264 only, where one was found. */
  sps: H264Sps | undefined;
}

export interface MediaDecision {
  video: (SourceMedia & { interlaced: boolean }) | undefined;
  audio: SourceMedia | undefined;
}

/** FFmpeg can't answer a viewer's wish for a key frame: whoever joins waits for the next one. */
export const longestCopiedKeyGapSeconds = 10;

/** profile_idc of baseline, main and high; what is fed with them has 4:2:0 and 8 bits. */
const copiedProfiles = new Set([66, 77, 100]);

/** Copy what WebRTC viewers can show as it is, transcode the rest and say why. */
export function decideMedia({ video, audio }: InputLook, mustTranscode?: string): MediaDecision {
  return {
    video: video && decideVideo(video, mustTranscode),
    audio: audio && decideAudio(audio.codec, audio.sampleRate),
  };
}

function decideVideo(look: VideoLook, mustTranscode: string | undefined): NonNullable<MediaDecision['video']> {
  const { codec, sps } = look;
  const why = mustTranscode ?? whyNotCopied(look);
  if (why !== undefined) {
    return { codec, how: 'transcoded', why, interlaced: sps?.interlaced ?? false };
  }
  return { codec, how: 'copied', interlaced: false };
}

export const bFramesReason =
  "it has B-frames, which WebRTC viewers can't show: turn them off in the encoder to save this";

/** undefined = it can be copied. */
export function whyNotCopied({ codec, sps, reorders, longestKeyGapSeconds }: VideoLook): string | undefined {
  if (codec === 'hevc')
    return "it is HEVC (H265), which browsers don't take by WebRTC: set the encoder to H264 to save this";
  if (codec !== 'h264') return `it is ${codec}; only H264 is passed on as it is`;
  if (reorders) return bFramesReason;
  if (!sps) return 'its H264 profile is not told (no SPS was seen)';
  if (sps.chromaFormat !== 1 || sps.bitDepth !== 8) {
    return `its colours are ${['4:0:0', '4:2:0', '4:2:2', '4:4:4'][sps.chromaFormat] ?? 'unusual'} with ${sps.bitDepth} bits; browsers show 4:2:0 with 8 bits`;
  }
  if (!copiedProfiles.has(sps.profileIdc))
    return `its H264 profile (${sps.profileIdc}) is not one of baseline, main and high`;
  if (sps.interlaced) return 'it is interlaced, which browsers show with combs';
  if (longestKeyGapSeconds > longestCopiedKeyGapSeconds) return keyGapReason(longestKeyGapSeconds);
  return undefined;
}

export function keyGapReason(seconds: number): string {
  return `its key frames are ${Math.round(seconds)} s apart, and whoever joins would wait for the next one: set 1 or 2 s in the encoder to save this`;
}

function decideAudio(codec: string, sampleRate: number): SourceMedia {
  if (codec === 'opus' && sampleRate === 48_000) return { codec, how: 'copied' };
  return { codec, how: 'transcoded', why: `it is ${codec}; WebRTC takes Opus` };
}
