import type { MediaDecision } from './decideMedia.ts';
import type { SourceInput } from './SourceInput.ts';

/** Where an rtp muxer sends to, and what its packets are called. */
export interface RtpOutput {
  ip: string;
  rtpPort: number;
  rtcpPort: number;
  ssrc: number;
  payloadType: number;
  cname: string;
  /** Unix time of timestamp 0, µs: the same for both outputs, so that their sender reports line them up. */
  startTimeUs: number;
}

/** Fits in every path MTU that WebRTC assumes, with SRTP and headers. */
const packetBytes = 1_200;

/** Global options and the input. `paced`: files are read as fast as they play. */
export function inputArguments(input: SourceInput, paced: boolean): string[] {
  const at = input.ffmpegArguments.indexOf('-i');
  const [before, url] = [input.ffmpegArguments.slice(0, at), input.ffmpegArguments.slice(at)];
  const pace = input.pace && paced ? ['-re', ...(input.pace === 'loop' ? ['-stream_loop', '-1'] : [])] : [];
  return ['-nostdin', '-protocol_whitelist', input.protocols.join(','), ...pace, ...before, ...url];
}

/** One line per packet of the input on stdout (PacketWatch), each at once. */
export function packetLinesOutput(): string[] {
  const eachAtOnce = ['-max_interleave_delta', '1', '-flush_packets', '1'];
  return ['-map', '0:v:0?', '-map', '0:a:0?', '-c', 'copy', ...eachAtOnce, '-f', 'framecrc', 'pipe:1'];
}

export function videoOutput(decision: NonNullable<MediaDecision['video']>, output: RtpOutput): string[] {
  const how = decision.how === 'copied' ? copyH264 : transcodeH264(decision.interlaced);
  return ['-map', '0:v:0', ...how, ...rtpOutput(output)];
}

export function audioOutput(how: 'copied' | 'transcoded', output: RtpOutput, from = '0:a:0'): string[] {
  const codec = how === 'copied' ? ['-c:a', 'copy'] : transcodeOpus;
  return ['-map', from, ...codec, ...rtpOutput(output)];
}

/** Late viewers and decoders need SPS and PPS before each key frame. */
const copyH264 = ['-c:v', 'copy', '-bsf:v', 'h264_mp4toannexb,dump_extra=freq=keyframe'];

const maxHeight = 1080;
const maxWidth = 1920;
const mostPixels = `scale=w='min(iw,${maxWidth})':h='min(ih,${maxHeight})':force_original_aspect_ratio=decrease:force_divisible_by=2`;
/** At most 30 to 40 pictures a second, each with its own timestamp: others are left out, none is moved. */
const mostPictures = "select='isnan(prev_selected_t)+lt(t,prev_selected_t)+gte(t-prev_selected_t,0.024)'";

/** Constrained baseline, a key frame each second since FFmpeg can't be asked for one. */
export function transcodeH264(interlaced: boolean): string[] {
  const filters = [...(interlaced ? ['yadif'] : []), mostPictures, mostPixels, 'format=yuv420p'];
  return [
    ...['-vf', filters.join(','), '-fps_mode', 'passthrough'],
    ...x264Live,
    ...['-crf', '23', '-maxrate', '4M', '-bufsize', '4M'],
  ];
}

/** Shared with the test picture. */
export const x264Live = [
  ...['-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-bf', '0'],
  ...['-force_key_frames', 'expr:isnan(prev_forced_t)+gte(t-prev_forced_t,1)', '-forced-idr', '1', '-g', '300'],
];

const transcodeOpus = [
  ...['-c:a', 'libopus', '-b:a', '96k', '-ar', '48000', '-ac', '2', '-frame_duration', '20'],
  ...['-af', 'aresample=async=1000'],
];

export function rtpOutput(output: RtpOutput): string[] {
  const { ip, rtpPort, rtcpPort, ssrc, payloadType, cname, startTimeUs } = output;
  const names = ['-ssrc', String(ssrc), '-payload_type', String(payloadType), '-cname', cname];
  const clock = ['-start_time_realtime', String(startTimeUs)];
  return [...names, ...clock, '-f', 'rtp', `rtp://${ip}:${rtpPort}?rtcpport=${rtcpPort}&pkt_size=${packetBytes}`];
}
