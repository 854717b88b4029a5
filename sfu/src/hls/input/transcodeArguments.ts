import type { VideoCodec } from '@framelock/server/protocol/tap';
import { hlsSegmentTicks, hlsTimescale } from '@framelock/server/protocol';
import type { PictureSize } from './pictureSize.ts';

/**
 * A picture of 720p30 takes 9 ms of CPU, with ultrafast 6.5 ms and visibly worse for the same bits, with veryfast 12 ms and
 * hardly better, with faster 18 ms (VP8 decoding included, Xeon of 2.5 GHz).
 */
export const videoPreset = 'superfast';
const unknownSize: PictureSize = { width: 1280, height: 720 };
/** Of capped CRF, for a picture in motion; 720p gets 3 Mbit/s. */
const bitsPerSecondAndPixel = 3.25;

export interface VideoArguments {
  codec: VideoCodec;
  size: PictureSize | undefined;
  /** Decoders that this FFmpeg has. */
  decoders: readonly string[];
  /** Several spatial layers in one picture. */
  layered: boolean;
  /** Pictures may have to be put in order. */
  reordered: boolean;
  /** Pictures before this one, ticks after the first, are only decoded. */
  fromTicks: number;
  preset?: string;
}

/**
 * One picture in, one out, at once: no frame threads, no B-frames, no lookahead; times pass through. A key frame every
 * Segment, counted from the last one, since a count from the beginning would make Segments of just under two seconds.
 */
export function videoArguments(options: VideoArguments): string[] {
  const { width, height } = options.size ?? unknownSize;
  const bitrate = Math.round(Math.min(8e6, Math.max(4e5, width * height * bitsPerSecondAndPixel)));
  const keyEveryS = (hlsSegmentTicks - 0.5) / hlsTimescale;
  return [
    ...['-nostdin', '-copyts', ...decoderArguments(options)],
    ...['-probesize', '32', '-analyzeduration', '0', '-fpsprobesize', '0', '-f', 'ivf', '-i', 'pipe:0'],
    ...['-map', '0:v:0', '-fps_mode', 'passthrough', '-enc_time_base', `1:${hlsTimescale}`],
    // MP4 wants even sizes of 4:2:0.
    ...['-vf', `select=gte(pts\\,${options.fromTicks}),crop=trunc(iw/2)*2:trunc(ih/2)*2`],
    ...['-c:v', 'libx264', '-preset', options.preset ?? videoPreset, '-tune', 'zerolatency', '-threads', '1'],
    ...['-profile:v', 'high', '-pix_fmt', 'yuv420p', '-bf', '0'],
    ...['-crf', '23', '-maxrate', `${bitrate}`, '-bufsize', `${bitrate}`],
    ...['-force_key_frames', `expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+${keyEveryS}))`, '-forced-idr', '1'],
    // Without fps x264 takes the ticks for pictures, and gives each a 90,000th of the rate.
    ...['-x264-params', 'keyint=infinite:scenecut=0:repeat-headers=1:fps=30/1'],
    ...['-flush_packets', '1', '-f', 'nut', 'pipe:1'],
  ];
}

function decoderArguments({ codec, decoders, layered, reordered }: VideoArguments): string[] {
  const plain = reordered ? ['-threads', '1'] : ['-threads', '1', '-flags', 'low_delay'];
  // FFmpeg's own VP9 decoder shows each layer as a picture of its own; libvpx shows the last one of a superframe.
  if (codec === 'vp9' && layered && decoders.includes('libvpx-vp9')) return [...plain, '-c:v', 'libvpx-vp9'];
  return plain;
}
