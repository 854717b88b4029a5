import { generateRouterRtpCapabilities } from 'mediasoup/ortc';
import type { types } from 'mediasoup';

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
 * the unturned one; playout-delay lets a publisher bound the viewer's jitter buffer, which Lock sets itself.
 */
const refusedExtensions = new Set([
  'urn:3gpp:video-orientation',
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
]);

export function withoutRefusedExtensions<T extends { uri: string }>(headerExtensions: T[] | undefined): T[] {
  return (headerExtensions ?? []).filter(({ uri }) => !refusedExtensions.has(uri));
}

/** The capabilities that peers are told; the same for all Routers of all Workers. */
export function announcedRtpCapabilities(): types.RtpCapabilities {
  const capabilities = generateRouterRtpCapabilities(routerCodecs);
  return { ...capabilities, headerExtensions: withoutRefusedExtensions(capabilities.headerExtensions) };
}
