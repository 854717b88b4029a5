import { generateRouterRtpCapabilities, getProducerRtpParametersMapping } from 'mediasoup/ortc';
import type { types } from 'mediasoup';
import { Refusal } from '@framelock/server/protocol';
import { mediasoupRefusal } from './mediasoupRefusal.ts';

/** PLI, FIR and NACK for repair; REMB and transport-cc for the bandwidth estimate. mediasoup keeps what a peer has too. */
const videoFeedback: types.RtcpFeedback[] = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'goog-remb' },
  { type: 'transport-cc' },
];

function video(mimeType: `video/${string}`, parameters: Record<string, unknown> = {}): types.RouterRtpCodecCapability {
  return { kind: 'video', mimeType, clockRate: 90_000, parameters, rtcpFeedback: videoFeedback };
}

function h264(profileLevelId: string): types.RouterRtpCodecCapability {
  return video('video/H264', {
    'packetization-mode': 1,
    'profile-level-id': profileLevelId,
    'level-asymmetry-allowed': 1,
  });
}

/**
 * What every Router carries. H264 profiles: constrained baseline first, since a client that asks for "H264" takes the
 * first; main and high are what hardware encoders and OBS send.
 */
export const routerCodecs: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2, rtcpFeedback: [{ type: 'transport-cc' }] },
  video('video/VP8'),
  video('video/VP9', { 'profile-id': 0 }),
  video('video/VP9', { 'profile-id': 2 }),
  h264('42e01f'),
  h264('4d001f'),
  h264('640032'),
  video('video/AV1'),
];

/**
 * Header extensions that never pass. video-orientation would have a viewer turn the picture after we computed boxes on
 * the unturned one; playout-delay lets a publisher bound the viewer's jitter buffer, which Lock sets itself. toffset helps
 * nobody here, and mediasoup would write it under the id 9, which is sdes:mid in offers of Chromium (see whepExtensions.ts).
 */
const refusedExtensions = new Set([
  'urn:3gpp:video-orientation',
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'urn:ietf:params:rtp-hdrext:toffset',
]);

export function withoutRefusedExtensions<T extends { uri: string }>(headerExtensions: T[] | undefined): T[] {
  return (headerExtensions ?? []).filter(({ uri }) => !refusedExtensions.has(uri));
}

type Codec = Pick<types.RtpCodecCapability, 'kind' | 'mimeType' | 'clockRate' | 'channels' | 'parameters'>;

/** The one of ours that mediasoup takes for the same, by name, clock, channels and profile. */
export function routerCodecOf({
  kind,
  mimeType,
  clockRate,
  channels,
  parameters,
}: Codec): types.RouterRtpCodecCapability {
  if (!mimeType.startsWith(`${kind}/`)) throw new Refusal('badRequest', `${mimeType} is no codec of kind ${kind}`);
  const capabilities = generateRouterRtpCapabilities(routerCodecs);
  const codec = { payloadType: 96, mimeType, clockRate, channels, parameters: { ...parameters }, rtcpFeedback: [] };
  const { codecs } = matched(`the codec ${mimeType}`, () =>
    getProducerRtpParametersMapping({ codecs: [codec], encodings: [] }, capabilities),
  );
  // Router capabilities are our list in its order, with an RTX behind each video codec.
  const ours = capabilities.codecs!.filter((one) => !/\/rtx$/i.test(one.mimeType));
  return routerCodecs[ours.findIndex((one) => one.preferredPayloadType === codecs[0]!.mappedPayloadType)]!;
}

function matched<T>(what: string, match: () => T): T {
  try {
    return match();
  } catch (error) {
    throw mediasoupRefusal(error, what);
  }
}

/** The capabilities that peers are told; the same for all Routers of all Workers. */
export function announcedRtpCapabilities(): types.RtpCapabilities {
  const capabilities = generateRouterRtpCapabilities(routerCodecs);
  return { ...capabilities, headerExtensions: withoutRefusedExtensions(capabilities.headerExtensions) };
}
