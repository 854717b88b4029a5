import type { RtpEncodingParameters } from 'mediasoup-client/types';
import type { VideoCodecName } from './createDevice.ts';

/** Bits per pixel and frame that give a clean picture of a moving scene; newer codecs need less (about 0.7 of VP8's). */
const bitsPerPixel: Record<VideoCodecName, number> = { vp8: 0.1, h264: 0.1, vp9: 0.07, av1: 0.06 };

/** What one video of this size may take at most, bit/s, between 600 kbit/s and 8 Mbit/s. */
export function defaultMaxBitrateBps(
  { width = 1280, height = 720, frameRate = 30 }: { width?: number; height?: number; frameRate?: number },
  codec: VideoCodecName = 'vp8',
): number {
  const bps = width * height * Math.min(frameRate, 60) * bitsPerPixel[codec];
  return Math.round(Math.min(8_000_000, Math.max(600_000, bps)));
}

/**
 * One encoding only. mediasoup rewrites RTP timestamps when a simulcast viewer changes layer, and then no box finds its
 * frame; the layers of one VP9 K-SVC stream share their timestamps, so these carry several qualities. AV1 gets one layer:
 * mediasoup 3.27 does not pass the dependency descriptor on (its direction is `recvonly`), without which Chromium 156
 * decoded not one picture of an AV1 stream with two spatial layers (tried; L1T1 plays).
 */
export function defaultScalabilityMode(codec: VideoCodecName): string | undefined {
  return { vp8: undefined, h264: undefined, vp9: 'L3T3_KEY', av1: 'L1T1' }[codec];
}

/** Why this scalability mode (W3C webrtc-svc) cannot be sent with this codec, in words; undefined when it can. */
export function scalabilityProblem(codec: VideoCodecName, scalabilityMode: string | undefined): string | undefined {
  if (scalabilityMode === undefined || /^L1T[1-3]$/.test(scalabilityMode)) return undefined;
  const name = codec.toUpperCase();
  if (codec !== 'vp9')
    return `${name} is sent with one spatial layer here; use VP9 where viewers need several qualities`;
  // Full SVC and S modes (simulcast in one stream) are neither decoded by inference nor switched between by viewers.
  if (!/^L[23]T[1-3]_KEY$/.test(scalabilityMode)) return `${scalabilityMode} is not sent here; VP9 takes L3T3_KEY`;
  return undefined;
}

export function videoEncoding(maxBitrate: number, scalabilityMode: string | undefined): RtpEncodingParameters {
  return scalabilityMode ? { maxBitrate, scalabilityMode } : { maxBitrate };
}
