import { z } from 'zod';
import { Refusal, parseOrRefuse } from '../errors.ts';
import { videoClockRate } from '../rtpTime.ts';
import type { AudioCodec, TapCodec, VideoCodec } from './Depacketiser.ts';

/** The part of mediasoup's RtpParameters that a receiver needs. */
const rtpParametersSchema = z.object({
  codecs: z
    .array(
      z.object({
        mimeType: z.string().max(64),
        payloadType: z.number().int().min(0).max(127),
        clockRate: z.number().int().positive(),
      }),
    )
    .min(1),
  encodings: z.array(z.object({ ssrc: z.number().int().min(0).max(0xffffffff) })).min(1),
});

const videoCodecs: Record<string, VideoCodec> = {
  'video/h264': 'h264',
  'video/vp8': 'vp8',
  'video/vp9': 'vp9',
  'video/av1': 'av1',
};
const audioCodecs: Record<string, AudioCodec> = { 'audio/opus': 'opus' };
/** RTP clock of Opus whatever it carries, Hz (RFC 7587 section 4.1). */
export const opusClockRate = 48_000;

export const clockRateOf = (codec: TapCodec): number => (codec === 'opus' ? opusClockRate : videoClockRate);

export interface TapParameters<Codec extends TapCodec = TapCodec> {
  codec: Codec;
  payloadType: number;
  ssrc: number;
}

/** Refuses what cannot be analysed with exact timestamps. `type` is the Tap Consumer's: simple, svc or simulcast. */
export function readTapParameters(rtpParameters: unknown, type: string): TapParameters<VideoCodec> {
  if (type === 'simulcast') {
    throw new Refusal('unsupported', 'simulcast is not analysed: its timestamps change with each layer switch');
  }
  return readParameters(videoCodecs, rtpParameters, 'H264, VP8, VP9 and AV1 work');
}

export function readAudioTapParameters(rtpParameters: unknown): TapParameters<AudioCodec> {
  return readParameters(audioCodecs, rtpParameters, 'Opus works');
}

function readParameters<Codec extends TapCodec>(
  known: Record<string, Codec>,
  rtpParameters: unknown,
  works: string,
): TapParameters<Codec> {
  const { codecs, encodings } = parseOrRefuse(rtpParametersSchema, rtpParameters, 'rtpParameters');
  const { mimeType, payloadType, clockRate } = codecs[0]!;
  const codec = known[mimeType.toLowerCase()];
  if (codec === undefined) throw new Refusal('unsupported', `no decoder for ${mimeType}; ${works}`);
  if (clockRate !== clockRateOf(codec)) throw new Refusal('badRequest', `${mimeType} has no clock of ${clockRate} Hz`);
  return { codec, payloadType, ssrc: encodings[0]!.ssrc };
}
