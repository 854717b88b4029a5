import { z } from 'zod';
import { Refusal, parseOrRefuse } from '../errors.ts';
import { videoClockRate } from '../rtpTime.ts';
import type { VideoCodec } from './Depacketiser.ts';

/** The part of mediasoup's RtpParameters that a receiver needs. */
const rtpParametersSchema = z.object({
  codecs: z
    .array(
      z.object({
        mimeType: z.string().max(64),
        payloadType: z.number().int().min(0).max(127),
        clockRate: z.literal(videoClockRate),
      }),
    )
    .min(1),
  encodings: z.array(z.object({ ssrc: z.number().int().min(0).max(0xffffffff) })).min(1),
});

const codecOfMimeType: Record<string, VideoCodec> = {
  'video/h264': 'h264',
  'video/vp8': 'vp8',
  'video/vp9': 'vp9',
  'video/av1': 'av1',
};

export interface TapParameters {
  codec: VideoCodec;
  payloadType: number;
  ssrc: number;
}

/** Refuses what cannot be analysed with exact timestamps. `type` is the Tap Consumer's: simple, svc or simulcast. */
export function readTapParameters(rtpParameters: unknown, type: string): TapParameters {
  const { codecs, encodings } = parseOrRefuse(rtpParametersSchema, rtpParameters, 'rtpParameters');
  if (type === 'simulcast') {
    throw new Refusal('unsupported', 'simulcast is not analysed: its timestamps change with each layer switch');
  }
  const { mimeType, payloadType } = codecs[0]!;
  const codec = codecOfMimeType[mimeType.toLowerCase()];
  if (codec === undefined) throw new Refusal('unsupported', `no decoder for ${mimeType}; H264, VP8, VP9 and AV1 work`);
  return { codec, payloadType, ssrc: encodings[0]!.ssrc };
}
